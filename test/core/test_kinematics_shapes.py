"""Pins: the simple shapes enclose what they stand for. A shape that is too small is a collision."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("mink", reason="kinematics needs the 'sim' extra")

from wall_oss_ros.core.contract import RobotContract, load_contract
from wall_oss_ros.core.rotation import Array, matrix_from_rotation_vector, matrix_from_rpy
from wall_oss_ros.kinematics.collision_geometry import LinkShape
from wall_oss_ros.kinematics.cover import cover, split
from wall_oss_ros.kinematics.description import find_urdf, read_urdf, resolve_uri
from wall_oss_ros.kinematics.kinematic_model import kinematic_model
from wall_oss_ros.kinematics.shapes import (
    Box,
    Capsule,
    distance_to_segment,
    enclosing_box,
    enclosing_capsule,
)
from wall_oss_ros.sim.meshes import read_stl

CONTRACT = Path(__file__).parents[2] / "config" / "robots" / "tiago_pro_sim.yaml"

Transform = tuple[Array, Array]  # position (3,), rotation (3, 3)

seeds = st.integers(0, 2**32 - 1)


def outside(points: Array, shape: Capsule | Box) -> Array:
    """How far points (n, 3) are outside a shape [m]; 0 or less inside."""
    if isinstance(shape, Capsule):
        return distance_to_segment(points, shape.start, shape.end) - shape.radius
    return (np.abs((points - shape.center) @ shape.axes) - shape.half).max(axis=1)


def cloud(seed: int) -> Array:
    """Points of some elongated, turned thing."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(int(rng.integers(4, 300)), 3)) * rng.uniform(0.01, 1.0, 3)
    return points @ matrix_from_rotation_vector(rng.normal(size=3)).T + rng.normal(size=3)


@given(seeds)
def test_capsule_and_box_enclose_their_points(seed: int) -> None:
    points = cloud(seed)
    assert outside(points, enclosing_capsule(points)).max() <= 0.0
    assert outside(points, enclosing_box(points)).max() <= 0.0


@given(seeds, st.floats(0.02, 0.2), st.floats(0.0, 1.0))
def test_the_capsule_of_a_capsule_is_itself(seed: int, radius: float, length: float) -> None:
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=(2000, 3))
    ball = radius * direction / np.linalg.norm(direction, axis=1)[:, None]
    axis = matrix_from_rotation_vector(rng.normal(size=3))[:, 0]
    points = np.concatenate([ball, ball + length * axis])
    fit = enclosing_capsule(points)
    exact = Capsule(np.zeros(3), length * axis, radius)
    assert fit.volume <= exact.volume * 1.2


def tetrahedra(seed: int) -> Array:
    """Surfaces (n, 3, 3) of a few separate things."""
    rng = np.random.default_rng(seed)
    corners = rng.normal(size=(int(rng.integers(1, 8)), 1, 3)) + 0.3 * rng.normal(size=(1, 4, 3))
    faces = [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]]
    return corners[:, faces].reshape(-1, 3, 3)


def inner_points(triangles: Array, seed: int) -> Array:
    """Corners of triangles (n, 3, 3), and points inside them."""
    share = np.random.default_rng(seed).dirichlet(np.ones(3), size=(len(triangles), 10))
    return np.concatenate(
        [triangles.reshape(-1, 3), np.einsum("nkc,ncx->nkx", share, triangles).reshape(-1, 3)]
    )


@given(seeds)
def test_boxes_cover_every_triangle_also_where_it_was_cut(seed: int) -> None:
    triangles = tetrahedra(seed)
    boxes = cover(triangles)
    points = inner_points(triangles, seed)
    assert np.min([outside(points, box) for box in boxes], axis=0).max() <= 1e-9
    assert sum(box.volume for box in boxes) <= enclosing_box(points).volume * 1.3


@given(seeds, st.integers(0, 2), st.floats(-1.0, 1.0))
def test_a_cut_keeps_the_surface(seed: int, axis: int, height: float) -> None:
    triangles = tetrahedra(seed)
    low, high = split(triangles, axis, height)
    assert low.size == 0 or low[:, :, axis].max() <= height + 1e-9
    assert high.size == 0 or high[:, :, axis].min() >= height - 1e-9
    assert area(low) + area(high) == pytest.approx(area(triangles))


def area(triangles: Array) -> float:
    sides = triangles[:, 1:] - triangles[:, :1]
    return float(np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1).sum() / 2)


