"""The robot as a viewer draws it: links that hang on joints, and shapes on them. No physics."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wall_oss_ros.core.contract import Description
from wall_oss_ros.core.errors import RobotModelError
from wall_oss_ros.core.rotation import (
    Array,
    matrix_from_rotation_vector,
    matrix_from_rpy,
    quaternion_from_matrix,
)
from wall_oss_ros.kinematics.description import find_urdf, read_urdf, resolve_uri

_TURNS = ("revolute", "continuous")
_GREY = (0.62, 0.64, 0.67)


@dataclass(frozen=True, slots=True, eq=False)
class DrawnLink:
    """A link and the joint it hangs on.

    Attributes:
        name: of the link.
        parent: link it hangs on; empty for the root.
        place: (3,) [m] and turn (3, 3) of it in the parent's frame with the joint at zero.
        turn: likewise.
        axis: (3,) unit axis in the link's own frame; None where it does not move.
        slides: whether it slides along the axis; it turns otherwise.
        driver: joint whose position moves it; another one's where it mimics.
        factor, offset: its own position is factor * position + offset.
    """

    name: str
    parent: str
    place: Array
    turn: Array
    axis: Array | None = None
    slides: bool = False
    driver: str = ""
    factor: float = 1.0
    offset: float = 0.0

    def pose(self, positions: Mapping[str, float]) -> tuple[Array, Array]:
        """Return place (3,) [m] and quaternion (4,) (w, x, y, z) in the parent's frame.

        Args:
            positions: by joint [rad] or [m]; one that is not there counts as zero.
        """
        place, turn = self.place, self.turn
        if self.axis is not None:
            moved = self.axis * (self.factor * positions.get(self.driver, 0.0) + self.offset)
            if self.slides:
                place = place + turn @ moved
            else:
                turn = turn @ matrix_from_rotation_vector(moved)
        return place, np.roll(quaternion_from_matrix(turn), 1)


@dataclass(frozen=True, slots=True, eq=False)
class DrawnShape:
    """What is seen of a link.

    Attributes:
        link: it is fixed to.
        place: (3,) [m] and turn (3, 3) in the link's frame.
        turn: likewise.
        size: box: edges; cylinder: radius and length; sphere: radius [m]; mesh: scale of each axis.
        mesh: file, None for the others.
        colour: red, green, blue, 0 to 1.
    """

    link: str
    place: Array
    turn: Array
    size: tuple[float, ...]
    mesh: Path | None
    colour: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class RobotDrawing:
    """A robot to draw.

    Attributes:
        links: parents before children; the first is the root.
        shapes: on them.
        lacks: why some of it cannot be drawn, in words.
    """

    links: tuple[DrawnLink, ...]
    shapes: tuple[DrawnShape, ...]
    lacks: tuple[str, ...] = ()


def robot_drawing(description: Description) -> RobotDrawing:
    """Return how a robot is drawn.

    Raises:
        RobotModelError: if there is no URDF, or it is no tree.
    """
    path = find_urdf(description)
    urdf = read_urdf(path)
    joints = {_link_of(joint, "child"): joint for joint in urdf.findall("joint")}
    names = [link.get("name", "") for link in urdf.findall("link")]
    roots = [name for name in names if name not in joints]
    if len(roots) != 1:
        raise RobotModelError(f"'{path}' has {len(roots)} links without a parent; expected one")
    links = [DrawnLink(roots[0], "", np.zeros(3), np.eye(3))]
    children: dict[str, list[str]] = {}
    for child, joint in joints.items():
        children.setdefault(_link_of(joint, "parent"), []).append(child)
    for link in links:  # which grows meanwhile
        links += [_link(joints[child], link.name, child) for child in children.get(link.name, [])]
    colours = {
        material.get("name"): material.find("color")
        for material in urdf.findall("material")
        if material.find("color") is not None
    }
    shapes, lacks = [], []
    for element in urdf.findall("link"):
        for visual in element.findall("visual"):
            try:
                shapes.append(_shape(element.get("name", ""), visual, colours, path))
            except RobotModelError as error:
                lacks.append(str(error))
    return RobotDrawing(tuple(links), tuple(shapes), tuple(dict.fromkeys(lacks)))


def _link_of(joint: ElementTree.Element, end: str) -> str:
    element = joint.find(end)
    return "" if element is None else element.get("link", "")


def _link(joint: ElementTree.Element, parent: str, child: str) -> DrawnLink:
    place, turn = _origin(joint)
    kind = joint.get("type", "fixed")
    if kind not in (*_TURNS, "prismatic"):
        return DrawnLink(child, parent, place, turn)
    element = joint.find("axis")
    axis = np.array(_numbers(element, "xyz", (1.0, 0.0, 0.0)))
    mimic = joint.find("mimic")
    return DrawnLink(
        child,
        parent,
        place,
        turn,
        axis / max(float(np.linalg.norm(axis)), 1e-9),
        slides=kind == "prismatic",
        driver=joint.get("name", "") if mimic is None else mimic.get("joint", ""),
        factor=1.0 if mimic is None else float(mimic.get("multiplier", "1")),
        offset=0.0 if mimic is None else float(mimic.get("offset", "0")),
    )


def _shape(
    link: str,
    visual: ElementTree.Element,
    colours: Mapping[str | None, ElementTree.Element | None],
    urdf: Path,
) -> DrawnShape:
    place, turn = _origin(visual)
    geometry = next(_geometries(visual), None)
    material = visual.find("material")
    colour = None if material is None else material.find("color")
    if colour is None and material is not None:
        colour = colours.get(material.get("name"))
    shade = _GREY if colour is None else _numbers(colour, "rgba", (*_GREY, 1.0))[:3]
    red, green, blue = (min(max(value, 0.0), 1.0) for value in shade)
    mesh: Path | None = None
    if geometry is None:
        raise RobotModelError(f"link '{link}' has a shape that is no mesh, box, cylinder or sphere")
    if geometry.tag == "mesh":
        size = _numbers(geometry, "scale", (1.0, 1.0, 1.0))
        mesh = resolve_uri(geometry.get("filename", ""), urdf)
        if not mesh.is_file():
            raise RobotModelError(f"mesh '{mesh.name}' is not on this machine")
    elif geometry.tag == "box":
        size = _numbers(geometry, "size", (0.1, 0.1, 0.1))
    else:
        size = (float(geometry.get("radius", "0.05")),)
        size += (float(geometry.get("length", "0.1")),) if geometry.tag == "cylinder" else ()
    return DrawnShape(link, place, turn, size, mesh, (red, green, blue))


def _geometries(visual: ElementTree.Element) -> Iterator[ElementTree.Element]:
    for tag in ("mesh", "box", "cylinder", "sphere"):
        yield from visual.findall(f"geometry/{tag}")


def _origin(element: ElementTree.Element) -> tuple[Array, Array]:
    origin = element.find("origin")
    place = np.array(_numbers(origin, "xyz", (0.0, 0.0, 0.0)))
    return place, matrix_from_rpy(_numbers(origin, "rpy", (0.0, 0.0, 0.0)))


def _numbers(
    element: ElementTree.Element | None, key: str, default: tuple[float, ...]
) -> tuple[float, ...]:
    text = None if element is None else element.get(key)
    if text is None:
        return default
    try:
        numbers = tuple(float(word) for word in text.split())
    except ValueError:
        numbers = ()
    if len(numbers) != len(default):
        raise RobotModelError(f"the URDF has {key}='{text}'; expected {len(default)} numbers")
    return numbers
