"""Cover triangles by a few boxes: a torso with shoulders is not one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wall_oss_ros.kinematics.frames import Array
from wall_oss_ros.kinematics.shapes import Box, enclosing_box

# A cut must save this part of the first box to be worth another one.
_WORTHWHILE = 0.1
_MOST_BOXES = 4
# Cuts are tried at these parts of the extent along each axis.
_CUTS = tuple(np.linspace(0.1, 0.9, 9).tolist())


class _Cut(NamedTuple):
    saved: float  # [m^3]
    axis: int
    height: float  # [m]


def cover(triangles: Array) -> list[Box]:
    """Return boxes whose union encloses every triangle.

    Pieces are cut along the frame's axes where that saves most volume.

    Args:
        triangles: (n, 3, 3) corners [m].
    """
    pieces, cuts = [triangles], [_best_cut(triangles)]
    least = _WORTHWHILE * float(np.prod(np.ptp(triangles, axis=(0, 1))))
    while len(pieces) < _MOST_BOXES:
        best = max(range(len(pieces)), key=lambda i: cuts[i].saved)
        if cuts[best].saved <= least:
            break
        halves = split(pieces[best], cuts[best].axis, cuts[best].height)
        pieces[best : best + 1] = halves
        cuts[best : best + 1] = [_best_cut(half) for half in halves]
    return [enclosing_box(piece.reshape(-1, 3)) for piece in pieces]


def split(triangles: Array, axis: int, height: float) -> tuple[Array, Array]:
    """Return the parts of triangles (n, 3, 3) below and above a plane across an axis."""
    above = triangles[:, :, axis] > height  # (n, 3)
    count = above.sum(axis=1)
    low, high = [triangles[count == 0]], [triangles[count == 3]]
    crossed = (count == 1) | (count == 2)
    for triangle, upper in zip(triangles[crossed], above[crossed], strict=True):
        # The corner that is alone on its side comes first; two edges from it cross the plane.
        alone = int(np.argmax(upper)) if upper.sum() == 1 else int(np.argmin(upper))
        tip, second, third = np.roll(triangle, -alone, axis=0)
        at_second, at_third = (
            tip + (height - tip[axis]) / (end[axis] - tip[axis]) * (end - tip)
            for end in (second, third)
        )
        small = np.array([[tip, at_second, at_third]])
        rest = np.array([[at_second, second, third], [at_second, third, at_third]])
        (high if upper[alone] else low).append(small)
        (low if upper[alone] else high).append(rest)
    return np.concatenate(low), np.concatenate(high)


def _best_cut(triangles: Array) -> _Cut:
    """Return the cut that saves most of the volume of a piece's upright box."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    low, high = edges.min(axis=(0, 1)), edges.max(axis=(0, 1))
    volume = float(np.prod(high - low))
    best = _Cut(0.0, 0, 0.0)
    for axis in range(3):
        start, end = edges[:, 0], edges[:, 1]
        first, last = start[:, axis], end[:, axis]
        for part in _CUTS:
            height = low[axis] + part * (high[axis] - low[axis])
            crossed = (first > height) != (last > height)
            fraction = (height - first[crossed]) / (last[crossed] - first[crossed])
            crossing = start[crossed] + fraction[:, None] * (end - start)[crossed]
            pieces = [
                np.concatenate([start[side], crossing])
                for side in (first > height, first <= height)
            ]
            left = sum(float(np.prod(np.ptp(piece, axis=0))) for piece in pieces)
            saved = volume - left
            if saved > best.saved:
                best = _Cut(saved, axis, float(height))
    return best
