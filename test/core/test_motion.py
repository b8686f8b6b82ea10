"""Pins: a motion, the offset between two, and the same motion in another time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from motions import assert_same, random_motion

from wall_oss_ros.core.motion import HEAD, LIFT, TOOL, Standing, at_rest, offset_between, shifted

seeds = st.integers(0, 2**32 - 1)


def test_at_rest_is_the_state_with_no_velocity() -> None:
    state = np.arange(26.0)
    state[3:9] = state[13:19] = [1, 0, 0, 0, 1, 0]
    motion = at_rest(state)
    assert motion.linear.tolist() == [0, 1, 2, 10, 11, 12, 23, 24, 25]
    assert motion.linear[TOOL["right"]].tolist() == [10, 11, 12]
    assert (motion.linear[LIFT], motion.linear[HEAD].tolist()) == (23, [24, 25])
    assert motion.rotation.tolist() == np.array([np.eye(3)] * 2).tolist()
    assert motion.grippers.tolist() == [9, 19]
    for rate in (motion.linear_velocity, motion.angular_velocity, motion.base_twist):
        assert not rate.any()


@given(seeds)
def test_a_motion_with_its_offset_to_another_is_that_other(seed: int) -> None:
    random = np.random.default_rng(seed)
    old, new = random_motion(random), random_motion(random)
    assert_same(shifted(new, offset_between(old, new)), old, tolerance=1e-10)


@given(seeds)
def test_an_offset_shifts_no_gripper_and_no_twist(seed: int) -> None:
    random = np.random.default_rng(seed)
    motion = random_motion(random)
    moved = shifted(motion, random.normal(size=(3, 15)))
    assert moved.grippers is motion.grippers and moved.base_twist is motion.base_twist


@given(seeds)
def test_a_motion_has_no_offset_from_itself(seed: int) -> None:
    motion = random_motion(np.random.default_rng(seed))
    assert offset_between(motion, motion) == pytest.approx(np.zeros((3, 15)), abs=1e-12)


@given(seeds, st.floats(0.01, 1.0), st.floats(-3.0, 3.0))
def test_paced_follows_the_chain_rule(seed: int, rate: float, slope: float) -> None:
    motion = random_motion(np.random.default_rng(seed))
    paced = motion.paced(rate, slope)
    assert paced.linear is motion.linear and paced.rotation is motion.rotation
    assert paced.linear_velocity == pytest.approx(rate * motion.linear_velocity)
    assert paced.base_twist == pytest.approx(rate * motion.base_twist)
    expected = rate**2 * motion.angular_acceleration + slope * motion.angular_velocity
    assert paced.angular_acceleration == pytest.approx(expected)


@given(seeds, st.floats(-1e6, 1e6))
def test_standing_is_the_same_at_any_time(seed: int, at_s: float) -> None:
    rest = random_motion(np.random.default_rng(seed)).at_rest()
    assert Standing(rest).sample(at_s) is rest
    rates = (rest.linear_velocity, rest.linear_acceleration, rest.angular_velocity)
    assert not any(rate.any() for rate in (*rates, rest.angular_acceleration, rest.base_twist))
