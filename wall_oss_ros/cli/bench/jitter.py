"""How late the ticks of 200 Hz loops begin, with the full graph running.

Four rows per loop: alone, and beside a program per core that computes without end; each without and
with real-time priority and locked memory. The figures are the loops' own histograms.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from wall_oss_ros.cli.bench.histogram import Lateness
from wall_oss_ros.cli.bench.monitor import EXECUTOR, SAFETY, TRUTH, WATCHED, Arrival
from wall_oss_ros.cli.bench.rig import Rig
from wall_oss_ros.cli.bench.stage import exercising
from wall_oss_ros.cli.bench.table import markdown
from wall_oss_ros.core.errors import BringUpError
from wall_oss_ros.messages.stamps import to_ns

RATE_HZ = 200.0
_PRIORITY = 80
_LOOPS = {"safety_supervisor": SAFETY, "chunk_executor": EXECUTOR}
_P99_MS = 1.0
_SETTLE_S, _QUICK_S = 3.0, 5.0
# As long as it takes: the hog ends with its parent.
_HOG = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(100000))"


def run(options: argparse.Namespace) -> int:
    """Measure the rows; return 1 if a loop misses what is promised."""
    seconds = _QUICK_S if options.quick else options.seconds
    rows: list[Sequence[object]] = []
    histograms: list[tuple[str, Lateness]] = []
    promised = True
    for real_time in (False, True):
        for hogs in (0, os.cpu_count() or 1):
            with _graph(real_time, options) as rig, _computing(hogs):
                rig.pause(_SETTLE_S)
                measured = _measure(rig, seconds)
                for loop, (lateness, missed) in measured.items():
                    granted = getattr(rig.monitor.newest(_LOOPS[loop]).message, "real_time", False)
                    priority = _words(real_time, granted)
                    load = f"{hogs} hogs" if hogs else "graph alone"
                    rows.append((loop, load, priority, *lateness.figures(), f"{missed:.1%}"))
                    histograms.append((f"{loop}, {load}, {priority}", lateness))
                    # Beside a hog of the same priority nobody can promise anything.
                    if not hogs or granted:
                        promised = promised and lateness.within(99.0, _P99_MS)
                print(
                    f"{'priority' if real_time else 'no priority'}, {hogs} hogs: done", flush=True
                )
    head = (
        "loop",
        "beside",
        "real-time",
        "ticks",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "max ms",
        "missed",
    )
    print(f"\n{RATE_HZ:g} Hz, {seconds:g} s each\n\n{markdown(head, rows)}\n")
    for name, lateness in histograms:
        print(f"{name}\n{lateness.drawn()}\n")
    return 0 if promised else 1


@contextlib.contextmanager
def _graph(real_time: bool, options: argparse.Namespace) -> Iterator[Rig]:
    loop: dict[str, Any] = {"rate": RATE_HZ}
    if real_time:
        loop |= {"priority": options.priority or _PRIORITY, "lock_memory": True}
    topics = {name: WATCHED[name] for name in (TRUTH, SAFETY, EXECUTOR)}
    with exercising(
        topics,
        arguments={"image_size": str(options.image_size), "log_level": "error"},
        parameters={name: dict(loop) for name in _LOOPS},
        node_log=options.node_log,
    ) as rig:
        yield rig


@contextlib.contextmanager
def _computing(count: int) -> Iterator[None]:
    """Keep every core busy at ordinary priority."""
    hogs = [subprocess.Popen([sys.executable, "-c", _HOG]) for _ in range(count)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def _measure(rig: Rig, seconds: float) -> dict[str, tuple[Lateness, float]]:
    """Return what the histograms grew by, and the share of ticks that were left out.

    A loop that is more than a period late does not make up for the ticks in between; only the late
    one is in the histogram. Motion that a late tick revoked is enabled again.
    """
    first = {loop: rig.monitor.newest(topic) for loop, topic in _LOOPS.items()}
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        rig.pause(min(left, 1.0))
        with contextlib.suppress(BringUpError):
            rig.set_in_motion()
        rig.conductor.check()
    return {loop: _grown(first[loop], rig.monitor.newest(_LOOPS[loop])) for loop in _LOOPS}


def _grown(first: Arrival, last: Arrival) -> tuple[Lateness, float]:
    lateness = _histogram(last).since(_histogram(first))
    stamps_ns = [to_ns(each.message.header.stamp) for each in (first, last)]
    due = (stamps_ns[1] - stamps_ns[0]) * 1e-9 * RATE_HZ
    return lateness, max(0.0, 1.0 - lateness.ticks / due)


def _histogram(arrival: Arrival) -> Lateness:
    state = arrival.message
    return Lateness(tuple(state.lateness_bounds_ms), tuple(state.lateness_counts))


def _words(wanted: bool, granted: bool) -> str:
    if not wanted:
        return "no"
    return "yes" if granted else "refused by this machine"
