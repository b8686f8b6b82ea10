"""One shape to draw."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from wall_oss_ros.core.pose import frozen_array
from wall_oss_ros.core.rotation import Array

Colour = tuple[float, float, float, float]

# The most points of a mark; the rest of a path would not be seen anyway.
MOST_POINTS = 2000


class MarkKind(Enum):
    """How points become a shape."""

    STRIP = "strip"  # a line through all points
    LINES = "lines"  # a line for every two points
    SPHERES = "spheres"  # a ball at every point
    TEXT = "text"  # words at the first point, always towards the camera


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """A shape; the same namespace and number replace what was drawn before.

    Attributes:
        namespace: group that can be switched on and off together, e.g. "left/path".
        number: within the group.
        kind: how points become a shape.
        frame: frame of the points.
        points: (N, 3) [m], N at least 1; even for LINES; at least 2 for STRIP.
        colours: (N, 4) red, green, blue, opacity, 0 to 1, one per point, or (1, 4) for all.
        size: width of lines, diameter of balls, height of letters [m]; above 0.
        text: of TEXT, not empty.
    """

    namespace: str
    number: int
    kind: MarkKind
    frame: str
    points: Array
    colours: Array
    size: float
    text: str = ""

    def __post_init__(self) -> None:
        """Check what a viewer relies on.

        Raises:
            ValueError: for a mark that cannot be drawn.
        """
        count = len(self.points)
        least = {MarkKind.STRIP: 2, MarkKind.LINES: 2}.get(self.kind, 1)
        if self.points.shape != (count, 3) or not least <= count <= MOST_POINTS:
            raise ValueError(
                f"{self.namespace}: points {self.points.shape}; expected ({least} to "
                f"{MOST_POINTS}, 3)"
            )
        if self.kind is MarkKind.LINES and count % 2:
            raise ValueError(f"{self.namespace}: {count} points; expected an even number")
        if self.colours.shape not in {(count, 4), (1, 4)}:
            raise ValueError(f"{self.namespace}: colours {self.colours.shape}; expected (N, 4)")
        # A sum is finite only if all of it is; twice as fast as asking each.
        if not (math.isfinite(self.points.sum()) and self.size > 0.0 and self.frame):
            raise ValueError(f"{self.namespace}: not finite, without size, or without a frame")
        if not _in_range(self.colours):
            raise ValueError(f"{self.namespace}: colours outside 0 to 1")
        if (self.kind is MarkKind.TEXT) != bool(self.text):
            raise ValueError(f"{self.namespace}: text and kind do not fit")


def _in_range(colours: Array) -> bool:
    if len(colours) == 1:  # most marks; a list is faster then
        return all(0.0 <= value <= 1.0 for value in colours[0].tolist())
    return bool(colours.min() >= 0.0 and colours.max() <= 1.0)


@functools.cache
def one_colour(colour: Colour) -> Array:
    """Return a colour for all points of a mark, (1, 4), read-only."""
    return frozen_array([colour])


@functools.lru_cache
def by_time(count: int, near: Colour, far: Colour) -> Array:
    """Return (count, 4) colours from near to far, read-only."""
    share = np.linspace(0.0, 1.0, count)[:, None]
    colours: Array = (1.0 - share) * np.array(near) + share * np.array(far)
    return frozen_array(colours)
