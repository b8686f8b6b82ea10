"""Which message on a controller topic is the stop: the first from which on nothing moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from geometry_msgs.msg import PoseStamped, Twist, TwistStamped
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory


class Told(Protocol):
    """A message and when it came."""

    ns: int

    @property
    def message(self) -> Any:
        """The message."""


def stop_ns(told: Sequence[Told]) -> int | None:
    """Return when the stop came [ns]; None if the last message still lets something move.

    A joint that stands between two motions is sent the same as one that is stopped; the stop is
    therefore the first message that says what all later ones say, the last of which stands still.

    Args:
        told: what came on one controller topic since the stop was asked for, oldest first.
    """
    if not told:
        return None
    held = standing_setpoint(told[-1].message)
    if held is None:
        return None
    first = told[-1].ns
    for each in reversed(told):
        if standing_setpoint(each.message) != held:
            break
        first = each.ns
    return first


def standing_setpoint(message: Any) -> tuple[float, ...] | None:
    """Return where a message lets a part stand; None if it lets it move."""
    if isinstance(message, JointTrajectory):
        return _standing_trajectory(message)
    if isinstance(message, (Twist, TwistStamped)):
        twist = message.twist if isinstance(message, TwistStamped) else message
        linear, angular = twist.linear, twist.angular
        speeds = (linear.x, linear.y, linear.z, angular.x, angular.y, angular.z)
        return None if any(speeds) else speeds
    if isinstance(message, Float64MultiArray):
        return tuple(message.data)
    if isinstance(message, PoseStamped):
        place, turn = message.pose.position, message.pose.orientation
        return (place.x, place.y, place.z, turn.x, turn.y, turn.z, turn.w)
    raise ValueError(f"{type(message).__name__} is on no controller topic")


def _standing_trajectory(message: JointTrajectory) -> tuple[float, ...] | None:
    if not message.points:
        return None
    places = {tuple(point.positions) for point in message.points}
    moving = any(any(point.velocities) for point in message.points)
    return None if moving or len(places) > 1 else places.pop()
