"""No tool moves or turns faster than the contract allows."""

from __future__ import annotations

import math

import numpy as np

from wall_oss_ros.core import action_space
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.kinematics import Survey
from wall_oss_ros.core.pose import Pose

# Rounding of speeds, which are differences over a short time; below it nothing is slowed.
_SLACK = 1.001


class ToolPace:
    """Judges the tools in the base frame, so that the lift's motion counts, too."""

    name = "tool_speed"

    def __init__(self, contract: RobotContract) -> None:
        self._limits = tuple(
            (side, contract.arms[side].speed.linear, contract.arms[side].speed.angular)
            for side in action_space.SIDES
        )

    def share(self, before: Survey, after: Survey, dt: float) -> tuple[float, str]:
        """Return the share of the speed between two postures that every tool is allowed."""
        share, reason = 1.0, ""
        for side, linear, angular in self._limits:
            moved, turned = travel(before.tools_in_base[side], after.tools_in_base[side])
            if moved > linear * dt * _SLACK and linear * dt / moved < share:
                share = linear * dt / moved
                reason = f"{side} tool at {moved / dt:.2f} m/s, limit {linear:.2f} m/s"
            if turned > angular * dt * _SLACK and angular * dt / turned < share:
                share = angular * dt / turned
                reason = f"{side} tool turns at {turned / dt:.2f} rad/s, limit {angular:.2f} rad/s"
        return share, reason


def travel(start: Pose, end: Pose) -> tuple[float, float]:
    """Return distance [m] and angle [rad] between two poses."""
    moved = math.dist(start.position.tolist(), end.position.tolist())
    # The Frobenius norm of the difference of two rotations is 2 sqrt(2) sin(angle / 2).
    chord = float(np.linalg.norm(end.rotation - start.rotation)) / math.sqrt(8.0)
    return moved, 2.0 * math.asin(min(chord, 1.0))
