"""``wall-oss demo``: the whole loop on one machine, without a robot.

Starts the graph with the simulated robot, gives the instruction of the scene, enables motion, shows
what happens once a second and ends with one line of figures. All nodes follow simulated time, which
waits for the pictures: on a slow machine the robot does the same, slower.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

from wall_oss_ros.bringup.graph import missing_for_viewing
from wall_oss_ros.cli.recorded import recorded
from wall_oss_ros.cli.session import InterruptedSessionError, session
from wall_oss_ros.cli.shipped import Choice, policy_for
from wall_oss_ros.core.errors import BringUpError
from wall_oss_ros.core.executor import ExecutorStatus
from wall_oss_ros.core.pacing import SLOWEST
from wall_oss_ros.core.safety import Mode
from wall_oss_ros.ros.conductor import Conductor

# Below this share of the real-time factor that was asked for it is said what that means.
_SLOW = 0.95
# With fewer chunks per observation it is said why a task was not completed.
_FEW = 0.7
_MOST_STOPS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--task", default="pick_cube", help="task of the scene")
    parser.add_argument("--colour", default="", help="colour the task names; 'any': by seed")
    parser.add_argument("--seed", type=int, default=0, help="seed of the scene")
    parser.add_argument(
        "--seconds", type=float, default=90.0, help="give up after this long of the robot's time"
    )
    parser.add_argument(
        "--policy",
        default="",
        help="policy back end (default: the learned one that comes along for the task, or else the "
        "script)",
    )
    parser.add_argument("--checkpoint", default="", help="what the policy loads")
    parser.add_argument("--image-size", type=int, default=448, help="camera pictures [px]")
    parser.add_argument(
        "--real-time-factor",
        type=float,
        default=1.0,
        help="how fast the robot's time passes at most; below 1 a slow policy has more time",
    )
    parser.add_argument("--film", default="log/demo.webp", help="film of a run without window")
    parser.add_argument(
        "--headless", action="store_true", help="no window even where there is a display"
    )
    parser.add_argument(
        "--view",
        action=argparse.BooleanOptionalAction,
        help="serve the web view and print its address (default: unless headless)",
    )
    parser.add_argument(
        "--record", default="", metavar="FOLDER", help="record the run as an episode there"
    )


@dataclass(frozen=True, slots=True)
class _Count:
    """Observations and chunks at one time [s of the nodes' clock]."""

    time_s: float
    observations: float
    chunks: int


@dataclass(frozen=True, slots=True)
class _Rates:
    """Per second of the nodes' clock [Hz]."""

    observations: float
    chunks: float

    @classmethod
    def between(cls, first: _Count, last: _Count) -> _Rates:
        """Return the rates between two counts."""
        span_s = max(last.time_s - first.time_s, 1e-9)
        return cls(
            (last.observations - first.observations) / span_s, (last.chunks - first.chunks) / span_s
        )


def run(options: argparse.Namespace) -> int:
    """Run the demo; return 0 if the task was completed."""
    if options.seconds <= 0:
        raise BringUpError(f"--seconds: got {options.seconds:g}; expected above 0")
    display = not options.headless and bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    chosen = Choice(options.policy or "wall_oss", options.checkpoint, "as asked")
    if not options.policy and not options.checkpoint:
        chosen = policy_for(options.task)
        print(f"policy: {chosen.why}", flush=True)
    film = "" if display else str(Path(options.film).resolve())
    arguments = {
        "task": options.task,
        "colour": _colour(options),
        "seed": str(options.seed),
        "policy": chosen.policy,
        "checkpoint": chosen.checkpoint,
        "image_size": str(options.image_size),
        "window": str(display).lower(),
        "film": film,
        "record": str(bool(options.record)).lower(),
        "episodes": options.record or "episodes",
        "view": str(_views(options)).lower(),
        "use_sim_time": "true",
        "real_time_factor": str(options.real_time_factor),
    }
    try:
        with session(arguments) as running:
            conductor = running.conductor
            text = conductor.begin(running.runner.managed)
            print(f"task '{conductor.task.task}': \"{text}\"", flush=True)
            with recorded(conductor, bool(options.record)):
                status = _watch(conductor, options.seconds, options.real_time_factor)
    except InterruptedSessionError:
        print("interrupted", flush=True)
        return 130
    if film and Path(film).is_file():
        print(f"film of this run: {film}", flush=True)
    return status


def _views(options: argparse.Namespace) -> bool:
    """Return whether the web view is served; say so where it was to be and cannot."""
    if not (not options.headless if options.view is None else options.view):
        return False
    missing = missing_for_viewing()
    if missing is not None:
        print(f"no web view: {missing}", flush=True)
    return missing is None


def _colour(options: argparse.Namespace) -> str:
    """Red is the picture in the README; other tasks may leave the colour to the seed."""
    if options.colour == "any":
        return ""
    return options.colour or ("red" if options.task == "pick_cube" else "")


def _watch(conductor: Conductor, limit_s: float, fastest: float) -> int:
    first = _count(conductor)
    begin_s, begin_wall_s = conductor.task.elapsed, time.monotonic()
    success = False
    stops = 0
    while not success and conductor.task.elapsed - begin_s < limit_s:
        conductor.let_pass(1.0)
        success = bool(conductor.task.success)
        print(_line(conductor, conductor.task.elapsed - begin_s), flush=True)
        safety = conductor.seen.safety
        if safety is not None and not safety.motion_enabled and not success:
            print(f"motion was revoked: {'; '.join(safety.latched_causes)}", flush=True)
            if stops == _MOST_STOPS:
                break
            # A busy machine delays messages, and late messages stop the robot, as they should. Here
            # nobody can be hurt, so the demo does what a person would after a look.
            stops += 1
            conductor.enable_motion(10.0)
            print(f"motion enabled again ({stops} of {_MOST_STOPS})", flush=True)
    elapsed_s, wall_s = conductor.task.elapsed - begin_s, time.monotonic() - begin_wall_s
    if not success:
        print("the task was not completed", flush=True)
    # One more round of diagnostics, so that short runs have figures too.
    conductor.let_pass(2.0)
    rates = _Rates.between(first, _count(conductor))
    conductor.call("safety_supervisor/enable_motion", False)
    print(_figures(conductor, rates, elapsed_s), flush=True)
    factor = conductor.task.real_time_factor
    if factor < _SLOW * fastest:
        print(
            f"The robot's {elapsed_s:.1f} s took {wall_s:.1f} s of this machine, at {factor:.2f} "
            "of real time; rates are per second of the robot. Smaller pictures (--image-size 224) "
            "are faster.",
            flush=True,
        )
    if not success and rates.chunks < _FEW * rates.observations:
        print(
            f"The policy answered {rates.chunks:.1f} times a second to {rates.observations:.1f} "
            "observations: this machine is too slow for it, and would be on a robot. Here "
            f"--real-time-factor {max(SLOWEST, factor / 4):.2f} gives it more time.",
            flush=True,
        )
    return 0 if success else 1


def _figures(conductor: Conductor, rates: _Rates, elapsed_s: float) -> str:
    """Return the line of figures: in the robot's time, but for inference."""
    task, executor = conductor.task, conductor.seen.executor
    return (
        f"task progress {task.progress:.0f}/100 ({', '.join(task.milestones) or 'none'}) "
        f"in {elapsed_s:.1f} s; observations {rates.observations:.1f} Hz, chunks "
        f"{rates.chunks:.1f} Hz{_inference(conductor)}, commands "
        f"{executor.rate if executor else 0.0:.1f} Hz, real-time factor "
        f"{task.real_time_factor:.2f}"
    )


def _count(conductor: Conductor) -> _Count:
    """Take both counters at the moment of a new diagnostic message of camera_sync."""
    conductor.next_diagnostic("camera_sync")
    policy = conductor.seen.policy
    return _Count(
        conductor.seen.diagnosed_s["camera_sync"],
        conductor.diagnostic("camera_sync", "observations"),
        policy.chunks if policy else 0,
    )


def _inference(conductor: Conductor) -> str:
    """Return how long chunks took; nothing before the first."""
    policy = conductor.seen.policy
    for stage in policy.latency if policy else ():
        if stage.name == "inference" and stage.count:
            return f" (inference p50 {stage.ms[0]:.0f} ms, p95 {stage.ms[1]:.0f} ms)"
    return ""


def _line(conductor: Conductor, elapsed_s: float) -> str:
    task, seen = conductor.task, conductor.seen
    last = task.milestones[-1] if task.milestones else "under way"
    safety = Mode(seen.safety.mode).name if seen.safety else "?"
    executor = ExecutorStatus(seen.executor.state).name if seen.executor else "?"
    return (
        f"  {elapsed_s:5.1f} s  progress {task.progress:3.0f}  {last:28.28}  "
        f"safety {safety:8}  executor {executor:8}  chunk "
        f"{seen.executor.chunk_seq if seen.executor else 0}"
    )
