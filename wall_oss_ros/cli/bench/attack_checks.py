"""What the attack holds the supervisor's outputs against: arithmetic that shares nothing with it.

Tool poses come from the URDF by matrices alone, limits from differences of commanded positions,
zones from the definitions of their shapes. Only the clearance of the arms is asked of the robot's
own kinematics, an instance of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core.contract import RobotContract, Zone
from wall_oss_ros.core.contract.shapes import Box
from wall_oss_ros.kinematics.description import find_urdf

Array = NDArray[np.float64]

# Rounding of differences, as a share of a limit, and of distances [m].
RATE_SLACK = 1e-6
GAP_SLACK = 1e-7


def turn(rpy: Array) -> Array:
    """Return the rotation of fixed-axis roll, pitch, yaw, as URDF has it."""
    (cr, cp, cy), (sr, sp, sy) = np.cos(rpy), np.sin(rpy)
    about_x = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    about_y = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    about_z = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    return np.asarray(about_z.dot(about_y).dot(about_x), dtype=np.float64)


class Chains:
    """Poses of links in the base frame for many postures at once, straight from the URDF."""

    def __init__(self, contract: RobotContract) -> None:
        self._contract = contract
        self.names = tuple(contract.limited_joints)
        joints = ElementTree.parse(find_urdf(contract.description)).getroot().findall("joint")
        self._above = {_link_of(joint, "child"): joint for joint in joints}

    def link(self, name: str, positions: Array) -> tuple[Array, Array]:
        """Return place (t, 3) and rotation (t, 3, 3) of a link for postures (t, n)."""
        count = len(positions)
        place, rotation = np.zeros((count, 3)), np.tile(np.eye(3), (count, 1, 1))
        for joint in self._way(name):
            xyz, rpy = (_numbers(joint.find("origin"), key) for key in ("xyz", "rpy"))
            place = place + rotation @ xyz
            rotation = rotation @ turn(rpy)
            if joint.get("name") in self.names:
                values = positions[:, self.names.index(str(joint.get("name")))]
                axis = _numbers(joint.find("axis"), "xyz")
                if joint.get("type") == "prismatic":
                    place = place + values[:, None] * (rotation @ axis)
                else:
                    rotation = rotation @ _about(axis, values)
        return place, rotation

    def tool(self, side: str, positions: Array) -> Array:
        """Return the place (t, 3) of a tool point."""
        tool = self._contract.arms[side].tool
        place, rotation = self.link(tool.link, positions)
        return np.asarray(place + rotation @ np.array(tool.xyz))

    def gaps(self, zones: Mapping[str, Zone], positions: Array) -> Array:
        """Return the distance of each tool to its workspace and zones, (t, gaps) [m]."""
        base, columns = self._contract.base_frame, []
        for side, arm in self._contract.arms.items():
            point = self.tool(side, positions)
            columns.append(_kept_in_box(arm.workspace, self._seen(arm.frame, point, positions)))
            for zone in zones.values():
                if f"{side}_arm" in zone.parts:
                    seen = point if zone.frame == base else self._seen(zone.frame, point, positions)
                    columns.append(zone_distance(zone, seen))
        return np.stack(columns, axis=1)

    def _seen(self, frame: str, point: Array, positions: Array) -> Array:
        place, rotation = self.link(frame, positions)
        return np.asarray(np.einsum("tji,tj->ti", rotation, point - place))

    def _way(self, name: str) -> list[ElementTree.Element]:
        way: list[ElementTree.Element] = []
        while name != self._contract.base_frame:
            joint = self._above[name]
            way.insert(0, joint)
            name = _link_of(joint, "parent")
        return way


def zone_distance(zone: Zone, points: Array) -> Array:
    """Return how far points (t, 2 or 3) are on the allowed side of a zone (t,) [m]."""
    size = points.shape[1]
    if zone.sphere is not None:
        away = points - np.array(zone.sphere.centre)[:size]
        outside = np.linalg.norm(away, axis=1) - zone.sphere.radius
    elif zone.half_space is not None:
        normal = np.array(zone.half_space.normal)[:size]
        away = points - np.array(zone.half_space.point)[:size]
        outside = away @ normal / np.linalg.norm(normal)
    else:
        assert zone.box is not None
        outside = -_kept_in_box(zone.box, points)
    return np.asarray(outside if zone.keep == "out" else -outside)


def _kept_in_box(box: Box, points: Array) -> Array:
    """Return how far points are inside a box (t,); negative outside."""
    size = points.shape[1]
    low, high = np.array(box.min)[:size], np.array(box.max)[:size]
    beyond = np.maximum(low - points, points - high)
    outside = np.linalg.norm(np.maximum(beyond, 0.0), axis=1)
    return np.asarray(-np.where(outside > 0.0, outside, beyond.max(axis=1)))


def _link_of(joint: ElementTree.Element, end: str) -> str:
    found = joint.find(end)
    return "" if found is None else found.get("link", "")


def _numbers(element: ElementTree.Element | None, key: str) -> Array:
    text = "0 0 0" if element is None else element.get(key, "0 0 0")
    return np.array([float(number) for number in text.split()])


def _about(axis: Array, angles: Array) -> Array:
    """Return rotations (t, 3, 3) about an axis (Rodrigues)."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    sine, cosine = np.sin(angles)[:, None, None], np.cos(angles)[:, None, None]
    return np.asarray(np.eye(3) + sine * cross + (1.0 - cosine) * (cross @ cross))


class Limits:
    """The joints' limits, and how much of each a commanded motion uses."""

    def __init__(self, contract: RobotContract) -> None:
        joints = contract.limited_joints.values()
        self.low, self.high = np.array([joint.position for joint in joints]).T
        self._most = [
            np.array([getattr(joint, key) for joint in joints])
            for key in ("velocity", "acceleration", "jerk")
        ]

    def used(self, path: Array, stood: Sequence[int], dt: float) -> tuple[float, float, float]:
        """Return the largest share of velocity, acceleration and jerk that a path (t, n) uses.

        Args:
            path: commanded positions; it begins at rest.
            stood: rows at which the robot stood at once, which no second difference may span.
            dt: between rows [s].
        """
        shares = []
        whole = np.concatenate([np.repeat(path[:1], 3, axis=0), path])
        for order, most in enumerate(self._most, start=1):
            rates = np.abs(np.diff(whole, order, axis=0)) / dt**order / most
            if order > 1:
                for row in stood:
                    # Differences that span the step before this row and the step to it.
                    rates[row + 3 - order : row + 2] = 0.0
            shares.append(float(rates.max(initial=0.0)))
        return shares[0], shares[1], shares[2]

    def beyond(self, path: Array) -> float:
        """Return how far a path is outside the range, and further than before (0: nowhere)."""
        out = np.maximum(np.maximum(self.low - path, path - self.high), 0.0)
        return float(np.maximum(np.diff(out, axis=0), 0.0).max(initial=0.0))
