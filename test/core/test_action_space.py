"""Pins: the table of the 26-D vector leaves no column out and gives none twice.

Order and meaning are the published checkpoint's; a shifted column would move the wrong part.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from wall_oss_ros.core import action_space
from wall_oss_ros.core.action_space import ACTION_DIM, FIELDS, PARTS, part_columns


def test_fields_tile_the_26_columns_without_gap_or_overlap() -> None:
    assert FIELDS[0].start == 0
    for field, following in pairwise(FIELDS):
        assert following.start == field.start + field.size
    assert FIELDS[-1].start + FIELDS[-1].size == ACTION_DIM == 26


def test_field_order_is_the_checkpoints() -> None:
    assert [field.action_key for field in FIELDS] == [
        "follow_left_ee_cartesian_pos_relative",
        "follow_left_ee_rotation_6D_relative",
        "follow_left_gripper",
        "follow_right_ee_cartesian_pos_relative",
        "follow_right_ee_rotation_6D_relative",
        "follow_right_gripper",
        "velocity_decomposed",
        "height",
        "head_actions",
    ]


@pytest.mark.parametrize(
    ("part", "columns"),
    [
        ("left_arm", [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("left_gripper", [9]),
        ("right_arm", [10, 11, 12, 13, 14, 15, 16, 17, 18]),
        ("right_gripper", [19]),
        ("base", [20, 21, 22]),
        ("lift", [23]),
        ("head", [24, 25]),
    ],
)
def test_each_part_has_its_columns(part: str, columns: list[int]) -> None:
    assert part_columns(part) == columns


def test_parts_share_out_every_column_once() -> None:
    assert sorted(column for part in PARTS for column in part_columns(part)) == list(range(26))


def test_an_unknown_part_has_no_columns() -> None:
    assert part_columns("tail") == []


def test_named_columns_are_those_of_the_table() -> None:
    columns = list(range(26))
    assert columns[action_space.POSITION["left"]] == [0, 1, 2]
    assert columns[action_space.ROTATION["left"]] == [3, 4, 5, 6, 7, 8]
    assert action_space.GRIPPER == {"left": 9, "right": 19}
    assert columns[action_space.POSITION["right"]] == [10, 11, 12]
    assert columns[action_space.ROTATION["right"]] == [13, 14, 15, 16, 17, 18]
    assert columns[action_space.BASE] == [20, 21, 22]
    assert action_space.LIFT == 23
    assert columns[action_space.HEAD] == [24, 25]


def test_only_arm_poses_are_relative() -> None:
    assert {field.part for field in FIELDS if field.relative} == {"left_arm", "right_arm"}
