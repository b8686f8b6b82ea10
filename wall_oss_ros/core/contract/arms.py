"""An arm: joints, tool point, controller, and how fast and where the tool may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from wall_oss_ros.core.contract.checks import check_positive
from wall_oss_ros.core.contract.declare import described, quantity
from wall_oss_ros.core.contract.joints import STAMPED, Joint, check_stamped
from wall_oss_ros.core.contract.shapes import Box


@dataclass(frozen=True, slots=True)
class Tool:
    """The point whose pose is the end-effector pose: a link of the URDF and a fixed offset."""

    link: str = described("link of the URDF")
    xyz: tuple[float, float, float] = quantity("m", "offset in the link's frame", count=3)
    rpy: tuple[float, float, float] = quantity("rad", "roll, pitch, yaw of the offset", count=3)


@dataclass(frozen=True, slots=True)
class ToolSpeed:
    """Speed limits of an end effector."""

    linear: float = quantity("m/s", "largest speed of the tool point")
    angular: float = quantity("rad/s", "largest turning speed of the tool")

    def __post_init__(self) -> None:
        check_positive(self, "linear", "angular")


@dataclass(frozen=True, slots=True)
class ArmController:
    """A controller that takes an arm's joint positions, or the pose of its tool."""

    topic: str = described("command topic, relative, e.g. arm_left_controller/joint_trajectory")
    interface: Literal["joint_trajectory", "position_array", "cartesian_pose"] = described(
        "joint_trajectory: trajectory_msgs/JointTrajectory with positions and velocities; "
        "position_array: std_msgs/Float64MultiArray of positions; "
        "cartesian_pose: geometry_msgs/PoseStamped of the tool in the arm's frame",
        default="joint_trajectory",
    )
    stamped: bool = described(STAMPED, default=False)

    def __post_init__(self) -> None:
        check_stamped(self.interface, self.stamped)


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm."""

    frame: str = described("link that its end-effector poses are expressed in")
    tool: Tool = described("tool point")
    controller: ArmController = described("its controller")
    joints: Mapping[str, Joint] = described("joints from shoulder to wrist")
    workspace: Box = described("where the tool may be, in the arm's frame")
    speed: ToolSpeed = described("end-effector speed limits")
