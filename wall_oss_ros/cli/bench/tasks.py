"""The scripted policy over seeded scenes, in the lockstep loop."""

from __future__ import annotations

import argparse

import numpy as np

from wall_oss_ros.core.contract import load_contract
from wall_oss_ros.policies.scripted import ScriptedPolicy
from wall_oss_ros.ros.locations import robots_folder
from wall_oss_ros.sim.lockstep import Lockstep
from wall_oss_ros.sim.robot import SimRobot
from wall_oss_ros.sim.tasks import TASKS


def run(options: argparse.Namespace) -> int:
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
