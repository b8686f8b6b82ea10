"""``wall-oss demo``: the whole loop on one machine, without a robot.

Starts the graph with the simulated robot, gives the instruction of the scene, enables motion, shows
what happens once a second and ends with one line of figures.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

from wall_oss_ros.bringup.graph import make_graph
from wall_oss_ros.bringup.runner import Runner
from wall_oss_ros.core.errors import BringUpError
from wall_oss_ros.ros.ending import Ending

_START_TIMEOUT_S = 90.0
_MOST_STOPS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--task", default="pick_cube", help="task of the scene")
    parser.add_argument("--colour", default="red", help="colour the task names; 'any': by seed")
    parser.add_argument("--seed", type=int, default=0, help="seed of the scene")
    parser.add_argument("--seconds", type=float, default=90.0, help="give up after this long")
    parser.add_argument("--policy", default="scripted", help="policy back end")
    parser.add_argument("--checkpoint", default="", help="what the policy loads")
    parser.add_argument("--image-size", type=int, default=448, help="camera pictures [px]")
    parser.add_argument("--film", default="log/demo.webp", help="film of a run without window")
    parser.add_argument(
        "--headless", action="store_true", help="no window even where there is a display"
    )


@dataclass(frozen=True, slots=True)
class _Count:
    """Observations and chunks at one time."""

    time_s: float
    observations: float
    chunks: int


class _InterruptedError(Exception):
    """Ctrl-C while the demo runs."""


def run(options: argparse.Namespace) -> int:
    """Run the demo; return 0 if the task was completed."""
    if options.seconds <= 0:
        raise BringUpError(f"--seconds: got {options.seconds:g}; expected above 0")
    # The demo publishes controller topics: they must never reach a real robot on the network.
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    display = not options.headless and bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    film = "" if display else str(Path(options.film).resolve())
    graph = make_graph(
        {
            "task": options.task,
            "colour": "" if options.colour == "any" else options.colour,
            "seed": str(options.seed),
            "policy": options.policy,
            "checkpoint": options.checkpoint,
            "image_size": str(options.image_size),
            "window": str(display).lower(),
            "film": film,
        }
    )
    os.environ.update(graph.environment)
    ending = Ending()
    with ending.on_signals():
        runner = Runner(graph)
        try:
            runner.start()
            return _conduct(runner, ending, options.seconds)
        except _InterruptedError:
            print("interrupted", flush=True)
            return 130
        finally:
            runner.stop()
            if film and Path(film).is_file():
                print(f"film of this run: {film}", flush=True)


def _conduct(runner: Runner, ending: Ending, limit_s: float) -> int:
    from wall_oss_ros.ros.conductor import Conductor

    def giving_up() -> None:
        if ending.requested:
            raise _InterruptedError
        if runner.poll() is not None:
            raise BringUpError("the graph ended; its last lines above say why")

    conductor = Conductor(giving_up=giving_up)
    seen = conductor.seen
    try:
        conductor.wait_until_active(runner.managed, _START_TIMEOUT_S)
        conductor.wait_for(lambda: seen.task is not None, 10.0, "a task state of the simulator")
        assert seen.task is not None
        print(f"task '{seen.task.task}': \"{seen.task.instruction}\"", flush=True)
        conductor.instruct(seen.task.instruction)
        conductor.wait_for(
            lambda: _observing(conductor), 15.0, "an observation (see the lines of camera_sync)"
        )
        conductor.enable_motion(10.0)
        return _watch(conductor, limit_s)
    finally:
        conductor.close()


def _observing(conductor) -> bool:  # type: ignore[no-untyped-def]
    return conductor.seen.policy is not None and conductor.seen.policy.chunks > 0


def _watch(conductor, limit_s: float) -> int:  # type: ignore[no-untyped-def]
    seen = conductor.seen
    first = _count(conductor)
    start = time.monotonic()
    success = False
    stops = 0
    while not success and time.monotonic() - start < limit_s:
        conductor.spin(1.0)
        success = seen.task.success
        print(_line(conductor, time.monotonic() - start), flush=True)
        if not seen.safety.motion_enabled and not success:
            print(f"motion was revoked: {'; '.join(seen.safety.latched_causes)}", flush=True)
            if stops == _MOST_STOPS:
                break
            # A busy machine delays messages, and late messages stop the robot, as they should. Here
            # nobody can be hurt, so the demo does what a person would after a look.
            stops += 1
            conductor.enable_motion(10.0)
            print(f"motion enabled again ({stops} of {_MOST_STOPS})", flush=True)
    elapsed_s = time.monotonic() - start
    if not success:
        print("the task was not completed", flush=True)
    # One more round of diagnostics, so that short runs have figures too.
    conductor.spin(2.0)
    last = _count(conductor)
    span_s = max(last.time_s - first.time_s, 1e-9)
    conductor.call("safety_supervisor/enable_motion", False)
    print(
        f"task progress {seen.task.progress:.0f}/100 ({', '.join(seen.task.milestones) or 'none'}) "
        f"in {elapsed_s:.1f} s; observations "
        f"{(last.observations - first.observations) / span_s:.1f} Hz, chunks "
        f"{(last.chunks - first.chunks) / span_s:.1f} Hz, commands {seen.executor.rate:.1f} Hz, "
        f"real-time factor {seen.task.real_time_factor:.2f}",
        flush=True,
    )
    return 0 if success else 1


def _count(conductor) -> _Count:  # type: ignore[no-untyped-def]
    """Take both counters at the moment of a new diagnostic message."""
    before = conductor.seen.diagnosed_s.get("camera_sync")
    conductor.wait_for(
        lambda: conductor.seen.diagnosed_s.get("camera_sync") != before,
        5.0,
        "a diagnostic message of camera_sync",
    )
    return _Count(
        conductor.seen.diagnosed_s["camera_sync"],
        conductor.diagnostic("camera_sync", "observations"),
        conductor.seen.policy.chunks,
    )


def _line(conductor, elapsed_s: float) -> str:  # type: ignore[no-untyped-def]
    from wall_oss_ros.core.executor import ExecutorStatus
    from wall_oss_ros.core.safety import Mode

    seen = conductor.seen
    last = seen.task.milestones[-1] if seen.task.milestones else "under way"
    return (
        f"  {elapsed_s:5.1f} s  progress {seen.task.progress:3.0f}  {last:28.28}  "
        f"safety {Mode(seen.safety.mode).name:8}  executor "
        f"{ExecutorStatus(seen.executor.state).name:8}  chunk {seen.executor.chunk_seq}"
    )
