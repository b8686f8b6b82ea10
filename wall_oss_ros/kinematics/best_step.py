"""The quadratic program of one step of inverse kinematics: a convex cost, a box, few rows."""

from __future__ import annotations

import numpy as np
import qpsolvers

from wall_oss_ros.kinematics.frames import Array


def best_step(
    hessian: Array,
    slope: Array,
    low: Array,
    high: Array,
    gradient: Array,
    bound: Array,
) -> Array | None:
    """Return the best step in a box under rows, or None if there is none.

    Args:
        hessian: (m, m) of the cost of a step.
        slope: (m,) of it.
        low: (m,) ends of the box.
        high: (m,) likewise.
        gradient: (k, m) of the rows.
        bound: (k,) what gradient times step may be at most.
    """
    ends = gradient * low, gradient * high
    if np.any(np.minimum(*ends).sum(axis=1) > bound):
        return None  # not even the best corner of the box does
    # Few rows can be violated within one step; the others would only cost time.
    needed = np.maximum(*ends).sum(axis=1) > bound
    rows = {"G": gradient[needed], "h": bound[needed]} if needed.any() else {}
    # Only the arms with a target are free. Leaving the other joints out and writing the limits
    # as bounds takes a third of the time of mink's general constraints.
    problem = qpsolvers.Problem(hessian, slope, **rows, lb=low, ub=high)
    found = qpsolvers.solve_problem(problem, solver="daqp").x
    if found is None or not np.all(np.isfinite(found)):
        return None
    # The solver's tolerance is not ours: the box holds exactly.
    inside: Array = np.minimum(np.maximum(found, low), high)
    return inside
