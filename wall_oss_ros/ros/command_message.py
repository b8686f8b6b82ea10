"""Robot commands as messages."""

from __future__ import annotations

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.messages.commands import PART_BITS
from wall_oss_ros.msg import RobotCommand as RobotCommandMessage
from wall_oss_ros.ros.geometry import pose_message, twist_message
from wall_oss_ros.ros.stamps import to_stamp


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
        parts=sum(PART_BITS[part] for part in command.parts),
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
