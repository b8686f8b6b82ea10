"""One setpoint for the whole robot, as the executor proposes it and the supervisor judges it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from wall_oss_ros.core.pose import Pose, frozen_array
from wall_oss_ros.core.rotation import Array


@dataclass(frozen=True, slots=True, eq=False)
class RobotCommand:
    """A setpoint.

    Attributes:
        stamp_ns: when it is due [ns].
        source_seq: chunk it comes from, 0 for none.
        source_epoch: that chunk's epoch.
        parts: parts of the action space that are commanded; the others keep still.
        positions: joint positions by name [rad] or [m]: arms, grippers, lift, head.
        velocities: joint velocities by name [rad/s] or [m/s].
        tools: tool poses by side that the arm joints realise, in the arm's frame.
        grippers: opening by side, 0 closed to 1 open.
        base_twist: (3,) vx, vy [m/s], wz [rad/s] in the base frame.
        source_stamp_ns: capture time of the observation that chunk was made from [ns], 0 for none.
    """

    stamp_ns: int
    source_seq: int
    source_epoch: int
    parts: frozenset[str]
    positions: Mapping[str, float]
    velocities: Mapping[str, float]
    tools: Mapping[str, Pose]
    grippers: Mapping[str, float]
    base_twist: Array
    source_stamp_ns: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_twist", frozen_array(self.base_twist, (3,)))

    def changed(
        self,
        *,
        positions: Mapping[str, float] | None = None,
        velocities: Mapping[str, float] | None = None,
        base_twist: Array | None = None,
    ) -> RobotCommand:
        """Return a copy with some joints or the base twist replaced."""
        return replace(
            self,
            positions={**self.positions, **(positions or {})},
            velocities={**self.velocities, **(velocities or {})},
            base_twist=self.base_twist if base_twist is None else base_twist,
        )
