"""Robot commands of messages."""

from __future__ import annotations

from typing import Any

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.messages.geometry import pose_from, twist_from
from wall_oss_ros.messages.stamps import to_ns

# The constants PART_* of RobotCommand.msg.
PART_BITS = {
    "left_arm": 1,
    "right_arm": 2,
    "left_gripper": 4,
    "right_gripper": 8,
    "base": 16,
    "lift": 32,
    "head": 64,
}


def command_from(message: Any) -> RobotCommand:
    """Return the command of a wall_oss_ros/RobotCommand.

    Raises:
        MessageError: if its arrays differ in length or a joint is named twice.
    """
    names = list(message.joint_names)
    if not len(names) == len(message.joint_positions) == len(message.joint_velocities):
        raise MessageError(
            f"command has {len(names)} names, {len(message.joint_positions)} positions and "
            f"{len(message.joint_velocities)} velocities"
        )
    if len(set(names)) != len(names):
        raise MessageError("command names a joint twice")
    parts = frozenset(part for part, bit in PART_BITS.items() if message.parts & bit)
    tools = {}
    for side in ("left", "right"):
        if f"{side}_arm" in parts:
            tools[side] = pose_from(getattr(message, f"{side}_tool"))
    grippers = {
        side: float(getattr(message, f"{side}_gripper"))
        for side in ("left", "right")
        if f"{side}_gripper" in parts
    }
    return RobotCommand(
        stamp_ns=to_ns(message.header.stamp),
        source_seq=message.source_seq,
        source_epoch=message.source_epoch,
        parts=parts,
        positions=dict(zip(names, message.joint_positions, strict=True)),
        velocities=dict(zip(names, message.joint_velocities, strict=True)),
        tools=tools,
        grippers=grippers,
        base_twist=twist_from(message.base_twist),
        source_stamp_ns=to_ns(message.source_stamp),
    )
