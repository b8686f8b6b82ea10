"""Camera frames from the simulator's publisher to camera_sync, over the demo's graph."""

from __future__ import annotations

import argparse
import time

from wall_oss_ros.cli.session import session, sorting
from wall_oss_ros.ros.conductor import Conductor
from wall_oss_ros.srv import InjectFault


def run(options: argparse.Namespace) -> int:
    """Count frames over the demo's graph, moving robot included."""
    with session(sorting(options.image_size)) as running:
        conductor, cameras = running.conductor, tuple(running.contract.cameras)
        conductor.begin(running.runner.managed)
        first = _settled_counts(conductor, cameras)
        start = time.monotonic()
        conductor.spin(options.seconds)
        last = _settled_counts(conductor, cameras)
        elapsed_s = time.monotonic() - start
    print(f"{'camera':14} {'px':>5} {'published':>10} {'arrived':>8} {'share':>8}")
    worst = 1.0
    for name in cameras:
        sent, came = last[name][0] - first[name][0], last[name][1] - first[name][1]
        share = came / sent if sent else 0.0
        worst = min(worst, share)
        print(f"{name:14} {options.image_size:5} {sent:10.0f} {came:8.0f} {share:8.2%}")
    print(f"over {elapsed_s:.0f} s")
    return 0 if worst >= 0.99 else 1


def _settled_counts(
    conductor: Conductor, cameras: tuple[str, ...]
) -> dict[str, tuple[float, float]]:
    """Return published and arrived frames by camera.

    The cameras are silenced for a moment, so that both ends count the same frames.
    """
    for fault in ("silence", "none"):
        for name in cameras:
            request = InjectFault.Request(stream=name, fault=fault)
            conductor.call("sim_robot/inject_fault", (InjectFault, request))
        if fault == "silence":
            conductor.spin(0.3)
            conductor.next_diagnostic("sim_robot")
            conductor.next_diagnostic("camera_sync")
            counts = {
                name: (
                    conductor.diagnostic("sim_robot", f"camera {name} published"),
                    conductor.diagnostic("camera_sync", f"camera {name} received"),
                )
                for name in cameras
            }
    return counts
