"""Pins: joints are found by name, never by position; what cannot be used is refused by name.

Robots publish joints in any order, with extra ones, and drivers change the order between versions.
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.joints import JointSelector

WANTED = ("shoulder", "elbow", "wrist")
POSITION = {"wheel": 9.0, "elbow": 2.0, "wrist": 3.0, "shoulder": 1.0}
VELOCITY = {"wheel": 0.9, "elbow": 0.2, "wrist": 0.3, "shoulder": 0.1}


@given(st.permutations(sorted(POSITION)))
def test_the_order_of_a_message_does_not_matter(names: list[str]) -> None:
    sample = JointSelector(WANTED).select(
        7, names, [POSITION[name] for name in names], [VELOCITY[name] for name in names]
    )
    assert (sample.stamp_ns, sample.names) == (7, WANTED)
    assert sample.positions.tolist() == [1.0, 2.0, 3.0]
    assert sample.velocities.tolist() == [0.1, 0.2, 0.3]


def test_the_order_may_change_from_message_to_message() -> None:
    selector = JointSelector(WANTED)
    selector.select(1, WANTED, [1, 2, 3], [0, 0, 0])
    sample = selector.select(2, ("wrist", "shoulder", "elbow"), [3, 1, 2], [0, 0, 0])
    assert sample.position_of() == {"shoulder": 1.0, "elbow": 2.0, "wrist": 3.0}


def test_a_missing_joint_is_named_with_those_that_exist() -> None:
    with pytest.raises(MessageError, match="lack 'elbow'; they have 'shoulder', 'wrist'"):
        JointSelector(WANTED).select(0, ("wrist", "shoulder"), [0, 0], [0, 0])


def test_a_joint_named_twice_is_refused() -> None:
    with pytest.raises(MessageError, match="'wrist' twice"):
        JointSelector(WANTED).select(0, (*WANTED, "wrist"), [0] * 4, [0] * 4)


@pytest.mark.parametrize(
    ("positions", "velocities"), [([0, 0], [0, 0, 0]), ([0, 0, 0], []), ([0] * 4, [0] * 3)]
)
def test_arrays_of_another_length_are_refused(
    positions: list[float], velocities: list[float]
) -> None:
    lengths = f"3 names, {len(positions)} positions and {len(velocities)} velocities"
    with pytest.raises(MessageError, match=lengths):
        JointSelector(WANTED).select(0, WANTED, positions, velocities)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused_by_joint(bad: float) -> None:
    selector = JointSelector(WANTED)
    with pytest.raises(MessageError, match="position of 'elbow' is not finite"):
        selector.select(0, WANTED, [0, bad, 0], [0, 0, 0])
    with pytest.raises(MessageError, match="velocity of 'wrist' is not finite"):
        selector.select(0, WANTED, [0, 0, 0], [0, 0, bad])


def test_joints_that_are_not_ours_may_be_anything() -> None:
    names = ("wheel", *WANTED)
    sample = JointSelector(WANTED).select(0, names, [math.nan, 1, 2, 3], [math.nan, 0, 0, 0])
    assert sample.positions.tolist() == [1.0, 2.0, 3.0]


def test_after_a_refusal_the_next_good_message_is_read_right() -> None:
    selector = JointSelector(WANTED)
    selector.select(0, WANTED, [1, 2, 3], [0, 0, 0])
    with pytest.raises(MessageError):
        selector.select(0, ("wrist", "elbow"), [3, 2], [0, 0])
    with pytest.raises(MessageError):
        selector.select(0, ("wrist", "elbow"), [3, 2], [0, 0])
    assert selector.select(0, WANTED, [1, 2, 3], [0, 0, 0]).positions.tolist() == [1, 2, 3]
