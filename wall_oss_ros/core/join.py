"""The difference between an old and a new motion at the moment one takes over, decaying to zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wall_oss_ros.core.motion import TOOL, Motion, offset_between, shifted
from wall_oss_ros.core.rotation import Array

# A quintic that goes from 1 to 0 at rest at both ends is steepest in its middle: 15/8 of its mean.
STEEPEST = 1.875


@dataclass(frozen=True, slots=True, eq=False)
class Join:
    """An offset on a new trajectory that begins as what the old one had more, and is 0 in the end.

    Its first value, rate and second rate are those of the difference, so the sum is continuous in
    position, velocity and acceleration, however different the two are. What the old motion had more
    in velocity and acceleration is gone after `blend_s`; its distance is closed within `close_s`.
    Every join decays by itself: a further one takes nothing from the ones before it.

    Attributes:
        start_s: motion time at which the new trajectory took over [s].
        blend_s: over which velocity and acceleration decay [s].
        close_s: over which the distance decays [s], at least `blend_s`.
        offset: (3, 15) at the start, see `motion.offset_between`.
    """

    start_s: float
    blend_s: float
    close_s: float
    offset: Array

    @staticmethod
    def between(
        old: Motion, new: Motion, start_s: float, blend_s: float, *, linear: float, angular: float
    ) -> Join:
        """Return the join of two motions at a moment.

        Args:
            old: what was followed.
            new: what is followed from now on.
            start_s: this moment in motion time [s].
            blend_s: shortest time it may take [s].
            linear: largest speed at which a tool's distance is closed [m/s].
            angular: largest speed at which its angle is closed [rad/s].
        """
        offset = offset_between(old, new)
        far = max(float(np.linalg.norm(offset[0, TOOL[side]])) for side in TOOL)
        wide = max(float(np.linalg.norm(offset[0, 9:12])), float(np.linalg.norm(offset[0, 12:])))
        close_s = max(blend_s, STEEPEST * far / linear, STEEPEST * wide / angular)
        return Join(start_s, blend_s, close_s, offset)

    @property
    def end_s(self) -> float:
        """Motion time from which on it is zero [s]."""
        return self.start_s + self.close_s

    def offset_at(self, motion_s: float) -> Array:
        """Return the offset (3, 15), its rate and its second rate at a motion time [s]."""
        elapsed_s = max(motion_s - self.start_s, 0.0)
        distance = _fall_of_value(elapsed_s, self.close_s)
        moving = _fall_of_rates(elapsed_s, self.blend_s)
        weights = np.array([(p, *q) for p, q in zip(distance, moving, strict=True)])
        fallen: Array = weights @ self.offset
        return fallen

    def apply(self, motion: Motion, motion_s: float) -> Motion:
        """Return a motion with the offset of this motion time [s]."""
        return shifted(motion, self.offset_at(motion_s))


def fade(elapsed_s: float, duration_s: float) -> tuple[float, float, float]:
    """Return a weight that goes from 0 to 1, its rate and second rate; at rest at both ends."""
    value, rate, second = _fall_of_value(elapsed_s, duration_s)
    return 1.0 - value, -rate, -second


def _fall_of_value(t: float, end: float) -> tuple[float, float, float]:
    """Return the quintic from 1 to 0 that begins and ends at rest, and its two derivatives."""
    u = t / end
    if u <= 0.0:
        return 1.0, 0.0, 0.0
    if u >= 1.0:
        return 0.0, 0.0, 0.0
    return (
        1.0 + u * u * u * (-10.0 + u * (15.0 - 6.0 * u)),
        u * u * (-30.0 + u * (60.0 - 30.0 * u)) / end,
        u * (-60.0 + u * (180.0 - 120.0 * u)) / (end * end),
    )


def _fall_of_rates(t: float, end: float) -> tuple[tuple[float, float], ...]:
    """Return two quintics from 0 to 0, one with slope 1 at its start, one with curvature 1.

    In rows: both values, both rates, both second rates.
    """
    u = t / end
    if u >= 1.0:
        return ((0.0, 0.0),) * 3
    return (
        (
            end * u * (1.0 + u * u * (-6.0 + u * (8.0 - 3.0 * u))),
            end * end * u * u * (0.5 + u * (-1.5 + u * (1.5 - 0.5 * u))),
        ),
        (
            1.0 + u * u * (-18.0 + u * (32.0 - 15.0 * u)),
            end * u * (1.0 + u * (-4.5 + u * (6.0 - 2.5 * u))),
        ),
        (
            u * (-36.0 + u * (96.0 - 60.0 * u)) / end,
            1.0 + u * (-9.0 + u * (18.0 - 10.0 * u)),
        ),
    )
