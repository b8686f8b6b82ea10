"""Position and velocity limits of joints as one box around the present position.

Two separate limits (as mink has them) make the program infeasible when a measured joint is already
outside its range. Here the velocity bound wins, so the box is never empty and the joint comes back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wall_oss_ros.kinematics.frames import Array


@dataclass(frozen=True, slots=True, eq=False)
class JointBox:
    """``low <= dq <= high`` for every joint.

    Attributes:
        lower: (n,) smallest position [rad] or [m].
        upper: (n,) largest position [rad] or [m].
        speed: (n,) largest speed [rad/s] or [m/s].
    """

    lower: Array
    upper: Array
    speed: Array

    def bounds(self, q: Array, dt: float) -> tuple[Array, Array]:
        """Return the smallest and largest step (n,) from positions q (n,) within dt [s]."""
        reach = self.speed * dt
        low = np.maximum(np.minimum(self.lower - q, reach), -reach)
        high = np.maximum(np.minimum(self.upper - q, reach), -reach)
        return low, high
