"""Temporal ensembling (ACT, Zhao et al. 2023): the mean of what all live chunks say about now."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from wall_oss_ros.core.chunk_trajectory import ChunkTrajectory
from wall_oss_ros.core.join import fade
from wall_oss_ros.core.motion import OFFSET_COLUMNS, Motion, offset_between, shifted
from wall_oss_ros.core.rotation import Array

# ACT's weights: exp(-0.01 i), i = 0 for the oldest.
_DECAY = 0.01
# More change little at less than an eighth of the weight each, and all cost a sample per tick.
_MOST = 8

Member = tuple[ChunkTrajectory, float]
Jet = tuple[float, float, float]  # a number, its rate, its second rate


class Ensemble:
    """A trajectory that is the weighted mean of several, the newest faded in.

    Each member but the newest is faded out before its own end, so the mean has no jump: it is as
    smooth as its members. Orientations are averaged as rotation vectors around the newest one's;
    grippers and base twist are the newest one's.

    Attributes:
        members: (trajectory, motion time at which it joined [s]), oldest first.
    """

    def __init__(self, members: Sequence[Member], blend_s: float) -> None:
        self.members = tuple(members)
        self._blend_s = blend_s

    def joined_by(self, newest: ChunkTrajectory, motion_s: float) -> Ensemble:
        """Return the ensemble with one more; members without time left to fade out leave."""
        staying = [member for member in self.members if member[0].end_s >= motion_s + self._blend_s]
        members = [*staying[1 - _MOST :], (newest, motion_s)]
        # Somebody must weigh something: the oldest is all in, whenever it joined.
        members[0] = (members[0][0], motion_s - self._blend_s)
        return Ensemble(members, self._blend_s)

    def sample(self, motion_s: float) -> Motion:
        """Return the motion at a motion time [s], rates per second of motion time."""
        (newest, joined_s), older = self.members[-1], self.members[:-1]
        motion = newest.sample(motion_s)
        live = [member for member in older if member[0].end_s > motion_s]
        if not live:
            return motion
        # Offsets from the newest: its own is zero, it only adds weight.
        total = fade(motion_s - joined_s, self._blend_s)
        total = _scaled(total, math.exp(-_DECAY * len(older)))
        summed = np.zeros((3, OFFSET_COLUMNS))
        for index, (trajectory, since_s) in enumerate(older):
            if trajectory.end_s <= motion_s:
                continue
            weight = _product(
                fade(motion_s - since_s, self._blend_s), self._fade_out(trajectory, motion_s)
            )
            weight = _scaled(weight, math.exp(-_DECAY * index))
            offset = offset_between(trajectory.sample(motion_s), motion)
            summed += _times(weight, offset)
            total = _plus(total, weight)
        return shifted(motion, _divided(summed, total))

    def _fade_out(self, trajectory: ChunkTrajectory, motion_s: float) -> Jet:
        left, rate, second = fade(trajectory.end_s - motion_s, self._blend_s)
        return left, -rate, second


def _scaled(a: Jet, by: float) -> Jet:
    return a[0] * by, a[1] * by, a[2] * by


def _plus(a: Jet, b: Jet) -> Jet:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _product(a: Jet, b: Jet) -> Jet:
    return a[0] * b[0], a[1] * b[0] + a[0] * b[1], a[2] * b[0] + 2 * a[1] * b[1] + a[0] * b[2]


def _times(weight: Jet, offset: Array) -> Array:
    w, w1, w2 = weight
    x, x1, x2 = offset
    return np.array((w * x, w1 * x + w * x1, w2 * x + 2 * w1 * x1 + w * x2))


def _divided(summed: Array, total: Jet) -> Array:
    w, w1, w2 = total
    x = summed[0] / w
    x1 = (summed[1] - w1 * x) / w
    x2 = (summed[2] - w2 * x - 2 * w1 * x1) / w
    return np.array((x, x1, x2))
