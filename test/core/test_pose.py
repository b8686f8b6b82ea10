"""Pins: poses form a group, and nobody can change one that another holds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wall_oss_ros.core.pose import Pose, frozen_array

numbers = st.floats(-2.0, 2.0, width=32)


@st.composite
def poses(draw: st.DrawFn) -> Pose:
    quaternion = np.array(draw(st.tuples(numbers, numbers, numbers, numbers)))
    assume(np.linalg.norm(quaternion) > 0.1)
    return Pose.from_quaternion(draw(st.tuples(numbers, numbers, numbers)), quaternion)


def same(first: Pose, second: Pose) -> bool:
    return np.allclose(first.position, second.position, atol=1e-9) and np.allclose(
        first.rotation, second.rotation, atol=1e-9
    )


@given(poses(), poses(), poses())
def test_composition_does_not_depend_on_brackets(a: Pose, b: Pose, c: Pose) -> None:
    assert same(a.compose(b).compose(c), a.compose(b.compose(c)))


@given(poses())
def test_a_pose_and_its_inverse_cancel(pose: Pose) -> None:
    here = Pose(np.zeros(3), np.eye(3))
    assert same(pose.compose(pose.inverse()), here)
    assert same(pose.inverse().compose(pose), here)


def test_the_second_pose_is_given_in_the_first_ones_frame() -> None:
    quarter = Pose.from_quaternion([1, 0, 0], [0, 0, math.sqrt(0.5), math.sqrt(0.5)])
    ahead = Pose(np.array([2.0, 0, 0]), np.eye(3))
    assert quarter.compose(ahead).position == pytest.approx([1, 2, 0])


def test_distance_is_metres_and_radians() -> None:
    start = Pose(np.zeros(3), np.eye(3))
    end = Pose.from_quaternion([3, 4, 0], [0, 0, math.sqrt(0.5), math.sqrt(0.5)])
    assert start.distance(end) == pytest.approx((5.0, math.pi / 2))


def test_a_pose_is_a_copy_that_cannot_be_written() -> None:
    position = np.zeros(3)
    pose = Pose(position, np.eye(3))
    position[0] = 7.0
    assert pose.position[0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        pose.position[0] = 7.0
    with pytest.raises(ValueError, match="read-only"):
        pose.rotation[0, 0] = 7.0


@pytest.mark.parametrize("shape", [(2,), (4,), (1, 3)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Pose(np.zeros(shape), np.eye(3))
    with pytest.raises(ValueError, match="expected"):
        frozen_array(np.zeros(shape), (3,))
