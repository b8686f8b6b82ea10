"""Simple shapes that enclose points: capsules for arms, boxes for the body.

MuJoCo has exact distances from a capsule to a capsule and to a box, and none that is exact between
boxes; so a pair of which one is always a capsule is all that may be measured.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from wall_oss_ros.kinematics.frames import Array

# Added to every size: vertices stay inside after rounding, and after single precision in meshes.
_ROUNDING_M = 1e-6
# Directions of a capsule's axis are tried at these angles around the best so far [rad].
_TILTS = (0.3, 0.15, 0.07, 0.03, 0.015)
_CIRCLE_STEPS = 30
# So many directions pick the vertices that an axis is fitted to; the rest only widens the result.
_PICKING_DIRECTIONS = 96


@dataclass(frozen=True, slots=True, eq=False)
class Capsule:
    """All points within `radius` of the segment from `start` to `end`.

    Attributes:
        start: (3,) [m].
        end: (3,) [m]; equal to start for a ball.
        radius: [m].
    """

    start: Array
    end: Array
    radius: float

    @property
    def volume(self) -> float:
        """Volume [m^3]."""
        length = float(np.linalg.norm(self.end - self.start))
        return math.pi * self.radius**2 * (length + 4.0 / 3.0 * self.radius)


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """A box of any orientation.

    Attributes:
        center: (3,) [m].
        axes: (3, 3), columns are its axes.
        half: (3,) half edge lengths [m].
    """

    center: Array
    axes: Array
    half: Array

    @property
    def volume(self) -> float:
        """Volume [m^3]."""
        return float(np.prod(2.0 * self.half))


def enclosing_capsule(points: Array) -> Capsule:
    """Return a small capsule around points (n, 3); found by search, the smallest within a few %."""
    return _capsule_around(np.ascontiguousarray(points, dtype=np.float64).tobytes())


@functools.lru_cache(maxsize=64)  # left and right arms are alike
def _capsule_around(content: bytes) -> Capsule:
    points = np.frombuffer(content).reshape(-1, 3)
    extreme = _extreme(points)
    best = _best_along(extreme, np.concatenate([np.eye(3), _principal_axes(extreme).T]))
    for tilt in _TILTS:
        while True:
            ways = _across(best.axis[None])[0]
            axes = best.axis + tilt * np.concatenate([ways, -ways])
            axes /= np.sqrt(1.0 + tilt**2)
            candidate = _best_along(extreme, axes)
            if candidate.volume >= best.volume * (1.0 - 1e-4):
                break
            best = candidate
    distance = distance_to_segment(points, best.start, best.end)
    return Capsule(best.start, best.end, float(distance.max()) + _ROUNDING_M)


def enclosing_box(points: Array) -> Box:
    """Return a box around points (n, 3): along the frame's or the points' principal axes."""
    boxes = []
    for axes in (np.eye(3), _principal_axes(_extreme(points))):
        low, high = (points @ axes).min(axis=0), (points @ axes).max(axis=0)
        boxes.append(Box(axes @ (low + high) / 2, axes, (high - low) / 2 + _ROUNDING_M))
    return min(boxes, key=lambda box: box.volume)


def _even_directions(count: int) -> Array:
    """Return unit vectors (count, 3), evenly spread (Fibonacci sphere)."""
    index = np.arange(count) + 0.5
    height = 1.0 - 2.0 * index / count
    turn = math.pi * (1.0 + math.sqrt(5.0)) * index
    ring = np.sqrt(1.0 - height**2)
    return np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)


def _extreme(points: Array) -> Array:
    """Return the points that stick out furthest in each of many directions."""
    along = points @ _even_directions(_PICKING_DIRECTIONS).T  # (n, directions)
    extreme: Array = points[np.unique(along.argmax(axis=0))]
    return extreme


def _principal_axes(points: Array) -> Array:
    axes = np.asarray(np.linalg.eigh(np.cov(points.T))[1], dtype=np.float64)
    return axes if np.linalg.det(axes) > 0.0 else -axes


class _Fit(NamedTuple):
    axis: Array
    start: Array
    end: Array
    volume: float


def _across(axes: Array) -> Array:
    """Return two unit vectors (k, 2, 3) across each of unit axes (k, 3)."""
    first = _cross(axes, np.eye(3)[np.abs(axes).argmin(axis=1)])
    first /= np.sqrt(np.einsum("ki,ki->k", first, first))[:, None]
    return np.stack([first, _cross(axes, first)], axis=1)


def _cross(first: Array, second: Array) -> Array:
    """Return cross products (k, 3); numpy's own takes ten times as long for few vectors."""
    product: Array = first[:, [1, 2, 0]] * second[:, [2, 0, 1]]
    return product - first[:, [2, 0, 1]] * second[:, [1, 2, 0]]


def _best_along(points: Array, axes: Array) -> _Fit:
    """Return the smallest capsule around points (n, 3) among those along unit axes (k, 3)."""
    across = _across(axes)
    flat = np.einsum("kij,nj->kni", across, points)  # (k, n, 2)
    # Badoiu and Clarkson 2003: steps towards the furthest point end at the smallest circle.
    center = (flat.max(axis=1) + flat.min(axis=1)) / 2  # (k, 2)
    rows = np.arange(len(axes))
    for step in range(2, _CIRCLE_STEPS):
        offset = flat - center[:, None]
        furthest = np.einsum("kni,kni->kn", offset, offset).argmax(axis=1)
        center = center + offset[rows, furthest] / step
    offset = flat - center[:, None]
    square = np.einsum("kni,kni->kn", offset, offset)
    radius = np.sqrt(square.max(axis=1))
    # A point at the distance s from the line is covered up to sqrt(r^2 - s^2) beyond the ends.
    beyond = np.sqrt(np.maximum(radius[:, None] ** 2 - square, 0.0))
    along = axes @ points.T  # (k, n)
    low, high = (along + beyond).min(axis=1), (along - beyond).max(axis=1)
    middle, half = (low + high) / 2, np.maximum(high - low, 0.0) / 2
    volume = math.pi * radius**2 * (2.0 * half + 4.0 / 3.0 * radius)
    i = int(np.argmin(volume))
    foot = center[i] @ across[i]
    start, end = (foot + (middle[i] + sign * half[i]) * axes[i] for sign in (-1.0, 1.0))
    return _Fit(axes[i], start, end, float(volume[i]))


def distance_to_segment(points: Array, start: Array, end: Array) -> Array:
    """Return the distance (n,) [m] of points (n, 3) to a segment."""
    along = end - start
    length = float(along @ along)
    fraction = np.zeros(len(points))
    if length > 0.0:
        fraction = np.clip((points - start) @ along / length, 0.0, 1.0)
    distance: Array = np.linalg.norm(points - start - fraction[:, None] * along, axis=1)
    return distance
