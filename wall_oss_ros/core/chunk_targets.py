"""Rows of a chunk as inverse kinematics takes them: tool targets, and joints set as such."""

from __future__ import annotations

from wall_oss_ros.core import action_space, rotation
from wall_oss_ros.core.chunk import ActionChunk
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.pose import Pose


def chunk_targets(
    chunk: ActionChunk, contract: RobotContract, first: int, end: int
) -> tuple[list[dict[str, Pose]], list[dict[str, float]]]:
    """Return per row the tool targets by side, and the positions of lift and head by joint.

    Args:
        chunk: any that was checked.
        contract: the robot.
        first: first row.
        end: row after the last.
    """
    rows = chunk.actions[first:end]
    targets: list[dict[str, Pose]] = [{} for _ in rows]
    for side in action_space.SIDES:
        if chunk.commands(f"{side}_arm"):
            turns = rotation.matrix_from_rot6d(rows[:, action_space.ROTATION[side]])
            positions = rows[:, action_space.POSITION[side]]
            for target, position, turn in zip(targets, positions, turns, strict=True):
                target[side] = Pose(position, turn)
    direct: list[dict[str, float]] = [{} for _ in rows]
    for part, start in (("lift", action_space.LIFT), ("head", action_space.HEAD.start)):
        if chunk.commands(part):
            names = contract.part_joints[part]
            columns = rows[:, start : start + len(names)]
            for joints, values in zip(direct, columns.tolist(), strict=True):
                joints.update(zip(names, values, strict=True))
    return targets, direct
