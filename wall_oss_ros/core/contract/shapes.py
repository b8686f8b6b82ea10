"""The shapes of workspaces and zones, and the distance of a point to each of them.

All distances are positive outside the shape, negative inside, 0 on its surface, and never change by
more than the point moves. Points are plain floats: the supervisor asks for one at a time, where an
array operation costs more than the arithmetic. A point may have two coordinates instead of three:
the base moves in the plane, where a shape is what is seen of it from above.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from wall_oss_ros.core.contract.checks import check, check_positive
from wall_oss_ros.core.contract.declare import described, quantity

Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """A box along the axes of its frame."""

    min: Point = quantity("m", "corner with the small coordinates", count=3)
    max: Point = quantity("m", "corner with the large coordinates", count=3)

    def __post_init__(self) -> None:
        check(
            all(low < high for low, high in zip(self.min, self.max, strict=True)),
            "min",
            f"{self.min} .. {self.max}",
            "each minimum below its maximum",
        )

    def distance(self, point: Sequence[float]) -> float:
        """Return the signed distance [m] of a point (2 or 3 coordinates) [m] to the surface."""
        beyond, deepest = 0.0, -math.inf
        for value, low, high in zip(point, self.min, self.max, strict=False):
            out = max(low - value, value - high)
            deepest = max(deepest, out)
            if out > 0.0:
                beyond += out * out
        return math.sqrt(beyond) if deepest > 0.0 else deepest


@dataclass(frozen=True, slots=True)
class Sphere:
    """A ball."""

    centre: Point = quantity("m", "its middle", count=3)
    radius: float = quantity("m", "its radius")

    def __post_init__(self) -> None:
        check_positive(self, "radius")

    def distance(self, point: Sequence[float]) -> float:
        """Return the signed distance [m] of a point (2 or 3 coordinates) [m] to the surface."""
        return math.dist(point, self.centre[: len(point)]) - self.radius


@dataclass(frozen=True, slots=True)
class HalfSpace:
    """Everything behind a plane, like the wood below a table top."""

    point: Point = quantity("m", "any point of the plane", count=3)
    normal: Point = described("three numbers: the direction out of it, e.g. [0, 0, 1]")

    def __post_init__(self) -> None:
        length = math.hypot(*self.normal)
        check(length > 1e-6, "normal", list(self.normal), "a direction, not zero")
        x, y, z = (value / length for value in self.normal)
        object.__setattr__(self, "normal", (x, y, z))

    def distance(self, point: Sequence[float]) -> float:
        """Return the signed distance [m] of a point (2 or 3 coordinates) [m] to the plane.

        Seen from above, the plane is the line that it cuts the ground in; one that does not cut it
        (`upright` tells) has no distance there.
        """
        across = sum(
            normal * (value - on)
            for normal, value, on in zip(self.normal, point, self.point, strict=False)
        )
        return across if len(point) == 3 else across / math.hypot(*self.normal[:2])

    @property
    def upright(self) -> bool:
        """Whether the plane is a wall: it means the same at every height."""
        return abs(self.normal[2]) < 1e-6


Shape = Box | Sphere | HalfSpace
