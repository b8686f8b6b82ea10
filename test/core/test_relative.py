"""Pins: relative action rows and absolute ones are each other's inverse, in Wall-OSS's convention.

Positions differ in the arm's frame, rotations multiply from the left, everything else is absolute.
The mirrored convention passes any round trip, so the examples are written out.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wall_oss_ros.core import action_space
from wall_oss_ros.core.relative import absolute_actions, relative_actions
from wall_oss_ros.core.rotation import (
    Array,
    matrix_from_quaternion,
    matrix_from_rot6d,
    rot6d_from_matrix,
)

LEFT, LEFT_TURN = action_space.POSITION["left"], action_space.ROTATION["left"]
ARM_COLUMNS = action_space.part_columns("left_arm") + action_space.part_columns("right_arm")
OTHER_COLUMNS = [column for column in range(26) if column not in ARM_COLUMNS]

NO_TURN = [1, 0, 0, 0, 1, 0]
ABOUT_X = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # quarter turns
ABOUT_Z = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])


def random_vector(seed: int) -> Array:
    """A state or an action row (26,)."""
    random = np.random.default_rng(seed)
    vector = random.uniform(-2.0, 2.0, 26)
    for side in action_space.SIDES:
        turn = matrix_from_quaternion(random.normal(size=4))
        vector[action_space.ROTATION[side]] = rot6d_from_matrix(turn)
    return vector


vectors = st.builds(random_vector, st.integers(0, 2**32 - 1))


def plain_row() -> Array:
    row = np.zeros(26)
    for side in action_space.SIDES:
        row[action_space.ROTATION[side]] = NO_TURN
    return row


@given(st.lists(vectors, min_size=1, max_size=3), vectors)
def test_absolute_undoes_relative(rows: list[Array], anchor: Array) -> None:
    relative = relative_actions(rows, anchor)
    assert absolute_actions(relative, anchor) == pytest.approx(np.array(rows), abs=1e-9)


@given(st.lists(vectors, min_size=1, max_size=3), vectors)
def test_relative_undoes_absolute(rows: list[Array], anchor: Array) -> None:
    absolute = absolute_actions(rows, anchor)
    assert relative_actions(absolute, anchor) == pytest.approx(np.array(rows), abs=1e-9)


@given(vectors)
def test_the_anchor_itself_is_the_neutral_row(anchor: Array) -> None:
    neutral = relative_actions([anchor], anchor)[0]
    assert neutral[ARM_COLUMNS] == pytest.approx(plain_row()[ARM_COLUMNS], abs=1e-9)


@given(vectors, vectors)
def test_gripper_base_lift_and_head_are_absolute(row: Array, anchor: Array) -> None:
    assert (absolute_actions([row], anchor)[0, OTHER_COLUMNS] == row[OTHER_COLUMNS]).all()
    assert (relative_actions([row], anchor)[0, OTHER_COLUMNS] == row[OTHER_COLUMNS]).all()


def test_rotations_multiply_from_the_left() -> None:
    row, anchor = plain_row(), plain_row()
    row[LEFT_TURN], anchor[LEFT_TURN] = rot6d_from_matrix(ABOUT_X), rot6d_from_matrix(ABOUT_Z)
    absolute = matrix_from_rot6d(absolute_actions([row], anchor)[0, LEFT_TURN])
    assert absolute == pytest.approx(ABOUT_X @ ABOUT_Z)  # not ABOUT_Z @ ABOUT_X


def test_positions_are_not_turned_into_the_tool() -> None:
    row, anchor = plain_row(), plain_row()
    row[LEFT] = [0.1, 0, 0]
    anchor[LEFT], anchor[LEFT_TURN] = [0.5, 0.2, 0.9], rot6d_from_matrix(ABOUT_Z)
    assert absolute_actions([row], anchor)[0, LEFT] == pytest.approx([0.6, 0.2, 0.9])


def test_each_arm_has_its_own_reference() -> None:
    row, anchor = plain_row(), plain_row()
    anchor[LEFT], anchor[action_space.POSITION["right"]] = [1, 2, 3], [4, 5, 6]
    absolute = absolute_actions([row], anchor)[0]
    assert absolute[[0, 1, 2, 10, 11, 12]].tolist() == [1, 2, 3, 4, 5, 6]


def test_the_rows_given_are_left_as_they_were() -> None:
    rows, anchor = plain_row()[None], plain_row() + 0.0
    anchor[LEFT] = [1, 2, 3]
    absolute_actions(rows, anchor)
    relative_actions(rows, anchor)
    assert rows[0].tolist() == plain_row().tolist()
