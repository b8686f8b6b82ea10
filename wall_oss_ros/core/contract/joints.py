"""Joints with their limits, their controllers, and the parts made of them: grippers, lift, head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from wall_oss_ros.core.contract.checks import check, check_positive
from wall_oss_ros.core.contract.declare import described, quantity


@dataclass(frozen=True, slots=True)
class Joint:
    """Limits and home position of one joint. All are required: an unknown limit is no limit."""

    position: tuple[float, float] = quantity("{joint}", "lower and upper limit", count=2)
    velocity: float = quantity("{joint}/s", "largest speed")
    acceleration: float = quantity("{joint}/s^2", "largest acceleration")
    jerk: float = quantity("{joint}/s^3", "largest jerk")
    home: float = quantity("{joint}", "home position")
    type: Literal["revolute", "prismatic"] = described("decides rad or m", default="revolute")

    def __post_init__(self) -> None:
        low, high = self.position
        check(low < high, "position", f"{low} .. {high}", "lower limit below upper limit")
        check(low <= self.home <= high, "home", self.home, f"inside {low} .. {high}")
        check_positive(self, "velocity", "acceleration", "jerk")


STAMPED = (
    "whether trajectories carry the time they begin at, so that the controller drops one that is "
    "over when it comes; for controllers whose clock is this machine's, or is synchronised with it"
)


def check_stamped(interface: str, stamped: bool) -> None:
    """Refuse a start time where the interface has none.

    Raises:
        ContractError: for another interface than a trajectory.
    """
    if stamped:
        check(interface == "joint_trajectory", "stamped", stamped, f"false with {interface}")


@dataclass(frozen=True, slots=True)
class JointController:
    """A ros2_control controller that takes joint positions."""

    topic: str = described("command topic, relative, e.g. arm_left_controller/joint_trajectory")
    interface: Literal["joint_trajectory", "position_array"] = described(
        "joint_trajectory: trajectory_msgs/JointTrajectory with positions and velocities; "
        "position_array: std_msgs/Float64MultiArray of positions",
        default="joint_trajectory",
    )
    stamped: bool = described(STAMPED, default=False)

    def __post_init__(self) -> None:
        check_stamped(self.interface, self.stamped)


@dataclass(frozen=True, slots=True)
class Gripper:
    """One gripper: a joint between closed and open, and the model's numbers for both."""

    joint: str = described("driven joint")
    closed: float = quantity("{joint}", "joint position when closed")
    open: float = quantity("{joint}", "joint position when open")
    velocity: float = quantity("{joint}/s", "largest speed of the joint")
    controller: JointController = described("its controller")
    type: Literal["revolute", "prismatic"] = described("decides rad or m", default="revolute")
    model_closed: float = described("the model's number for closed", default=0.0)
    model_open: float = described("the model's number for open", default=1.0)

    def __post_init__(self) -> None:
        check(self.closed != self.open, "open", self.open, "another position than closed")
        check(
            self.model_closed != self.model_open,
            "model_open",
            self.model_open,
            "another number than model_closed",
        )
        check_positive(self, "velocity")

    def opening_from_joint(self, position: float) -> float:
        """Return the opening, 0 closed to 1 open, of a joint position (not clipped)."""
        return (position - self.closed) / (self.open - self.closed)

    def joint_from_opening(self, opening: float) -> float:
        """Return the joint position of an opening, clipped to 0..1."""
        return self.closed + min(max(opening, 0.0), 1.0) * (self.open - self.closed)

    def opening_from_model(self, value: float) -> float:
        """Return the opening of the model's number (not clipped)."""
        return (value - self.model_closed) / (self.model_open - self.model_closed)

    def model_from_opening(self, opening: float) -> float:
        """Return the model's number for an opening."""
        return self.model_closed + opening * (self.model_open - self.model_closed)


@dataclass(frozen=True, slots=True)
class Lift:
    """A lift (torso) with one joint."""

    joints: Mapping[str, Joint] = described("exactly one joint")
    controller: JointController = described("its controller")

    def __post_init__(self) -> None:
        check(len(self.joints) == 1, "joints", list(self.joints), "exactly one joint")


@dataclass(frozen=True, slots=True)
class Head:
    """A pan-tilt head: two joints, pan first."""

    joints: Mapping[str, Joint] = described("pan joint, tilt joint")
    controller: JointController = described("its controller")

    def __post_init__(self) -> None:
        check(len(self.joints) == 2, "joints", list(self.joints), "pan joint and tilt joint")
