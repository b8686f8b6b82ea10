"""Where parts of the robot must stay, or must not go, and how near its arms may come to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from wall_oss_ros.core import action_space
from wall_oss_ros.core.contract.checks import check, check_positive
from wall_oss_ros.core.contract.declare import described, quantity
from wall_oss_ros.core.contract.shapes import Box, HalfSpace, Shape, Sphere
from wall_oss_ros.core.errors import ContractError, choices
from wall_oss_ros.core.read_only import read_only

ZonePart = Literal["left_arm", "right_arm", "base"]
SHAPES = ("box", "sphere", "half_space")


@dataclass(frozen=True, slots=True)
class Clearance:
    """The distance between the two arms, and of each arm to the body."""

    stop: float = quantity("m", "no motion may bring them nearer than this")
    slow: float = quantity("m", "below this distance, motion that brings them nearer slows down")

    def __post_init__(self) -> None:
        check(0.0 <= self.stop, "stop", f"{self.stop} m", "0 or more")
        check(self.stop < self.slow, "slow", f"{self.slow} m", f"above stop, {self.stop} m")


@dataclass(frozen=True, slots=True)
class Zone:
    """A region that parts of the robot keep in or out of. Exactly one shape is given.

    For an arm the tool point is kept, and the origins of `links`; for the base, the circle of
    `base.radius` around it, in the plane: a shape is then what is seen of it from above.
    """

    keep: Literal["in", "out"] = described("in: must stay inside; out: must stay outside")
    parts: tuple[ZonePart, ...] = described("what is kept: arms, or the base")
    frame: str = described("for arms a link of the URDF; for the base the odometry's frame")
    margin: float = quantity("m", "below this distance, motion towards the border slows down")
    box: Box | None = described("shape: a box along the axes of the frame", default=None)
    sphere: Sphere | None = described("shape: a ball", default=None)
    half_space: HalfSpace | None = described("shape: all that is behind a plane", default=None)
    links: tuple[str, ...] = described(
        "links of the URDF whose origins are kept besides the tool points, e.g. an elbow",
        default=(),
    )

    def __post_init__(self) -> None:
        given = [name for name in SHAPES if getattr(self, name) is not None]
        check(len(given) == 1, "shape", choices(given), f"exactly one of {choices(SHAPES)}")
        check(len(self.parts) > 0, "parts", "none", f"at least one of {choices(ZONE_PARTS)}")
        for key in ("parts", "links"):
            names = getattr(self, key)
            check(len(set(names)) == len(names), key, list(names), "each name once")
        check_positive(self, "margin")
        if "base" not in self.parts:
            return
        check(
            self.parts == ("base",),
            "parts",
            list(self.parts),
            "the base in a zone of its own: its frame is the odometry's, which arms do not know",
        )
        check(not self.links, "links", list(self.links), "none in a zone of the base")
        check(
            self.half_space is None or self.half_space.upright,
            "half_space.normal",
            self.half_space and list(self.half_space.normal),
            "a horizontal direction, since the base moves in the plane",
        )

    @property
    def shape(self) -> Shape:
        """The shape given."""
        shape = self.box or self.sphere or self.half_space
        if shape is None:
            raise ValueError("a zone has a shape")
        return shape

    @property
    def sides(self) -> tuple[str, ...]:
        """Sides of the arms that are kept."""
        return tuple(side for side in action_space.SIDES if f"{side}_arm" in self.parts)

    def distance(self, point: tuple[float, ...]) -> float:
        """Return how far a point in the zone's frame is on the allowed side [m].

        Args:
            point: 3 coordinates for an arm, 2 for the base [m].
        """
        distance = self.shape.distance(point)
        return distance if self.keep == "out" else -distance


@dataclass(frozen=True, slots=True)
class ZoneList:
    """Zones without the rest of a contract."""

    zones: Mapping[str, Zone] = described("zones by name", default_factory=lambda: read_only({}))


ZONE_PARTS: tuple[str, ...] = (*(f"{side}_arm" for side in action_space.SIDES), "base")


def check_zones(
    zones: Mapping[str, Zone], odometry_frame: str | None, base_radius: float | None
) -> None:
    """Check zones against the base of the robot they are for.

    Args:
        zones: by name.
        odometry_frame: of the base's pose; None for a robot without base.
        base_radius: circle around the base frame that is kept [m]; None for a robot without base.

    Raises:
        ContractError: naming the first zone that does not fit.
    """
    for name, zone in zones.items():
        if "base" not in zone.parts:
            continue
        if odometry_frame is None or base_radius is None:
            raise ContractError(f"zones.{name}.parts: got 'base'; this robot has no base")
        check(
            zone.frame == odometry_frame,
            f"zones.{name}.frame",
            f"'{zone.frame}'",
            f"'{odometry_frame}', the odometry's frame (odometry.frame), for a zone of the base",
        )
        check(
            base_radius > 0.0,
            f"zones.{name}.parts",
            "'base', but base.radius is not given",
            "base.radius, the circle around the base frame that the zone keeps",
        )
