"""How fast something may be that must be able to stop within a distance, in steps of time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from wall_oss_ros.kinematics.frames import Array


def braking_speed(distance: ArrayLike, acceleration: ArrayLike, dt: float) -> Array:
    """Return the largest speed of the next step from which braking ends within a distance.

    The time-discrete form of v = sqrt(2 a d): steps of dt with the speeds v, v - a dt, v - 2 a dt
    and so on down to zero cover at most d. With v = (n + f) a dt, n whole and 0 <= f < 1, they
    cover a dt^2 (n (n + 1) / 2 + f (n + 1)), which this solves for v. The continuous form would
    overrun by up to v dt / 2.

    Args:
        distance: [m] or [rad]; where it is negative, the speed is 0.
        acceleration: above 0 [m/s^2] or [rad/s^2].
        dt: step [s].
    """
    grain = np.multiply(acceleration, dt * dt)
    ratio = np.maximum(distance, 0.0) / grain
    # Rounding may put n one off at a whole number; the speed is continuous there.
    whole = np.floor((np.sqrt(1.0 + 8.0 * ratio) - 1.0) / 2.0)
    speed: Array = (whole + (ratio - whole * (whole + 1.0) / 2.0) / (whole + 1.0)) * grain / dt
    return speed
