"""Pins: the mean of the live chunks is as smooth as they are, and lies between them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from motions import assert_rates_are_derivatives, assert_same, random_rows
from sample_robot import T0, home_state, make_chunk

from wall_oss_ros.core.chunk_trajectory import ChunkTrajectory
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.ensemble import Ensemble
from wall_oss_ros.core.motion import at_rest

BLEND_S, DT, ROWS = 0.1, 0.05, 10
seeds = st.integers(0, 2**32 - 1)


def trajectory(contract: RobotContract, seed: int, start_s: float) -> ChunkTrajectory:
    random = np.random.default_rng(seed)
    rows = random_rows(contract, random, ROWS, off=0.02, turn=0.1)
    chunk = make_chunk(contract, T0, rows, dt=DT)
    return ChunkTrajectory(chunk, at_rest(home_state(contract)), ROWS, start_s)


def growing(contract: RobotContract, seed: int, count: int, every_s: float) -> Ensemble:
    ensemble = Ensemble((), BLEND_S)
    for index in range(count):
        newest = trajectory(contract, seed + index, index * every_s)
        ensemble = ensemble.joined_by(newest, index * every_s)
    return ensemble


@given(seeds)
def test_of_one_chunk_it_is_that_chunk(contract: RobotContract, seed: int) -> None:
    only = trajectory(contract, seed, 0.0)
    ensemble = Ensemble((), BLEND_S).joined_by(only, 0.0)
    for at_s in (0.0, 0.03, 0.4, 0.7):
        assert_same(ensemble.sample(at_s), only.sample(at_s), tolerance=1e-12)


@given(seeds)
def test_a_new_member_weighs_nothing_at_first(contract: RobotContract, seed: int) -> None:
    ensemble = growing(contract, seed, 3, 0.07)
    later = ensemble.joined_by(trajectory(contract, seed + 9, 0.2), 0.2)
    # The older ones are faded in by now, but for the last; what changes is its own weight alone.
    assert later.sample(0.2).linear == pytest.approx(ensemble.sample(0.2).linear, abs=1e-9)
    assert_same(later.sample(0.2 + 1e-9), later.sample(0.2), tolerance=1e-6)


@given(seeds, st.floats(0.15, 0.65))
def test_velocity_and_acceleration_are_what_positions_change_by(
    contract: RobotContract, seed: int, at_s: float
) -> None:
    ensemble = growing(contract, seed, 3, 0.06)
    rows = [(at_s - index * 0.06) / DT for index in range(3)]
    bends = any(abs(row - round(row)) < 1e-3 for row in rows)
    assert_rates_are_derivatives(ensemble, at_s, tolerance=1e-3, bends=bends)


@given(seeds)
def test_a_member_leaves_without_a_jump(contract: RobotContract, seed: int) -> None:
    ensemble = growing(contract, seed, 3, 0.06)
    for index in range(2):
        end_s = ensemble.members[index][0].end_s
        before, after = (ensemble.sample(end_s + shift) for shift in (-1e-9, 1e-9))
        assert_same(before, after, tolerance=1e-6)


@given(seeds, st.floats(0.2, 0.3))
def test_positions_lie_between_those_of_the_members(
    contract: RobotContract, seed: int, at_s: float
) -> None:
    ensemble = growing(contract, seed, 3, 0.05)
    each = np.array([member.sample(at_s).linear for member, _ in ensemble.members])
    mean = ensemble.sample(at_s).linear
    assert np.all(mean >= each.min(axis=0) - 1e-9) and np.all(mean <= each.max(axis=0) + 1e-9)
    assert np.linalg.norm(mean - each.mean(axis=0)) < 0.02 * np.linalg.norm(np.ptp(each, axis=0))


def test_grippers_and_base_are_the_newest_ones(contract: RobotContract) -> None:
    ensemble = growing(contract, 5, 3, 0.05)
    newest = ensemble.members[-1][0]
    for at_s in (0.1, 0.22, 0.5):
        assert ensemble.sample(at_s).grippers.tolist() == newest.sample(at_s).grippers.tolist()
        twist = ensemble.sample(at_s).base_twist
        assert twist.tolist() == newest.sample(at_s).base_twist.tolist()


@given(seeds, st.integers(2, 30))
def test_many_that_join_at_the_same_time_still_weigh_something(
    contract: RobotContract, seed: int, count: int
) -> None:
    ensemble = growing(contract, seed % 1000, count, 0.0)
    motion = ensemble.sample(0.0)
    assert np.all(np.isfinite(motion.linear)) and np.all(np.isfinite(motion.angular_acceleration))
    assert len(ensemble.members) <= 8


def test_a_chunk_with_no_time_left_to_fade_out_leaves_at_once(contract: RobotContract) -> None:
    old, new = (trajectory(contract, seed, start) for seed, start in ((1, 0.0), (2, 0.45)))
    ensemble = Ensemble((), BLEND_S).joined_by(old, 0.0).joined_by(new, 0.45)
    assert [member for member, _ in ensemble.members] == [new]
