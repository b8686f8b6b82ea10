"""Pins: the four forms of a rotation are the same rotation, and nonsense is refused.

The 6-D form is the first two ROWS of the matrix, as Wall-OSS has it; columns would look plausible
and turn the tool the wrong way.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wall_oss_ros.core.rotation import (
    Array,
    left_jacobian,
    matrix_from_quaternion,
    matrix_from_rot6d,
    matrix_from_rotation_vector,
    matrix_from_rpy,
    quaternion_from_matrix,
    rot6d_from_matrix,
    rotation_vector_from_matrix,
    slerp,
)

IDENTITY = np.eye(3)
# A quarter turn about z: x goes to y. Its rows and its columns differ.
QUARTER_Z = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])

numbers = st.floats(-1.0, 1.0, width=32)


@st.composite
def matrices(draw: st.DrawFn) -> Array:
    quaternion = np.array(draw(st.tuples(numbers, numbers, numbers, numbers)))
    assume(np.linalg.norm(quaternion) > 0.1)
    return matrix_from_quaternion(quaternion)


def angle_between(first: Array, second: Array) -> float:
    """Angle [rad] from the chord, exact for small angles, too."""
    return 2 * math.asin(min(1.0, float(np.linalg.norm(first - second)) / (2 * math.sqrt(2))))


def is_rotation(matrix: Array, tolerance: float = 1e-9) -> bool:
    orthonormal = np.allclose(matrix @ matrix.T, IDENTITY, rtol=0, atol=tolerance)
    return orthonormal and bool(np.linalg.det(matrix) > 0)


def test_rot6d_is_the_first_two_rows() -> None:
    assert rot6d_from_matrix(QUARTER_Z).tolist() == [0, -1, 0, 1, 0, 0]
    assert matrix_from_rot6d([0, -1, 0, 1, 0, 0]) == pytest.approx(QUARTER_Z)


@given(matrices())
def test_rot6d_there_and_back(matrix: Array) -> None:
    assert matrix_from_rot6d(rot6d_from_matrix(matrix)) == pytest.approx(matrix, abs=1e-12)


@given(matrices())
def test_quaternion_there_and_back(matrix: Array) -> None:
    quaternion = quaternion_from_matrix(matrix)
    assert np.linalg.norm(quaternion) == pytest.approx(1.0) and quaternion[3] >= 0.0
    assert matrix_from_quaternion(quaternion) == pytest.approx(matrix, abs=1e-12)


@given(matrices())
def test_rotation_vector_there_and_back(matrix: Array) -> None:
    vector = rotation_vector_from_matrix(matrix)
    assert np.linalg.norm(vector) <= math.pi + 1e-12
    assert matrix_from_rotation_vector(vector) == pytest.approx(matrix, abs=1e-9)


@given(st.tuples(numbers, numbers, numbers), st.sampled_from([1e-12, 1e-8, 1e-7, 1e-4, 1.0]))
def test_rotation_vectors_below_half_a_turn_come_back(
    direction: tuple[float, float, float], size: float
) -> None:
    vector = size * np.array(direction)
    back = rotation_vector_from_matrix(matrix_from_rotation_vector(vector))
    assert back == pytest.approx(vector, rel=1e-6, abs=1e-15)


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.6, 0, 0.8)])
def test_half_a_turn_keeps_its_axis(axis: tuple[float, float, float]) -> None:
    half = matrix_from_rotation_vector(math.pi * np.array(axis))
    assert is_rotation(half)
    vector = rotation_vector_from_matrix(half)
    assert np.linalg.norm(vector) == pytest.approx(math.pi)
    assert abs(vector @ axis) == pytest.approx(math.pi)


def test_quaternions_are_ordered_x_y_z_w() -> None:
    root = math.sqrt(0.5)
    assert quaternion_from_matrix(QUARTER_Z) == pytest.approx([0, 0, root, root])
    assert rotation_vector_from_matrix(QUARTER_Z) == pytest.approx([0, 0, math.pi / 2])


@given(
    arrays(np.float64, 6, elements=st.floats(allow_nan=True, allow_infinity=True))
    | arrays(np.float64, 6, elements=st.sampled_from([0.0, 1.0, -1.0, 1e-7, 1e6, 1e10, 1e200]))
)
def test_six_numbers_are_a_rotation_or_refused(rot6d: Array) -> None:
    try:
        matrix = matrix_from_rot6d(rot6d)
    except ValueError:
        return
    assert is_rotation(matrix)


@pytest.mark.parametrize(
    "rot6d",
    [
        [0, 0, 0, 0, 1, 0],
        [1, 0, 0, 0, 0, 0],
        [1, 2, 3, 2, 4, 6],
        [1, 2, 3, -1, -2, -3],
        [math.nan, 0, 0, 0, 1, 0],
        [1, 0, 0, 0, math.inf, 0],
        [1e200, 0, 0, 0, 1, 0],
    ],
)
def test_rows_that_mean_no_rotation_are_refused(rot6d: list[float]) -> None:
    with pytest.raises(ValueError, match="6-D rotation"):
        matrix_from_rot6d(rot6d)
    with pytest.raises(ValueError, match="6-D rotation"):
        matrix_from_rot6d([[1, 0, 0, 0, 1, 0], rot6d])  # one bad row of many


@given(matrices(), st.floats(0.5, 3.0), st.floats(0.5, 3.0), st.floats(-0.5, 0.5))
def test_rows_that_are_not_quite_orthonormal_keep_the_first_direction(
    matrix: Array, first: float, second: float, lean: float
) -> None:
    skewed = np.concatenate([first * matrix[0], second * matrix[1] + lean * matrix[0]])
    assert matrix_from_rot6d(skewed) == pytest.approx(matrix, abs=1e-9)


@given(matrices(), matrices())
def test_slerp_begins_and_ends_where_it_should(start: Array, end: Array) -> None:
    assert slerp(start, end, 0.0) == pytest.approx(start, abs=1e-9)
    assert slerp(start, end, 1.0) == pytest.approx(end, abs=1e-9)


@given(matrices(), matrices(), st.floats(0.0, 1.0))
def test_slerp_takes_the_shortest_way_at_even_speed(
    start: Array, end: Array, fraction: float
) -> None:
    between = slerp(start, end, fraction)
    whole = angle_between(start, end)  # at most half a turn
    assert angle_between(start, between) == pytest.approx(fraction * whole, abs=1e-6)
    assert angle_between(between, end) == pytest.approx((1 - fraction) * whole, abs=1e-6)


@given(st.floats(0.0, 3.1), st.lists(numbers, min_size=6, max_size=6))
def test_the_left_jacobian_gives_the_angular_velocity(length: float, six: list[float]) -> None:
    direction, rate = np.array(six[:3]), np.array(six[3:])
    assume(np.linalg.norm(direction) > 0.1)
    vector = length * direction / np.linalg.norm(direction)
    h = 1e-5
    before, after = (matrix_from_rotation_vector(vector + side * h * rate) for side in (-1, 1))
    turning = rotation_vector_from_matrix(after @ before.T) / (2 * h)
    assert left_jacobian(vector) @ rate == pytest.approx(turning, abs=1e-6)


def test_roll_pitch_yaw_turn_about_fixed_x_then_y_then_z() -> None:
    assert matrix_from_rpy([0, 0, math.pi / 2]) == pytest.approx(QUARTER_Z)
    # Roll first brings z to -y, yaw then brings -y to x.
    turned = matrix_from_rpy([math.pi / 2, 0, math.pi / 2]) @ [0, 0, 1]
    assert turned == pytest.approx([1, 0, 0])


@given(st.lists(matrices(), min_size=6, max_size=6))
def test_a_stack_is_converted_like_its_members(members: list[Array]) -> None:
    stack = np.array(members).reshape(2, 3, 3, 3)
    for convert in (rot6d_from_matrix, quaternion_from_matrix, rotation_vector_from_matrix):
        whole = convert(stack)
        single = np.array([convert(member) for member in members]).reshape(whole.shape)
        assert whole == pytest.approx(single)
