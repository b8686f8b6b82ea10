"""Builders for the core's tests: kinematics that fit on a page, samples, chunks and commands."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import ActionChunk, StageTimes
from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.kinematics import JointStep, Reached, Survey
from wall_oss_ros.core.observation import CameraFrame, JointSample, Observation, state_vector
from wall_oss_ros.core.pose import Pose, frozen_array
from wall_oss_ros.core.rotation import (
    Array,
    matrix_from_rotation_vector,
    rotation_vector_from_matrix,
)

MS = 1_000_000  # [ns]
SECOND = 1_000_000_000  # [ns]
T0 = 1_000 * SECOND  # any time that is not zero


class FakeKinematics:
    """Joints 1 to 3 of an arm move its tool by 1 m/rad along x, y, z; joints 4 to 6 turn it.

    At home each tool is in the middle of its workspace, unturned. `step` arrives at once. The arms'
    frame is the base frame; the link of a tool is where the tool is, every other link is at the
    origin. Where the contract has `clearance`, the arms are two balls of 5 cm around the tools.
    """

    BALL_M = 0.05

    def __init__(self, contract: RobotContract) -> None:
        self._contract = contract
        self.now: dict[str, float] = dict(contract.home)
        self.seeds: list[Mapping[str, float]] = []

    def tool_poses(self, positions: Mapping[str, float]) -> dict[str, Pose]:
        poses = {}
        for side, arm in self._contract.arms.items():
            moved = [positions[name] - joint.home for name, joint in arm.joints.items()]
            poses[side] = Pose(
                self._middle(side) + moved[:3], matrix_from_rotation_vector(moved[3:6])
            )
        return poses

    def seed(self, positions: Mapping[str, float]) -> None:
        self.now = dict(positions)
        self.seeds.append(dict(positions))

    def step(
        self, targets: Mapping[str, Pose], direct: Mapping[str, float], dt: float
    ) -> JointStep:
        before, self.now = self.now, {**self.now, **direct}
        for side, target in targets.items():
            self.now |= self._joints_at(side, target)
        solved = self._contract.limited_joints
        return JointStep(
            positions={name: self.now[name] for name in solved},
            velocities={name: (self.now[name] - before[name]) / dt for name in solved},
            tools=self.tool_poses(self.now),
            position_error=0.0,
            rotation_error=0.0,
        )

    def survey(self, positions: Mapping[str, float], links: Sequence[str] = ()) -> Survey:
        tools = self.tool_poses(positions)
        tool_links = {arm.tool.link: tools[side] for side, arm in self._contract.arms.items()}
        clearance, nearest = math.inf, ()
        if getattr(self._contract, "clearance", None) is not None:
            clearance = tools["left"].distance(tools["right"])[0] - 2 * self.BALL_M
            nearest = tuple(tool_links)
        ground = Pose(np.zeros(3), np.eye(3))
        poses = {name: tool_links.get(name, ground) for name in links}
        return Survey(tools, tools, poses, clearance, nearest)

    def reach(
        self,
        start: Mapping[str, float],
        targets: Sequence[Mapping[str, Pose]],
        direct: Sequence[Mapping[str, float]],
        links: Sequence[str] = (),
    ) -> list[Reached]:
        solved = self._contract.limited_joints
        now, rows = {name: start[name] for name in solved}, []
        for target, joints in zip(targets, direct, strict=True):
            for side, pose in target.items():
                now |= self._joints_at(side, pose)
            now |= joints
            for name, joint in solved.items():
                now[name] = min(max(now[name], joint.position[0]), joint.position[1])
            survey = self.survey(now, links)
            errors = [survey.tools[side].distance(pose) for side, pose in target.items()]
            position_error = max((error[0] for error in errors), default=0.0)
            rotation_error = max((error[1] for error in errors), default=0.0)
            rows.append(Reached(dict(now), position_error, rotation_error, survey))
        return rows

    def _joints_at(self, side: str, pose: Pose) -> dict[str, float]:
        offset = (pose.position - self._middle(side)).tolist()
        turn = rotation_vector_from_matrix(pose.rotation).tolist()
        joints = list(self._contract.arms[side].joints.items())[:6]
        return {
            name: joint.home + moved
            for (name, joint), moved in zip(joints, offset + turn, strict=True)
        }

    def _middle(self, side: str) -> Array:
        box = self._contract.arms[side].workspace
        return (np.array(box.min) + np.array(box.max)) / 2


def joint_sample(
    contract: RobotContract,
    stamp_ns: int,
    positions: Mapping[str, float] | None = None,
    velocities: Mapping[str, float] | None = None,
) -> JointSample:
    """The robot at home and at rest, but for the joints given."""
    position = {**contract.home, **(positions or {})}
    velocity = {**dict.fromkeys(contract.home, 0.0), **(velocities or {})}
    names = contract.joint_names
    return JointSample(
        stamp_ns, names, [position[name] for name in names], [velocity[name] for name in names]
    )


def home_state(contract: RobotContract) -> Array:
    """The model's state (26,) of the robot at home and at rest."""
    tools = FakeKinematics(contract).tool_poses(contract.home)
    return state_vector(contract, contract.home, tools, np.zeros(3))


