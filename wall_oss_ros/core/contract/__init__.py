"""The robot contract: one YAML per robot, loaded into frozen, validated dataclasses."""

from wall_oss_ros.core.contract.arms import Arm, ArmController, Tool, ToolSpeed
from wall_oss_ros.core.contract.base import Base, BaseController
from wall_oss_ros.core.contract.joints import Gripper, Head, Joint, JointController, Lift
from wall_oss_ros.core.contract.load import find_contract, load_contract, load_zones, parse_contract
from wall_oss_ros.core.contract.model import Description, ModelSettings, RobotContract
from wall_oss_ros.core.contract.shapes import Box, HalfSpace, Sphere
from wall_oss_ros.core.contract.streams import ActionTiming, Camera, Odometry, StateStream
from wall_oss_ros.core.contract.zones import Clearance, Zone

__all__ = [
    "ActionTiming",
    "Arm",
    "ArmController",
    "Base",
    "BaseController",
    "Box",
    "Camera",
    "Clearance",
    "Description",
    "Gripper",
    "HalfSpace",
    "Head",
    "Joint",
    "JointController",
    "Lift",
    "ModelSettings",
    "Odometry",
    "RobotContract",
    "Sphere",
    "StateStream",
    "Tool",
    "ToolSpeed",
    "Zone",
    "find_contract",
    "load_contract",
    "load_zones",
    "parse_contract",
]
