"""Robot commands as messages."""

from __future__ import annotations

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.msg import RobotCommand as RobotCommandMessage
from wall_oss_ros.ros.geometry import pose_from, pose_message, twist_from, twist_message
from wall_oss_ros.ros.stamps import to_ns, to_stamp

_BITS = {
    "left_arm": RobotCommandMessage.PART_LEFT_ARM,
    "right_arm": RobotCommandMessage.PART_RIGHT_ARM,
    "left_gripper": RobotCommandMessage.PART_LEFT_GRIPPER,
    "right_gripper": RobotCommandMessage.PART_RIGHT_GRIPPER,
    "base": RobotCommandMessage.PART_BASE,
    "lift": RobotCommandMessage.PART_LIFT,
    "head": RobotCommandMessage.PART_HEAD,
}


def command_message(command: RobotCommand, contract: RobotContract) -> RobotCommandMessage:
    """Return a command as a message."""
    positions = command.positions
    message = RobotCommandMessage(
        source_seq=command.source_seq,
        source_epoch=command.source_epoch,
        source_stamp=to_stamp(command.source_stamp_ns),
        joint_names=list(positions),
        joint_positions=list(positions.values()),
        joint_velocities=[command.velocities[name] for name in positions],
        left_gripper=command.grippers.get("left", 0.0),
        right_gripper=command.grippers.get("right", 0.0),
        base_twist=twist_message(command.base_twist),
        parts=sum(_BITS[part] for part in command.parts),
    )
    message.header.stamp = to_stamp(command.stamp_ns)
    message.header.frame_id = contract.base_frame
    if "left" in command.tools:
        message.left_tool = pose_message(command.tools["left"])
    if "right" in command.tools:
        message.right_tool = pose_message(command.tools["right"])
    if contract.lift is not None:
        message.lift = positions.get(next(iter(contract.lift.joints)), 0.0)
    if contract.head is not None:
        message.head = [positions.get(name, 0.0) for name in contract.head.joints]
    return message


def command_from(message: RobotCommandMessage) -> RobotCommand:
    """Return the command of a message.

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
    parts = frozenset(part for part, bit in _BITS.items() if message.parts & bit)
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
