"""What the core needs of a robot's kinematics; `wall_oss_ros.kinematics` implements it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from wall_oss_ros.core.pose import Pose


class ForwardKinematics(Protocol):
    """Joint positions to tool poses."""

    def tool_poses(self, positions: Mapping[str, float]) -> dict[str, Pose]:
        """Return the tool pose by side, in the arm's frame.

        Args:
            positions: joint positions by name [rad] or [m]; every joint of the contract.
        """


@dataclass(frozen=True, slots=True)
class JointStep:
    """One step of inverse kinematics.

    Attributes:
        positions: by name, arms, lift and head [rad] or [m].
        velocities: by name [rad/s] or [m/s].
        tools: tool poses these positions realise, by side, in the arm's frame.
        position_error: largest distance of a tool to its target [m].
        rotation_error: largest angle of a tool to its target [rad].
    """

    positions: Mapping[str, float]
    velocities: Mapping[str, float]
    tools: Mapping[str, Pose]
    position_error: float
    rotation_error: float


class InverseKinematics(ForwardKinematics, Protocol):
    """Tool poses to joint positions, one bounded step at a time."""

    def seed(self, positions: Mapping[str, float]) -> None:
        """Start from these (measured) joint positions."""

    def step(
        self, targets: Mapping[str, Pose], direct: Mapping[str, float], dt: float
    ) -> JointStep:
        """Move towards the targets for `dt` seconds within position and velocity limits.

        Args:
            targets: tool pose by side, in the arm's frame; a side that is absent keeps still.
            direct: positions of joints that are commanded as joints (lift, head) [m] or [rad];
                approached within their velocity limits, absent ones keep still.
            dt: step [s].
        """