class Description:
    """The URDF read a second time, with nothing of the code under test but where the files are."""

    def __init__(self, contract: RobotContract) -> None:
        self.path = find_urdf(contract.description)
        urdf = read_urdf(self.path)
        self.links = {link.attrib["name"]: link for link in urdf.findall("link")}
        self.joint_above = {
            joint.find("child").attrib["link"]: joint for joint in urdf.findall("joint")
        }

    def in_ancestor(self, link: str, ancestor: str, driver: str, position: float) -> Transform:
        """Pose of a link in one above it; `driver` and the joints that mimic it moved."""
        if link == ancestor:
            return np.zeros(3), np.eye(3)
        joint = self.joint_above[link]
        outer = self.in_ancestor(joint.find("parent").attrib["link"], ancestor, driver, position)
        mimic, name = joint.find("mimic"), joint.attrib["name"]
        angle = position if name == driver else 0.0
        if mimic is not None and mimic.attrib["joint"] == driver:
            factor, offset = mimic.get("multiplier", "1"), mimic.get("offset", "0")
            angle = float(factor) * position + float(offset)
        inner, turn = origin(joint), np.eye(3)
        if angle:
            assert joint.attrib["type"] == "revolute"
            axis = numbers(joint.find("axis").attrib["xyz"])
            turn = matrix_from_rotation_vector(angle * axis / np.linalg.norm(axis))
        return outer[0] + outer[1] @ inner[0], outer[1] @ inner[1] @ turn

    def collision_points(self, link: str) -> Array:
        """Points (n, 3) of a link's collision surface, in its frame."""
        found = [np.zeros((0, 3))]
        for element in self.links[link].findall("collision"):
            position, rotation = origin(element)
            shape = element.find("geometry")[0]
            if shape.tag == "mesh":
                file = resolve_uri(shape.attrib["filename"], self.path)
                points = read_stl(file).reshape(-1, 3) * numbers(shape.get("scale", "1 1 1"))
                points = inner_points(points.reshape(-1, 3, 3), seed=1)
            elif shape.tag == "box":
                cube = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
                points = cube * numbers(shape.attrib["size"]) / 2
            else:
                assert shape.tag == "cylinder"
                turn = np.linspace(0, 2 * np.pi, 50)
                ring = float(shape.attrib["radius"]) * np.stack([np.cos(turn), np.sin(turn)], 1)
                half = float(shape.attrib["length"]) / 2
                points = np.concatenate(
                    [np.column_stack([ring, np.full(50, end)]) for end in (-half, half)]
                )
            found.append(points @ rotation.T + position)
        return np.concatenate(found)

    def carrier(self, link: str, carriers: set[str]) -> str:
        """The nearest link upwards that has shapes."""
        while link not in carriers:
            link = self.joint_above[link].find("parent").attrib["link"]
        return link


def numbers(text: str) -> Array:
    return np.array([float(word) for word in text.split()])


def origin(element: ElementTree.Element) -> Transform:
    pose = element.find("origin")
    if pose is None:
        return np.zeros(3), np.eye(3)
    return numbers(pose.get("xyz", "0 0 0")), matrix_from_rpy(numbers(pose.get("rpy", "0 0 0")))


@pytest.fixture(scope="module")
def contract() -> RobotContract:
    return load_contract(CONTRACT)


@pytest.mark.parametrize("opening", [0.0, 0.4, 1.0])
def test_every_collision_point_of_the_robot_is_inside_its_shapes(
    contract: RobotContract, opening: float
) -> None:
    shapes: dict[str, list[LinkShape]] = {}
    for shape in kinematic_model(contract).shapes:
        shapes.setdefault(shape.link, []).append(shape)
    description = Description(contract)
    checked = 0
    for link in description.links:
        points = description.collision_points(link)
        if not len(points):
            continue
        carrier = description.carrier(link, set(shapes))
        gripper = contract.grippers["left" if "_left_" in carrier else "right"]
        position, rotation = description.in_ancestor(
            link, carrier, gripper.joint, gripper.joint_from_opening(opening)
        )
        in_carrier = points @ rotation.T + position
        distance = np.min([outside(in_carrier, shape.shape) for shape in shapes[carrier]], axis=0)
        assert distance.max() <= 2e-6, link  # meshes are single precision
        checked += 1
    assert checked > 40
