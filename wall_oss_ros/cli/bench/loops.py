"""What the processes of the demo's graph cost, and how even their loops run."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from wall_oss_ros.cli.session import session, sorting


def run(options: argparse.Namespace) -> int:
    """Measure CPU per process, loop periods and chunk ages while the robot sorts cubes."""
    with session(sorting(options.image_size)) as running:
        conductor, runner = running.conductor, running.runner
        conductor.begin(runner.managed)
        conductor.spin(2.0)
        before = {name: cpu_s(runner.pid(name)) for name in runner.managed}
        start = time.monotonic()
        conductor.spin(options.seconds)
        elapsed_s = time.monotonic() - start
        after = {name: cpu_s(runner.pid(name)) for name in runner.managed}
        seen = conductor.seen
    print(f"{'process':20} {'CPU of one core':>16}")
    for name in runner.managed:
        print(f"{name:20} {(after[name] - before[name]) / elapsed_s:16.0%}")
    print(f"\n{'loop':20} {'rate':>8} {'period error p50':>17} {'p99':>9} {'max':>9}")
    for name, state in (("chunk_executor", seen.executor), ("safety_supervisor", seen.safety)):
        if state is not None:
            p50, p99, most = state.period_error_ms
            print(f"{name:20} {state.rate:5.1f} Hz {p50:14.3f} ms {p99:6.2f} ms {most:6.2f} ms")
    if seen.policy is not None:
        print()
        for stage in seen.policy.latency:
            p50, p95, p99 = stage.ms
            print(f"{stage.name:20} p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms")
    return 0


def cpu_s(pid: int) -> float:
    """Return the CPU time a process has used [s]."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
