"""How long a picture takes to become motion: from the camera's stamp to the first command of it.

The simulator's cameras are still ones, so that drawing does not count, and stamped when they are
sent. Every node measures its own stages; from end to end a listener in this process measures, too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from wall_oss_ros.cli.bench.derived_contract import derived_contract
from wall_oss_ros.cli.bench.monitor import (
    CHUNKS,
    COMMANDS,
    EXECUTOR,
    POLICY,
    POLICY_STATE,
    SAFETY,
    WATCHED,
)
from wall_oss_ros.cli.bench.rig import Rig
from wall_oss_ros.cli.bench.stage import exercising
from wall_oss_ros.cli.bench.table import markdown
from wall_oss_ros.core.errors import BringUpError
from wall_oss_ros.messages.stamps import to_ns

# What the project promises, model time excluded [ms].
_P50_MS, _P99_MS = 15.0, 30.0
# Long enough for the executor to find the phase of the chunks.
_SETTLE_S, _QUICK_S = 8.0, 8.0
_STATES = (POLICY, EXECUTOR, SAFETY)
_DIAGNOSTIC = " p50 p95 p99 [ms]"


def run(options: argparse.Namespace) -> int:
    """Measure; print the table; return 1 if the promise is not kept."""
    if options.camera_rate <= 0.0:
        raise BringUpError(f"--camera-rate: got {options.camera_rate:g}; expected above 0")
    rate = {"rate": options.rate} if options.rate else {}
    seconds = _QUICK_S if options.quick else options.seconds
    with derived_contract(options.camera_rate) as contract:
        arguments = {
            "robot": str(contract),
            "image_size": str(options.image_size),
            "log_level": "error",
        }
        parameters = {
            "sim_robot": {"cameras": "still"},
            # No picture waits because the policy was asked a moment ago.
            "policy": {"max_rate": min(100.0, 2.0 * options.camera_rate)},
            "camera_sync": {"priority": options.priority},
            **{
                node: {"priority": options.priority, "align": not options.no_align, **rate}
                for node in ("chunk_executor", "safety_supervisor")
            },
        }
        with exercising(
            {**WATCHED, **POLICY_STATE},
            arguments=arguments,
            parameters=parameters,
            node_log=options.node_log,
            priority=options.priority,
        ) as rig:
            rig.pause(_SETTLE_S)
            begin_ns = time.monotonic_ns()
            _let_run(rig, seconds)
            ways, thinking = end_to_end(rig, begin_ns)
            rows = [*_own_rows(rig)]
    without = ways - thinking
    rows += [
        ("camera_to_command", "monitor", *_figures(ways)),
        ("inference", "chunks", *_figures(thinking)),
        ("camera_to_command, model time excluded", "monitor", *_figures(without)),
    ]
    cameras = f"three cameras of {options.image_size} px at {options.camera_rate:g} Hz"
    table = markdown(("stage", "measured by", "count", "p50 ms", "p95 ms", "p99 ms"), rows)
    print(f"{cameras}, {seconds:g} s\n\n{table}")
    good = len(without) > 0 and np.percentile(without, 50) <= _P50_MS
    return 0 if good and np.percentile(without, 99) <= _P99_MS else 1


def end_to_end(rig: Rig, since_ns: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what passed from each picture's stamp to its first command, and the inference's share.

    Args:
        rig: the running graph.
        since_ns: from when on [ns, monotonic].

    Returns:
        (n,) and (n,) [ms], one per chunk that was followed.
    """
    # Stamps are on the system's clock; arrivals on the monotonic one.
    offset_ns = time.time_ns() - time.monotonic_ns()
    thinking = {
        to_ns(each.message.header.stamp): each.message.preprocess_ms
        + each.message.prefix_ms
        + each.message.denoise_ms
        for each in rig.monitor.since(CHUNKS, since_ns)
    }
    first: dict[int, float] = {}
    for each in rig.monitor.since(COMMANDS, since_ns):
        stamp_ns = to_ns(each.message.source_stamp)
        if each.message.source_seq and stamp_ns in thinking and stamp_ns not in first:
            first[stamp_ns] = (each.ns + offset_ns - stamp_ns) * 1e-6
    stamps = sorted(first)
    return (
        np.array([first[stamp] for stamp in stamps]),
        np.array([thinking[stamp] for stamp in stamps]),
    )


def _let_run(rig: Rig, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        rig.conductor.spin(min(left, 0.2))  # diagnostics come to the conductor
        rig.set_in_motion()


def _own_rows(rig: Rig) -> Iterator[Sequence[object]]:
    """Yield the stages that the nodes measured themselves, over their last measurements."""
    seen: Mapping[str, Mapping[str, str]] = rig.conductor.seen.diagnostics
    for key, value in seen.get("camera_sync", {}).items():
        if key.endswith(_DIAGNOSTIC):
            yield (key.removesuffix(_DIAGNOSTIC), "camera_sync", "-", *value.split())
    for topic in _STATES:
        for stage in rig.monitor.newest(topic).message.latency:
            yield (
                stage.name,
                topic.partition("/")[0],
                stage.count,
                *(f"{ms:.2f}" for ms in stage.ms),
            )


def _figures(ms: np.ndarray) -> tuple[str, ...]:
    if len(ms) == 0:
        return ("0", "-", "-", "-")
    return (str(len(ms)), *(f"{value:.2f}" for value in np.percentile(ms, (50, 95, 99))))
