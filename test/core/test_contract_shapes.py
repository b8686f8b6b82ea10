"""Pins: the signed distance of each shape of a zone is the distance to its surface.

Positive outside, negative inside. Everything that keeps an arm out of a zone rests on it.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wall_oss_ros.core.contract import Box, HalfSpace, Sphere
from wall_oss_ros.core.contract.shapes import Shape
from wall_oss_ros.core.errors import ContractError

numbers = st.floats(-2.0, 2.0)
points = st.tuples(numbers, numbers, numbers)
sizes = st.floats(0.01, 1.0)
boxes = st.builds(
    lambda low, size: Box(low, tuple(a + b for a, b in zip(low, size, strict=True))),
    points,
    st.tuples(sizes, sizes, sizes),
)
spheres = st.builds(Sphere, points, sizes)
half_spaces = st.builds(HalfSpace, points, points.filter(lambda normal: math.hypot(*normal) > 0.1))
shapes = st.one_of(boxes, spheres, half_spaces)


def inside(shape: Shape, point: tuple[float, ...]) -> bool:
    """Membership by the definition of each shape."""
    p = np.array(point)
    if isinstance(shape, Box):
        return bool(np.all(p >= shape.min) and np.all(p <= shape.max))
    if isinstance(shape, Sphere):
        return bool(np.sum((p - shape.centre) ** 2) <= shape.radius**2)
    return bool((p - shape.point) @ np.array(shape.normal) <= 0.0)


def surface(shape: Shape, seed: int) -> np.ndarray:
    """Points (n, 3) on the surface, made from the definition of each shape."""
    random = np.random.default_rng(seed)
    if isinstance(shape, Box):
        low, high = np.array(shape.min), np.array(shape.max)
        made = random.uniform(low, high, (600, 3))
        face, end = random.integers(0, 3, 600), random.integers(0, 2, 600)
        made[np.arange(600), face] = np.where(end == 0, low[face], high[face])
        return made
    made = random.normal(size=(600, 3))
    if isinstance(shape, Sphere):
        return shape.centre + shape.radius * made / np.linalg.norm(made, axis=1, keepdims=True)
    normal = np.array(shape.normal)
    return shape.point + made - (made @ normal)[:, None] * normal


@given(shapes, points)
def test_the_sign_says_on_which_side_a_point_is(shape: Shape, point: tuple[float, ...]) -> None:
    distance = shape.distance(point)
    if abs(distance) > 1e-9:
        assert (distance < 0.0) == inside(shape, point)


@given(shapes, points, st.integers(0, 1000))
def test_no_point_of_the_surface_is_nearer_than_the_distance(
    shape: Shape, point: tuple[float, ...], seed: int
) -> None:
    sampled = np.linalg.norm(surface(shape, seed) - point, axis=1)
    assert sampled.min() >= abs(shape.distance(point)) - 1e-9


@given(shapes, points)
def test_the_surface_is_met_by_going_that_far(shape: Shape, point: tuple[float, ...]) -> None:
    start, step = np.array(point), 1e-6
    distance = shape.distance(point)
    slope = np.array(
        [(shape.distance(start + step * axis) - distance) / step for axis in np.eye(3)]
    )
    length = np.linalg.norm(slope)
    if abs(length - 1.0) > 1e-3:
        return  # as near to two faces, or the very middle: there is no one way
    assert shape.distance(start - distance * slope / length) == pytest.approx(0.0, abs=1e-3)


@given(shapes, points, points)
def test_a_distance_changes_no_more_than_the_point_moves(
    shape: Shape, here: tuple[float, ...], there: tuple[float, ...]
) -> None:
    change = abs(shape.distance(here) - shape.distance(there))
    assert change <= math.dist(here, there) + 1e-9


@given(boxes, points, sizes)
def test_a_larger_shape_is_nearer(box: Box, point: tuple[float, ...], more: float) -> None:
    larger = Box(tuple(a - more for a in box.min), tuple(a + more for a in box.max))
    assert larger.distance(point) < box.distance(point)
    sphere = Sphere(box.min, more)
    assert Sphere(box.min, 2 * more).distance(point) < sphere.distance(point)


@given(points, sizes, numbers, numbers)
def test_from_above_a_shape_is_what_it_covers_of_the_ground(
    centre: tuple[float, float, float], radius: float, x: float, y: float
) -> None:
    sphere, height = Sphere(centre, radius), centre[2]
    assert sphere.distance((x, y)) == pytest.approx(sphere.distance((x, y, height)))
    column = Box((0.0, 0.0, -9.0), (radius, 1.0, 9.0))
    assert column.distance((x, y)) == pytest.approx(column.distance((x, y, height)))
    wall = HalfSpace(centre, (x + 5.0, y, 0.0))
    assert wall.upright
    assert wall.distance((x, y)) == pytest.approx(wall.distance((x, y, height)))


def test_a_normal_may_have_any_length_but_none() -> None:
    floor = HalfSpace((0.0, 0.0, 0.7), (0.0, 0.0, 5.0))
    assert floor.normal == (0.0, 0.0, 1.0)
    assert floor.distance((3.0, 4.0, 1.0)) == pytest.approx(0.3)
    with pytest.raises(ContractError, match="normal: got .* expected a direction, not zero"):
        HalfSpace((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
