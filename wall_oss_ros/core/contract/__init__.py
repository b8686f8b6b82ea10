"""The robot contract: one YAML per robot, loaded into frozen, validated dataclasses."""

from wall_oss_ros.core.contract.load import find_contract, load_contract
from wall_oss_ros.core.contract.model import (
    Arm,
    Base,
    Camera,
    Gripper,
    Head,
    Joint,
    JointController,
    Lift,
    RobotContract,
)

__all__ = [
    "Arm",
    "Base",
    "Camera",
    "Gripper",
    "Head",
    "Joint",
    "JointController",
    "Lift",
    "RobotContract",
    "find_contract",
    "load_contract",
]
