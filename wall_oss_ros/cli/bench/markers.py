"""What it costs to be looked at: CPU of chunk_visualizer, size of markers, rhythm of commands."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Iterator, Sequence

import numpy as np
from rclpy.serialization import serialize_message
from visualization_msgs.msg import MarkerArray

from wall_oss_ros.cli.bench.loops import cpu_s
from wall_oss_ros.cli.bench.monitor import COMMANDS, WATCHED
from wall_oss_ros.cli.bench.rig import Rig
from wall_oss_ros.cli.bench.stage import exercising
from wall_oss_ros.cli.bench.table import markdown
from wall_oss_ros.cli.bench.yardstick import slowness
from wall_oss_ros.core.errors import BringUpError
from wall_oss_ros.ros import qos

TOPIC = "visualization/markers"
NODE = "chunk_visualizer"
# What the project promises; the share is that of the reference machine.
_MOST_BYTES, _MOST_SHARE = 200_000, 0.03
_SETTLE_S, _QUICK_S = 3.0, 5.0
_HEAD = (
    "watched",
    "CPU of the node",
    "of the reference machine",
    "updates",
    "largest kB",
    "between commands p50 ms",
    "p99 ms",
    "max ms",
)


def run(options: argparse.Namespace) -> int:
    """Measure without and with somebody who looks; return 1 if a promise is not kept."""
    seconds = _QUICK_S if options.quick else options.seconds
    rows: list[Sequence[object]] = []
    good = True
    slow = slowness()
    arguments = {
        "visualize": "true",
        "image_size": str(options.image_size),
        "log_level": "error",
    }
    with exercising(WATCHED, arguments=arguments, node_log=options.node_log) as rig:
        for watched in (False, True, False, True):
            sizes: list[int] = []
            with _looking(rig, sizes if watched else None):
                rig.pause(_SETTLE_S)
                sizes.clear()
                share, gaps_ms = measured(rig, NODE, seconds)
            p50, p99 = np.percentile(gaps_ms, (50, 99))
            largest = max(sizes, default=0)
            rows.append(
                (
                    "yes" if watched else "no",
                    f"{share:.1%}",
                    f"{share / slow:.1%}",
                    len(sizes),
                    f"{largest / 1e3:.1f}",
                    *(f"{value:.2f}" for value in (p50, p99, gaps_ms.max())),
                )
            )
            good = good and largest < _MOST_BYTES and share / slow < _MOST_SHARE
            good = good and bool(sizes) == watched
    print(f"{seconds:g} s each, markers ten times a second, machine {slow:.1f} times as slow as")
    print(f"the reference (bench/yardstick.py)\n\n{markdown(_HEAD, rows)}")
    return 0 if good else 1


@contextlib.contextmanager
def _looking(rig: Rig, sizes: list[int] | None) -> Iterator[None]:
    """Subscribe as a viewer does; without a list, nobody looks."""
    node = rig.conductor.node
    if sizes is None:
        yield
        return
    watcher = node.create_subscription(
        MarkerArray,
        TOPIC,
        lambda message: sizes.append(len(serialize_message(message))),
        qos.EVENTS,  # as many wait as come between two looks of this process
    )
    try:
        yield
    finally:
        node.destroy_subscription(watcher)


def measured(rig: Rig, node: str, seconds: float) -> tuple[float, np.ndarray]:
    """Return a node's share of a core, and the times between commands [ms]."""
    pid = rig.session.runner.pid(node)
    before, begin_ns = cpu_s(pid), time.monotonic_ns()
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        rig.conductor.spin(min(left, 0.2))
        with contextlib.suppress(BringUpError):
            rig.set_in_motion()
    share = (cpu_s(pid) - before) / (1e-9 * (time.monotonic_ns() - begin_ns))
    arrivals = [each.ns for each in rig.monitor.since(COMMANDS, begin_ns)]
    return share, 1e-6 * np.diff(arrivals)
