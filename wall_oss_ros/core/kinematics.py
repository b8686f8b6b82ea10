"""What the core needs of a robot's kinematics; `wall_oss_ros.kinematics` implements it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from wall_oss_ros.core.pose import Pose


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """Where everything that safety asks about is, for one set of joint positions.

    Attributes:
        tools: tool pose by side, in the arm's frame.
        tools_in_base: tool pose by side, in the contract's base frame.
        links: pose of the links asked for, in the base frame.
        clearance: smallest distance between the two arms, or of an arm to the body [m]; negative
            where they overlap, infinite where the contract declares no clearance.
        nearest: names of the two links that are that near; empty where clearance is infinite.
    """

    tools: Mapping[str, Pose]
    tools_in_base: Mapping[str, Pose]
    links: Mapping[str, Pose] = field(default_factory=dict)
    clearance: float = math.inf
    nearest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Reached:
    """Where the joints come nearest to one row of tool targets, for looking ahead.

    Attributes:
        positions: by name, arms, lift and head [rad] or [m], inside their limits.
        position_error: largest distance of a tool to its target [m].
        rotation_error: largest angle of a tool to its target [rad].
        survey: of these positions.
    """

    positions: Mapping[str, float]
    position_error: float
    rotation_error: float
    survey: Survey


class ForwardKinematics(Protocol):
    """Joint positions to tool poses."""

    def tool_poses(self, positions: Mapping[str, float]) -> dict[str, Pose]:
        """Return the tool pose by side, in the arm's frame.

        Args:
            positions: joint positions by name [rad] or [m]; every joint of the contract.
        """

    def survey(self, positions: Mapping[str, float], links: Sequence[str] = ()) -> Survey:
        """Return tools, link poses and clearance in one pass.

        Args:
            positions: joint positions by name [rad] or [m]; every joint of the contract.
            links: links of the URDF whose pose is wanted.
        """

    def reach(
        self,
        start: Mapping[str, float],
        targets: Sequence[Mapping[str, Pose]],
        direct: Sequence[Mapping[str, float]],
        links: Sequence[str] = (),
    ) -> list[Reached]:
        """Follow rows of tool targets without time: each row from where the one before ended.

        Position limits hold, speeds are not looked at. Does not touch what `step` works with.

        Args:
            start: joint positions by name [rad] or [m].
            targets: per row, tool pose by side in the arm's frame; an absent side keeps its joints.
            direct: per row, positions of joints that are commanded as joints (lift, head).
            links: for the surveys.
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
        limited_by: what keeps a tool from its target, in words, e.g. "joint 'arm_left_4_joint' at
            its limit 1.134 rad"; empty where the targets are met.
    """

    positions: Mapping[str, float]
    velocities: Mapping[str, float]
    tools: Mapping[str, Pose]
    position_error: float
    rotation_error: float
    limited_by: str = ""


class InverseKinematics(ForwardKinematics, Protocol):
    """Tool poses to joint positions, one bounded step at a time."""

    def seed(self, positions: Mapping[str, float]) -> None:
        """Start at rest from these (measured) joint positions."""

    def step(
        self, targets: Mapping[str, Pose], direct: Mapping[str, float], dt: float
    ) -> JointStep:
        """Move towards the targets for `dt` seconds within position and velocity limits.

        Accelerations keep their limits too, but where that would mean to come nearer than the
        contract's clearance, or to leave a joint's range: distance and range come first.

        Args:
            targets: tool pose by side, in the arm's frame; a side that is absent comes to rest.
            direct: positions of joints that are commanded as joints (lift, head) [m] or [rad];
                approached within the same limits, absent ones come to rest.
            dt: step [s].
        """
