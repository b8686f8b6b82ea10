"""Position, velocity and acceleration limits of joints as one box around the present position.

Separate limits (as mink has them) make the program infeasible when a measured joint is outside its
range, or too fast to stop in it. Here one gives way to the other, so the box is never empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from wall_oss_ros.kinematics.braking import braking_speed
from wall_oss_ros.kinematics.frames import Array


class StepBounds(NamedTuple):
    """Smallest and largest step of every joint.

    Attributes:
        low: (n,) within position, velocity and acceleration.
        high: (n,) likewise.
        lowest: (n,) within position and velocity alone.
        highest: (n,) likewise.
    """

    low: Array
    high: Array
    lowest: Array
    highest: Array


@dataclass(frozen=True, slots=True, eq=False)
class JointBox:
    """``low <= dq <= high`` for every joint.

    Attributes:
        lower: (n,) smallest position [rad] or [m].
        upper: (n,) largest position [rad] or [m].
        speed: (n,) largest speed [rad/s] or [m/s].
        acceleration: (n,) largest acceleration [rad/s^2] or [m/s^2].
    """

    lower: Array
    upper: Array
    speed: Array
    acceleration: Array

    def bounds(self, q: Array, velocity: Array, dt: float) -> StepBounds:
        """Return the bounds of the next step.

        Speed limits always hold. Position limits are approached with a speed that can still brake
        in time; where that takes more than the acceleration (the last step was another length, or
        the joint was seeded so), braking wins. Outside its range, a joint comes back, as fast as
        speed and acceleration allow.

        Args:
            q: (n,) positions.
            velocity: (n,) of the last step.
            dt: step [s].
        """
        change = self.acceleration * dt
        lowest = -self._towards(q - self.lower, velocity, dt)
        highest = self._towards(self.upper - q, -velocity, dt)
        # Clipping with the range last: whatever the acceleration says, the range comes first.
        low = np.minimum(np.maximum(velocity - change, lowest), highest)
        high = np.maximum(np.minimum(velocity + change, highest), lowest)
        return StepBounds(low * dt, high * dt, lowest * dt, highest * dt)

    def _towards(self, room: Array, away: Array, dt: float) -> Array:
        """Return the largest speed (n,) towards a limit `room` away; negative: so fast back.

        Args:
            room: (n,) distance to the limit, negative beyond it.
            away: (n,) present speed away from the limit.
            dt: step [s].
        """
        inside = np.minimum(self.speed, braking_speed(room, self.acceleration, dt))
        back = np.minimum(np.maximum(away, 0.0) + self.acceleration * dt, self.speed)
        return np.where(room >= 0.0, inside, -np.minimum(-room / dt, back))
