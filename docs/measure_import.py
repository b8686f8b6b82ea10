"""Print how well and how fast a dataset becomes episodes, and whether these do the task again.

. tools/env.sh && python docs/measure_import.py

The expert does three tasks in the simulator, on simulated time; what it measured and what it was
sent becomes a dataset at 20 frames a second, with made-up pictures of 224 px; that is imported, and
the same scenes are driven by what was imported alone.
"""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract, load_contract
from wall_oss_ros.core.episode import Provenance
from wall_oss_ros.core.errors import PolicyError
from wall_oss_ros.core.observation import state_vector
from wall_oss_ros.core.policy import Policy
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.data.dataset_format import DatasetFormat
from wall_oss_ros.data.dataset_reader import open_dataset
from wall_oss_ros.data.dataset_writer import write_dataset
from wall_oss_ros.data.import_episode import EpisodeImporter
from wall_oss_ros.data.message_types import suite_types
from wall_oss_ros.data.norm_stats import dimension_names
from wall_oss_ros.data.recorded_actions import action_row
from wall_oss_ros.data.shard_writer import ShardWriter
from wall_oss_ros.data.training_config import ACTION_KEY, IMAGE_PREFIX, STATE_KEY
from wall_oss_ros.kinematics import MinkKinematics
from wall_oss_ros.policies.registry import make_policy
from wall_oss_ros.sim.lockstep import Lockstep
from wall_oss_ros.sim.robot import SimRobot

ROOT = Path(__file__).parents[1]
CONTRACT_FILE = ROOT / "config/robots/tiago_pro_sim.yaml"
SCENES = (("pick_cube", 1), ("hand_over", 2), ("sort_cubes", 3))
FPS, PX = 20, 224
# Of a hundred commands a second, these are at the times of frames.
EVERY = 5


@dataclass
class Rows:
    """What was measured at each frame, and what had been sent by the next."""

    robot: SimRobot
    kinematics: MinkKinematics
    states: list[Array] = field(default_factory=list)
    actions: list[Array] = field(default_factory=list)
    commands: int = 0

    def watch(self, command: RobotCommand) -> None:
        """Take a command that reaches the controllers."""
        self.commands += 1
        if self.commands % EVERY != 1:
            return
        if self.states:
            row = action_row(command, self.robot.contract)
            self.actions.append(np.where(np.isfinite(row), row, self.states[-1]))
        joints = self.robot.joint_sample().position_of()
        tools = self.kinematics.tool_poses(joints)
        twist = self.robot.odometry()[1]
        self.states.append(state_vector(self.robot.contract, joints, tools, twist))


def drive(robot: SimRobot, policy: Policy, scene: tuple[str, int], rows: Rows | None) -> bool:
    """Return whether a policy does a task."""
    task, seed = scene
    robot.reset(task=task, seed=seed)
    blank = dict.fromkeys(robot.contract.cameras, np.zeros((4, 4, 3), np.uint8))
    loop = Lockstep(robot.contract, robot, policy, render=lambda snapshot: blank)
    try:
        loop.run(robot.task_state().instruction, limit_s=30.0, watch=rows.watch if rows else None)
    except PolicyError:
        pass  # the recording is over
    return robot.task_state().success


def write(folder: Path, robot: SimRobot) -> Path:
    """Return a dataset of what the expert did."""
    contract, names = robot.contract, dimension_names()
    cameras = {IMAGE_PREFIX + camera.label: (PX, PX) for camera in contract.cameras.values()}
    fmt = DatasetFormat(FPS, contract.name, cameras, {STATE_KEY: names, ACTION_KEY: names})
    for task, seed in SCENES:
        rows = Rows(robot, MinkKinematics(contract))
        drive(robot, make_policy("scripted", contract, ""), (task, seed), rows)
        writer = ShardWriter(folder / task, fmt)
        for place, action in enumerate(rows.actions):
            vectors = {STATE_KEY: rows.states[place], ACTION_KEY: action}
            writer.add(
                dict.fromkeys(cameras, picture(place)),
                {key: values.astype(np.float32) for key, values in vectors.items()},
            )
        writer.finish(robot.task_state().instruction, {"bag": task, "actions": "absolute"})
    shards = [folder / task for task, _ in SCENES]
    write_dataset(folder / "set", fmt, shards, splits={"train": list(range(len(SCENES)))})
    return folder / "set"


def picture(place: int) -> np.ndarray:
    """Return soft colours that drift (PX, PX, 3)."""
    down, right = np.mgrid[0:PX, 0:PX] / PX
    waves = [np.sin(5 * right + place / 6), np.cos(7 * down - place / 6), np.sin(right - 9 * down)]
    return (127.5 + 110 * np.stack(waves, axis=-1)).astype(np.uint8)


def measure(folder: Path, contract: RobotContract) -> None:
    """Print the figures."""
    robot = SimRobot(contract)
    dataset = open_dataset(write(folder, robot))
    text = CONTRACT_FILE.read_text(encoding="utf-8")
    known = Provenance("", contract.name, contract.schema_hash, text)
    importer = EpisodeImporter(dataset, folder / "bags", known, suite_types(ROOT / "msg"))
    for number, scene in enumerate(SCENES):
        begin_s = time.process_time()
        made = importer.run(number, time.time_ns())
        took_s = time.process_time() - begin_s
        replayed = drive(robot, make_policy("replay", contract, str(made.bag)), scene, None)
        print(
            f"{scene[0]}: {made.frames} frames, worst {made.position_error * 1e3:.3f} mm and "
            f"{math.degrees(made.rotation_error):.3f} deg, {made.missed} missed; "
            f"{took_s / made.seconds:.3f} s of one core per recorded second; "
            f"replayed: {'success' if replayed else 'failure'}"
        )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        measure(Path(place), load_contract(CONTRACT_FILE))
