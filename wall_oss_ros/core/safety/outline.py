"""Workspaces and zones as something to draw: a shape, where it is, and in which frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from wall_oss_ros.core import action_space
from wall_oss_ros.core.contract import Box, HalfSpace, RobotContract, Sphere, Zone
from wall_oss_ros.core.contract.shapes import Shape
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.rotation import Array


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """One shape to draw.

    Attributes:
        name: of the zone, or e.g. "left workspace".
        kind: box, sphere, or plane (the border of a half-space).
        keep: whether parts keep in or out.
        parts: which ones.
        frame: frame that `pose` is in.
        pose: of the middle of the shape; for a plane any point of it, with z out of what it bounds.
        size: (3,) edges of a box, diameters of a sphere [m]; zeros for a plane, which has no end.
        margin_m: below this distance, motion slows down [m]; 0 for a workspace.
    """

    name: str
    kind: Literal["box", "sphere", "plane"]
    keep: Literal["in", "out"]
    parts: tuple[str, ...]
    frame: str
    pose: Pose
    size: tuple[float, float, float]
    margin_m: float


def workspace_outlines(contract: RobotContract) -> tuple[Outline, ...]:
    """Return the workspace of each arm."""
    outlines = []
    for side in action_space.SIDES:
        arm = contract.arms[side]
        kind, pose, size = _placed(arm.workspace)
        name, parts = f"{side} workspace", (f"{side}_arm",)
        outlines.append(Outline(name, kind, "in", parts, arm.frame, pose, size, 0.0))
    return tuple(outlines)


def zone_outlines(zones: Mapping[str, Zone]) -> tuple[Outline, ...]:
    """Return every zone."""
    outlines = []
    for name, zone in zones.items():
        kind, pose, size = _placed(zone.shape)
        outlines.append(
            Outline(name, kind, zone.keep, zone.parts, zone.frame, pose, size, zone.margin)
        )
    return tuple(outlines)


def _placed(
    shape: Shape,
) -> tuple[Literal["box", "sphere", "plane"], Pose, tuple[float, float, float]]:
    if isinstance(shape, Box):
        low, high = np.array(shape.min), np.array(shape.max)
        x, y, z = (high - low).tolist()
        return "box", Pose((low + high) / 2, np.eye(3)), (x, y, z)
    if isinstance(shape, Sphere):
        edge = 2.0 * shape.radius
        return "sphere", Pose(np.array(shape.centre), np.eye(3)), (edge, edge, edge)
    return "plane", Pose(np.array(shape.point), _turned_to(shape)), (0.0, 0.0, 0.0)


def _turned_to(plane: HalfSpace) -> Array:
    """Return a rotation whose z axis is the normal."""
    z = np.array(plane.normal)
    # The axis that is least along the normal gives the best-conditioned cross product.
    x = np.cross(np.eye(3)[int(np.argmin(np.abs(z)))], z)
    x /= np.linalg.norm(x)
    return np.column_stack([x, np.cross(z, x), z])
