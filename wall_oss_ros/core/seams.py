"""How smooth an executed motion is, above all where one chunk took over from another.

A seam is judged against the trend on either side of it, not against the sample before: a fast
motion is no jump. On each side the trend is the parabola through the three nearest samples; both
are continued to the instant half-way between the last sample of the old chunk and the first of the
new one, and compared there (one-sided quadratic extrapolation, e.g. Fornberg, "Generation of finite
difference formulas on arbitrarily spaced grids", Math. Comp. 51, 1988). A motion of constant
acceleration has no jump at all, one of constant jerk j at a period h seems to have one of
0.625 j h^3 in position and none in velocity.

Velocity, acceleration and jerk are first, second and third differences over h, h^2 and h^3. Jerk,
the third derivative, is the usual measure of how smooth a reach is (Flash and Hogan, "The
coordination of arm movements", J. Neuroscience 5, 1985, who integrate its square).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wall_oss_ros.core.rotation import Array

# Samples on each side of a seam.
_SIDE = 3


@dataclass(frozen=True, slots=True, eq=False)
class Seams:
    """What an executed motion is like; u is the unit of its positions, m or rad.

    Attributes:
        position: (S,) jump in position at each seam [u].
        velocity: (S,) jump in velocity at each seam [u/s].
        peak_velocity: largest speed [u/s].
        peak_acceleration: largest acceleration [u/s^2].
        peak_jerk: largest jerk [u/s^3].
        rms_jerk: root of the mean square jerk [u/s^3].
    """

    position: Array
    velocity: Array
    peak_velocity: float
    peak_acceleration: float
    peak_jerk: float
    rms_jerk: float


def measure(positions: ArrayLike, period_s: float, taken_over: Sequence[int]) -> Seams:
    """Measure a motion that was sampled at an even period.

    Args:
        positions: (N, D) samples, N >= 4, of one point or one group of joints; what is compared is
            the length over all D columns.
        period_s: time between samples [s].
        taken_over: index of the first sample of each chunk that took over. Those without three
            samples on either side, or with another seam among these, are left out: there is no
            trend to compare with.

    Raises:
        ValueError: for other shapes, positions that are not finite, or a period that is not
            positive.
    """
    x = np.asarray(positions, np.float64)
    if x.ndim != 2 or len(x) < _SIDE + 1:
        raise ValueError(f"positions of shape {x.shape}; expected (4 or more, columns)")
    if not np.all(np.isfinite(x)) or not period_s > 0.0:
        raise ValueError(f"positions that are not finite, or a period of {period_s} s")
    seams = _with_trend(taken_over, len(x))
    before, after = _trend(x, seams, -1), _trend(x, seams, +1)
    velocity, acceleration, jerk = (
        _lengths(np.diff(x, order, axis=0)) / period_s**order for order in (1, 2, 3)
    )
    return Seams(
        position=_lengths(after[0] - before[0]),
        velocity=_lengths(after[1] - before[1]) / period_s,
        peak_velocity=float(velocity.max()),
        peak_acceleration=float(acceleration.max()),
        peak_jerk=float(jerk.max()),
        rms_jerk=float(np.sqrt(np.mean(jerk**2))),
    )


def _with_trend(taken_over: Sequence[int], count: int) -> NDArray[np.intp]:
    """Return the seams (S,) that have their own three samples on either side."""
    every = np.array(sorted({0, *taken_over, count}), np.intp)
    apart = np.diff(every) >= _SIDE
    inner = every[1:-1]
    own: NDArray[np.intp] = inner[apart[:-1] & apart[1:]]
    return own


def _trend(x: Array, seams: NDArray[np.intp], side: int) -> tuple[Array, Array]:
    """Return position and velocity per sample (S, D), continued to half a sample before each seam.

    Args:
        x: (N, D).
        seams: (S,) first sample after each seam.
        side: -1 for the three samples before it, +1 for those after.
    """
    first = seams if side > 0 else seams - 1
    near, middle, far = (x[first + side * step] for step in range(_SIDE))
    # Parabola through the three, continued from `near` by half a sample towards the seam.
    slope, bend = near - middle, near - 2.0 * middle + far
    position = near + 0.5 * slope + 0.375 * bend
    return position, -side * (slope + bend)


def _lengths(vectors: Array) -> Array:
    lengths: Array = np.linalg.norm(vectors, axis=-1)
    return lengths
