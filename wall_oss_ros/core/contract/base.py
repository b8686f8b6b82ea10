"""A mobile base."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wall_oss_ros.core.contract.checks import check, check_positive
from wall_oss_ros.core.contract.declare import described, quantity


@dataclass(frozen=True, slots=True)
class BaseController:
    """The velocity interface of the base."""

    topic: str = described("command topic, relative, e.g. cmd_vel")
    interface: Literal["twist_stamped", "twist"] = described(
        "geometry_msgs/TwistStamped or Twist", default="twist_stamped"
    )


@dataclass(frozen=True, slots=True)
class Base:
    """A mobile base that is driven by velocities in its own frame."""

    controller: BaseController = described("its controller")
    linear_velocity: float = quantity("m/s", "largest speed in the plane")
    angular_velocity: float = quantity("rad/s", "largest turning speed")
    linear_acceleration: float = quantity("m/s^2", "largest acceleration in the plane")
    angular_acceleration: float = quantity("rad/s^2", "largest turning acceleration")
    holonomic: bool = described("whether it can move sideways", default=False)
    radius: float = quantity(
        "m",
        "circle around the base frame that is kept by zones of the base; they need it",
        default=0.0,
    )

    def __post_init__(self) -> None:
        check_positive(self, "linear_velocity", "angular_velocity")
        check_positive(self, "linear_acceleration", "angular_acceleration")
        check(self.radius >= 0.0, "radius", f"{self.radius} m", "0 or more")