def observation(contract: RobotContract, stamp_ns: int) -> Observation:
    """What is seen at home, with grey pictures of 2 x 2."""
    pixels = np.full((2, 2, 3), 128, np.uint8)
    return Observation(
        stamp_ns=stamp_ns,
        seq=1,
        cameras=tuple(
            CameraFrame(name, camera.label, stamp_ns, 0.0, pixels)
            for name, camera in contract.cameras.items()
        ),
        skew_s=0.0,
        joints=joint_sample(contract, stamp_ns),
        joint_age_s=0.0,
        tools=FakeKinematics(contract).tool_poses(contract.home),
        base_twist=np.zeros(3),
        state=home_state(contract),
        schema=contract.schema_hash,
    )


def mask_of(*parts: str) -> Array:
    """The mask (26,) that commands these parts."""
    return action_space.part_mask(parts)


def make_chunk(
    contract: RobotContract,
    stamp_ns: int,
    rows: Array,
    *,
    seq: int = 1,
    epoch: int = 1,
    parts: Iterable[str] = action_space.PARTS,
    dt: float | None = None,
    schema: str | None = None,
) -> ActionChunk:
    """A chunk of absolute rows (H, 26)."""
    return ActionChunk(
        stamp_ns=stamp_ns,
        seq=seq,
        epoch=epoch,
        instruction="pick up the red cube",
        dt=contract.action.dt if dt is None else dt,
        actions=frozen_array(rows),
        raw_actions=frozen_array(rows),
        anchor=home_state(contract),
        mask=mask_of(*parts),
        frozen_prefix=0,
        stages=StageTimes(),
        policy="test",
        schema=contract.schema_hash if schema is None else schema,
    )


def moving_rows(contract: RobotContract, step: Mapping[int, float], count: int = 32) -> Array:
    """Rows (count, 26) from home on that advance by `step` per row in the given columns."""
    rows = np.tile(home_state(contract), (count, 1))
    for column, advance in step.items():
        rows[:, column] += advance * np.arange(1, count + 1)
    return rows


def make_command(
    contract: RobotContract,
    stamp_ns: int,
    positions: Mapping[str, float] | None = None,
    *,
    velocities: Mapping[str, float] | None = None,
    base_twist: Iterable[float] = (0.0, 0.0, 0.0),
    parts: Iterable[str] | None = None,
) -> RobotCommand:
    """Home at rest, but for what is given; every part is commanded by default."""
    position = {**contract.home, **(positions or {})}
    return RobotCommand(
        stamp_ns=stamp_ns,
        source_seq=1,
        source_epoch=1,
        parts=contract.commanded_parts if parts is None else frozenset(parts),
        positions=position,
        velocities={**dict.fromkeys(position, 0.0), **(velocities or {})},
        tools={},
        grippers={},
        base_twist=np.array(list(base_twist)),
    )
