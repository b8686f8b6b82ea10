"""Rotations that move along a rotation vector: what its rates mean, and what rates mean a motion.

With ``R = exp([v]x)`` and v moving, the angular velocity in the outer frame is ``w = J(v) v'``,
with the left Jacobian ``J(v) = I + A [v]x + B [v]x^2``, ``A = (1 - cos t) / t^2``,
``B = (t - sin t) / t^3``, ``t = |v|`` (Barfoot 2017, State Estimation for Robotics, 7.1; the same
as `rotation.left_jacobian`). Its derivative gives the angular acceleration. Plain floats: one
rotation at a time, many times per tick, where array operations cost more than the arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from wall_oss_ros.core.rotation import Array

# Below this angle [rad] the closed forms lose digits that the series keep.
_SERIES = 0.1

Triple = tuple[float, float, float]


def turned(
    vector: Sequence[float], rate: Sequence[float], second: Sequence[float]
) -> tuple[Array, Triple, Triple]:
    """Return the rotation (3, 3), angular velocity and angular acceleration of a moving vector.

    Args:
        vector: (3,) rotation vector v [rad].
        rate: (3,) dv/dt [rad/s].
        second: (3,) d2v/dt2 [rad/s^2].
    """
    x, y, z = vector
    square = x * x + y * y + z * z
    a, b, c, d = _coefficients(square)
    cosine, sine = 1.0 - a * square, 1.0 - b * square  # sine / angle
    matrix = np.array(
        (
            (cosine + a * x * x, a * x * y - sine * z, a * x * z + sine * y),
            (a * x * y + sine * z, cosine + a * y * y, a * y * z - sine * x),
            (a * x * z - sine * y, a * y * z + sine * x, cosine + a * z * z),
        )
    )
    px, py, pz = _cross(vector, rate)
    q = qx, qy, qz = _cross(vector, (px, py, pz))
    spin = (rate[0] + a * px + b * qx, rate[1] + a * py + b * qy, rate[2] + a * pz + b * qz)
    bend = _bend(vector, rate, (px, py, pz), q, (b, c, d))
    r = _cross(vector, second)
    s = _cross(vector, r)
    return (
        matrix,
        spin,
        (
            second[0] + a * r[0] + b * s[0] + bend[0],
            second[1] + a * r[1] + b * s[1] + bend[1],
            second[2] + a * r[2] + b * s[2] + bend[2],
        ),
    )


def vector_rates(
    vector: Sequence[float], spin: Sequence[float], spin_rate: Sequence[float]
) -> tuple[Triple, Triple]:
    """Return the rates (dv/dt, d2v/dt2) with which `turned` gives an angular velocity and its rate.

    Args:
        vector: (3,) rotation vector, shorter than a whole turn [rad].
        spin: (3,) angular velocity in the outer frame [rad/s].
        spin_rate: (3,) angular acceleration [rad/s^2].
    """
    x, y, z = vector
    square = x * x + y * y + z * z
    _, b, c, d = _coefficients(square)
    rate = _inverse_jacobian(vector, square, spin)
    p = _cross(vector, rate)
    bend = _bend(vector, rate, p, _cross(vector, p), (b, c, d))
    rest = (spin_rate[0] - bend[0], spin_rate[1] - bend[1], spin_rate[2] - bend[2])
    return rate, _inverse_jacobian(vector, square, rest)


def _bend(
    vector: Sequence[float], rate: Sequence[float], p: Triple, q: Triple, bcd: Triple
) -> Triple:
    """Return dJ/dt v', with p = v x v' and q = v x p."""
    b, c, d = bcd
    along = vector[0] * rate[0] + vector[1] * rate[1] + vector[2] * rate[2]
    n = _cross(rate, p)
    c, d = c * along, d * along
    return (
        c * p[0] + d * q[0] + b * n[0],
        c * p[1] + d * q[1] + b * n[1],
        c * p[2] + d * q[2] + b * n[2],
    )


def _coefficients(square: float) -> tuple[float, float, float, float]:
    """Return A, B, A'/t and B'/t for t^2."""
    t = square
    if t < _SERIES * _SERIES:
        return (
            1 / 2 - t / 24 + t * t / 720 - t**3 / 40320,
            1 / 6 - t / 120 + t * t / 5040 - t**3 / 362880,
            -1 / 12 + t / 180 - t * t / 6720 + t**3 / 453600,
            -1 / 60 + t / 1260 - t * t / 60480 + t**3 / 4989600,
        )
    angle = math.sqrt(t)
    sine, rest = math.sin(angle), 1.0 - math.cos(angle)
    return (
        rest / t,
        (angle - sine) / (t * angle),
        (angle * sine - 2 * rest) / (t * t),
        (angle * rest - 3 * (angle - sine)) / (t * t * angle),
    )


def _inverse_jacobian(vector: Sequence[float], square: float, of: Sequence[float]) -> Triple:
    if square < _SERIES * _SERIES:
        k = 1 / 12 + square / 720 + square * square / 30240 + square**3 / 1209600
    else:
        half = math.sqrt(square) / 2
        k = (1.0 - half / math.tan(half)) / square
    p = _cross(vector, of)
    q = _cross(vector, p)
    return (
        of[0] - p[0] / 2 + k * q[0],
        of[1] - p[1] / 2 + k * q[1],
        of[2] - p[2] / 2 + k * q[2],
    )


def _cross(a: Sequence[float], b: Sequence[float]) -> Triple:
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )
