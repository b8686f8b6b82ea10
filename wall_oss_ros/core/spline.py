"""Natural cubic splines through evenly spaced knots: position, velocity, acceleration continuous.

The second derivatives m of unit spaced knots y solve
``m[i-1] + 4 m[i] + m[i+1] = 6 (y[i-1] - 2 y[i] + y[i+1])`` with zeros at both ends (de Boor 1978,
A Practical Guide to Splines, IV). The matrix depends on the number of knots alone, so its inverse
is kept per number: a chunk costs one product.
"""

from __future__ import annotations

import functools

import numpy as np

from wall_oss_ros.core.rotation import Array


def natural_spline(knots: Array) -> Array:
    """Return the cubic pieces between knots.

    Args:
        knots: (n + 1, k) values at 0, 1, .. n; n at least 1.

    Returns:
        (n, 4, k): piece i is ``c[0] + c[1] u + c[2] u^2 + c[3] u^3`` for u in 0 .. 1. Two knots
        give a line. At both ends the second derivative is zero, so going on along the line there
        keeps position, velocity and acceleration continuous.
    """
    step = np.diff(knots, axis=0)  # (n, k)
    second = np.zeros_like(knots)
    if len(step) > 1:
        second[1:-1] = _inverse(len(step) - 1) @ (6.0 * np.diff(step, axis=0))
    here, there = second[:-1], second[1:]
    return np.stack([knots[:-1], step - (2 * here + there) / 6, here / 2, (there - here) / 6], 1)


@functools.lru_cache(maxsize=16)
def _inverse(size: int) -> Array:
    matrix = 4.0 * np.eye(size) + np.eye(size, k=1) + np.eye(size, k=-1)
    inverse: Array = np.asarray(np.linalg.inv(matrix), np.float64)
    return inverse


def hermite_pieces(step: Array, slope_in: Array, slope_out: Array) -> Array:
    """Return cubic pieces that begin at 0, with the slopes given at both ends.

    Args:
        step: (n, k) value at the end of every piece.
        slope_in: (n, k) slope at its beginning, per piece length.
        slope_out: (n, k) slope at its end.

    Returns:
        (n, 4, k), as `natural_spline`.
    """
    return np.stack(
        [
            np.zeros_like(step),
            slope_in,
            3 * step - 2 * slope_in - slope_out,
            slope_in + slope_out - 2 * step,
        ],
        1,
    )


def powers(u: float) -> Array:
    """Return (3, 4): times the coefficients of a piece it gives value, slope and curvature at u."""
    return np.array(
        ((1.0, u, u * u, u * u * u), (0.0, 1.0, 2 * u, 3 * u * u), (0.0, 0.0, 2.0, 6 * u))
    )
