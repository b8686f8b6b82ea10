"""``wall-oss bench``: figures of this machine, measured, with how they were taken.

`frames` runs the demo's graph and counts camera frames from the simulator's publisher to
camera_sync; `loops` shows what its processes cost and how even their loops run; `sim` times the
simulator alone; `tasks` runs the scripted policy over seeded scenes in the lockstep loop.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from pathlib import Path

import numpy as np

from wall_oss_ros.bringup.locations import robots_folder
from wall_oss_ros.cli.session import session
from wall_oss_ros.core.contract import load_contract
from wall_oss_ros.policies.scripted import ScriptedPolicy
from wall_oss_ros.ros.conductor import Conductor
from wall_oss_ros.sim.cameras import SimCameras
from wall_oss_ros.sim.lockstep import Lockstep
from wall_oss_ros.sim.robot import SimRobot
from wall_oss_ros.sim.tasks import TASKS
from wall_oss_ros.srv import InjectFault

_BENCHES = ("frames", "loops", "sim", "tasks")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("what", choices=_BENCHES, help="what to measure")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to measure")
    parser.add_argument("--episodes", type=int, default=20, help="episodes per task (tasks)")
    parser.add_argument("--image-size", type=int, default=448, help="camera pictures [px]")


def run(options: argparse.Namespace) -> int:
    """Measure and print a table; return 1 if a figure misses what the project promises."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    return {"frames": _frames, "loops": _loops, "sim": _sim, "tasks": _tasks}[options.what](options)


def _sorting(options: argparse.Namespace) -> dict[str, str]:
    """Return the bring-up of a robot that is busy for a while."""
    return {"task": "sort_cubes", "image_size": str(options.image_size), "log_level": "warn"}


def _frames(options: argparse.Namespace) -> int:
    """Count frames over the demo's graph, moving robot included."""
    with session(_sorting(options)) as running:
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


def _loops(options: argparse.Namespace) -> int:
    """Measure CPU per process, loop periods and chunk ages while the robot sorts cubes."""
    with session(_sorting(options)) as running:
        conductor, runner = running.conductor, running.runner
        conductor.begin(runner.managed)
        conductor.spin(2.0)
        before = {name: _cpu_s(runner.pid(name)) for name in runner.managed}
        start = time.monotonic()
        conductor.spin(options.seconds)
        elapsed_s = time.monotonic() - start
        after = {name: _cpu_s(runner.pid(name)) for name in runner.managed}
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
        p50, p95, p99 = seen.policy.chunk_age_ms
        print(f"\ncapture to chunk      p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms")
    return 0


def _cpu_s(pid: int) -> float:
    """Return the CPU time a process has used [s]."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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


def _sim(options: argparse.Namespace) -> int:
    """Time physics and drawing alone, one after the other, without ROS."""
    contract = load_contract(robots_folder() / "tiago_pro_sim.yaml")
    robot = SimRobot(contract, task="pick_cube", seed=0)
    begin = time.perf_counter()
    ticks = 0
    while time.perf_counter() - begin < min(options.seconds, 10.0):
        robot.step()
        ticks += 1
    physics = ticks * robot.dt_s / (time.perf_counter() - begin)
    cameras = SimCameras(robot.model, tuple(contract.cameras), options.image_size)
    cameras.render(robot.snapshot())
    times = []
    begin = time.perf_counter()
    while time.perf_counter() - begin < min(options.seconds, 10.0):
        robot.step()
        start = time.perf_counter()
        cameras.render(robot.snapshot())
        times.append(time.perf_counter() - start)
    cameras.close()
    p50, p99 = np.percentile(times, (50, 99))
    # What one second costs with 10 pictures per camera.
    factor = 1.0 / (1.0 / physics + 10.0 * p50)
    print(f"physics alone          {physics:6.1f} x real time")
    print(
        f"{len(contract.cameras)} pictures of {options.image_size} px  "
        f"p50 {p50 * 1e3:.1f} ms  p99 {p99 * 1e3:.1f} ms  ({1 / p50:.0f} sets/s)"
    )
    print(f"both, 10 sets/s        {factor:6.1f} x real time (on one thread)")
    return 0 if factor >= 1.0 else 1


def _tasks(options: argparse.Namespace) -> int:
    """Count successes of the scripted policy through executor and supervisor."""
    contract = load_contract(robots_folder() / "tiago_pro_sim.yaml")
    robot = SimRobot(contract)
    blank = dict.fromkeys(contract.cameras, np.zeros((4, 4, 3), np.uint8))
    loop = Lockstep(contract, robot, ScriptedPolicy(contract), render=lambda snapshot: blank)
    print(f"{'task':12} {'success':>8} {'mean progress':>14} {'median time':>12} {'stops':>6}")
    complete = True
    for task in TASKS:
        progress, times, stops = [], [], 0
        for seed in range(1000, 1000 + options.episodes):
            robot.reset(task=task, seed=seed)
            state = loop.run(robot.task_state().instruction, limit_s=40.0)
            progress.append(state.progress)
            stops += not loop.supervisor.motion_enabled
            if state.success:
                times.append(state.elapsed_s)
        complete = complete and len(times) == options.episodes
        median = f"{np.median(times):.1f} s" if times else "-"
        print(
            f"{task:12} {len(times):4}/{options.episodes:<3} {np.mean(progress):14.0f} "
            f"{median:>12} {stops:6}",
            flush=True,
        )
    return 0 if complete else 1
