"""Where a base gets that drives a sequence of twists."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from wall_oss_ros.core.rotation import Array


def driven(twists: ArrayLike, dt: float) -> Array:
    """Return places x, y [m] and yaw [rad], (n + 1, 3), beginning at the origin.

    Args:
        twists: (n, 3) vx, vy [m/s], wz [rad/s] in the base's own frame, each kept for `dt`.
        dt: time between them [s].
    """
    x = y = yaw = 0.0
    places = [(x, y, yaw)]
    for vx, vy, wz in np.asarray(twists, np.float64).tolist():
        x += dt * (vx * math.cos(yaw) - vy * math.sin(yaw))
        y += dt * (vx * math.sin(yaw) + vy * math.cos(yaw))
        yaw += dt * wz
        places.append((x, y, yaw))
    return np.array(places)
