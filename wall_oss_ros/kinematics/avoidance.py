"""Keep the arms from each other and from the body: rows ``G dq <= h`` for the solver.

Distances and their gradients are those of mink's collision avoidance limit. Only the law differs:
mink's lets the distance shrink by a part per step, whatever the acceleration; here it shrinks at a
speed that can still brake before the smallest distance.
"""

from __future__ import annotations

from typing import NamedTuple

import mink
import mujoco
import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core.contract import Clearance as ClearanceLimits
from wall_oss_ros.kinematics.braking import braking_speed
from wall_oss_ros.kinematics.clearance import Clearance
from wall_oss_ros.kinematics.frames import Array

# The solver keeps this much more distance than the supervisor insists on [m]: one step's
# linearisation and the servos' lag fit into it.
_RESERVE_M = 0.005
# From below the smallest distance, shapes part at this speed per missing distance [1/s] ...
_PARTING_RATE = 4.0
# ... but no faster than this [m/s].
_PARTING_SPEED = 0.1
# Below any distance there can be: makes mink's bound the distance itself, see `Avoidance.rows`.
_BELOW_ALL_M = -10.0


class Rows(NamedTuple):
    """Bounds on the step of all joints, one row per pair that is near.

    Attributes:
        gradient: (m, n) of minus the distance.
        bound: (m,) [m].
        distance: (m,) [m].
        pairs: (m, 2) numbers of the geometry.
    """

    gradient: Array
    bound: Array
    distance: Array
    pairs: NDArray[np.int64]


def no_rows(joints: int) -> Rows:
    """Return no bound at all on the step of so many joints."""
    empty = np.zeros(0)
    return Rows(np.zeros((0, joints)), empty, empty, np.zeros((0, 2), dtype=np.int64))


class Avoidance:
    """Makes the rows of a posture.

    Args:
        model: kinematic model.
        clearance: its pairs.
        limits: of the contract.
        speed: that a tool may have [m/s].
        acceleration: that a tool can brake with [m/s^2].

    Attributes:
        least: distance the solver keeps [m].
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        clearance: Clearance,
        limits: ClearanceLimits,
        *,
        speed: float,
        acceleration: float,
    ) -> None:
        self.least = limits.stop + _RESERVE_M
        self._acceleration = acceleration
        # A pair must be seen early enough to brake from full speed.
        seen = max(limits.slow, self.least + speed**2 / (2.0 * acceleration))
        self._limit = mink.CollisionAvoidanceLimit(
            model,
            [([int(first)], [int(second)]) for first, second in clearance.pairs],
            minimum_distance_from_collisions=_BELOW_ALL_M,
            collision_detection_distance=seen,
            bound_relaxation=_BELOW_ALL_M,
        )
        self._pairs = np.array(self._limit.geom_id_pairs, dtype=np.int64).reshape(-1, 2)

    def rows(self, configuration: mink.Configuration, dt: float) -> Rows:
        """Return the rows of the pairs that are near in a posture."""
        # mink's bound is gain * (distance - minimum) / dt + relaxation; with these numbers it is
        # the distance itself, and infinite for pairs that are far.
        self._limit.gain = dt
        constraint = self._limit.compute_qp_inequalities(configuration, dt)
        assert constraint.G is not None and constraint.h is not None
        near = np.flatnonzero(np.isfinite(constraint.h))
        distance = constraint.h[near]
        spare = distance - self.least
        parting = np.maximum(_PARTING_RATE * spare, -_PARTING_SPEED)
        speed = np.where(spare < 0.0, parting, braking_speed(spare, self._acceleration, dt))
        return Rows(constraint.G[near], speed * dt, distance, self._pairs[near])
