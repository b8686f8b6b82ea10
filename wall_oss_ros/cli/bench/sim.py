"""The simulator alone: physics, drawing, and both, against real time."""

from __future__ import annotations

import argparse
import time

import numpy as np

from wall_oss_ros.core.contract import load_contract
from wall_oss_ros.ros.locations import robots_folder
from wall_oss_ros.sim.cameras import SimCameras
from wall_oss_ros.sim.robot import SimRobot


def run(options: argparse.Namespace) -> int:
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
