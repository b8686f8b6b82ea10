"""Pins: between a chunk's rows the robot moves smoothly, and no part gets what no row said.

Positions and orientations follow splines whose velocity and acceleration are continuous; a gripper
is never blended, a base velocity never made up, and a part that is not commanded keeps still.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from motions import assert_rates_are_derivatives, assert_same, random_rows, turn_between
from sample_robot import T0, home_state, make_chunk, moving_rows

from wall_oss_ros.core import action_space
from wall_oss_ros.core.action_space import PARTS
from wall_oss_ros.core.chunk_trajectory import ChunkTrajectory
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.motion import HEAD, LIFT, LINEAR_COLUMNS, TOOL, at_rest
from wall_oss_ros.core.rotation import (
    Array,
    matrix_from_rotation_vector,
    rot6d_from_matrix,
    slerp,
)

DT = 0.05
START_S = 7.0  # motion time of the capture
ROTATION = action_space.ROTATION["left"]
seeds = st.integers(0, 2**32 - 1)


def follow(
    contract: RobotContract, rows: Array, used: int | None = None, dt: float = DT
) -> ChunkTrajectory:
    chunk = make_chunk(contract, T0, rows, dt=dt)
    return ChunkTrajectory(chunk, at_rest(home_state(contract)), used or len(rows), START_S)


def due_s(row: float, dt: float = DT) -> float:
    return START_S + (row + 1) * dt


def wandering(contract: RobotContract, seed: int, count: int = 8) -> Array:
    return random_rows(contract, np.random.default_rng(seed), count)


def turning(contract: RobotContract, turns: list[Array]) -> Array:
    rows = np.tile(home_state(contract), (len(turns), 1))
    rows[:, ROTATION] = rot6d_from_matrix(np.stack(turns))
    return rows


@given(seeds, st.floats(0.001, 10.0), st.integers(1, 40))
def test_every_row_is_reached_when_it_is_due(
    contract: RobotContract, seed: int, dt: float, count: int
) -> None:
    rows = wandering(contract, seed, count)
    trajectory = follow(contract, rows, dt=dt)
    assert trajectory.end_s == pytest.approx(due_s(count - 1, dt))
    for index, row in enumerate(rows):
        motion = trajectory.sample(due_s(index, dt))
        assert trajectory.place(due_s(index, dt)) == pytest.approx(index, abs=1e-6)
        assert motion.linear == pytest.approx(row[LINEAR_COLUMNS], abs=1e-6)
        for side, rotation in zip(action_space.SIDES, motion.rotation, strict=True):
            wanted = row[action_space.ROTATION[side]]
            assert rot6d_from_matrix(rotation) == pytest.approx(wanted, abs=1e-6)


@given(seeds, st.floats(-2.0, 10.0))
def test_velocity_and_acceleration_are_what_positions_change_by(
    contract: RobotContract, seed: int, place: float
) -> None:
    trajectory = follow(contract, wandering(contract, seed))
    at_row = abs(place - round(place)) < 1e-3  # the spline's third derivative jumps there
    assert_rates_are_derivatives(trajectory, due_s(place), bends=at_row)


@given(seeds, st.integers(1, 20))
def test_position_velocity_and_acceleration_are_continuous_over_the_rows_and_past_the_ends(
    contract: RobotContract, seed: int, count: int
) -> None:
    trajectory = follow(contract, wandering(contract, seed, count))
    for row in range(-1, count):
        before, after = (trajectory.sample(due_s(row) + shift) for shift in (-1e-9, 1e-9))
        assert_same(before, after, tolerance=1e-7)


def test_even_rows_are_followed_at_even_speed_from_the_start(contract: RobotContract) -> None:
    trajectory = follow(contract, moving_rows(contract, {0: 0.01, 23: 0.001}))
    for place in np.arange(-1.0, 31.0, 0.27):
        motion = trajectory.sample(due_s(place))
        assert motion.linear_velocity == pytest.approx([0.2, *[0] * 5, 0.02, 0, 0], abs=1e-9)
        assert motion.linear_acceleration == pytest.approx(np.zeros(9), abs=1e-6)


# --- turns -----------------------------------------------------------------------------------


@given(seeds, st.floats(-1.5, 1.5), st.floats(0.0, 1.0))
def test_about_one_axis_a_turn_is_slerp(
    contract: RobotContract, seed: int, angle: float, part: float
) -> None:
    random = np.random.default_rng(seed)
    axis = random.normal(size=3)
    axis /= np.linalg.norm(axis)
    start = matrix_from_rotation_vector(random.normal(size=3))
    turns = [matrix_from_rotation_vector(i * angle * axis) @ start for i in range(2)]
    motion = follow(contract, turning(contract, turns)).sample(due_s(part))
    assert motion.rotation[0] == pytest.approx(slerp(turns[0], turns[1], part), abs=1e-7)
    assert motion.angular_velocity[0] == pytest.approx(angle * axis / DT, abs=1e-5)
    assert motion.angular_acceleration[0] == pytest.approx(np.zeros(3), abs=1e-3)


def test_a_turn_takes_the_short_way(contract: RobotContract) -> None:
    turns = [matrix_from_rotation_vector([0, 0, math.radians(angle)]) for angle in (170, 190)]
    halfway = follow(contract, turning(contract, turns)).sample(due_s(0.5))
    straight = matrix_from_rotation_vector([0, 0, math.pi])
    assert halfway.rotation[0] == pytest.approx(straight, abs=1e-6)
    speed = math.radians(20) / DT
    assert halfway.angular_velocity[0] == pytest.approx([0, 0, speed], abs=1e-6)


@given(seeds, st.floats(0.05, 0.28))
def test_a_long_even_turn_is_even_also_beyond_half_a_turn(
    contract: RobotContract, seed: int, step: float
) -> None:
    axis = np.random.default_rng(seed).normal(size=3)
    axis *= step / np.linalg.norm(axis)
    turns = [matrix_from_rotation_vector(index * axis) for index in range(32)]  # up to 500 degrees
    trajectory = follow(contract, turning(contract, turns))
    for place in np.arange(0.0, 31.0, 0.37):
        motion = trajectory.sample(due_s(place))
        assert motion.angular_velocity[0] == pytest.approx(axis / DT, abs=1e-5)
        expected = matrix_from_rotation_vector(place * axis)
        assert motion.rotation[0] == pytest.approx(expected, abs=1e-6)


@given(seeds, st.floats(1.0, 3.1))
def test_a_turn_too_wide_for_one_vector_is_still_continuous_in_angular_velocity(
    contract: RobotContract, seed: int, step: float
) -> None:
    random = np.random.default_rng(seed)
    turns = [np.eye(3)]
    for _ in range(12):
        axis = random.normal(size=3)
        turn = matrix_from_rotation_vector(step * axis / np.linalg.norm(axis))
        turns.append(turn @ turns[-1])
    trajectory = follow(contract, turning(contract, turns))
    for row in range(13):
        before, after = (trajectory.sample(due_s(row) + shift) for shift in (-1e-9, 1e-9))
        assert before.rotation[0] == pytest.approx(turns[row], abs=1e-5)
        assert after.angular_velocity == pytest.approx(before.angular_velocity, abs=1e-2)
    assert_rates_are_derivatives(trajectory, due_s(5.3), tolerance=1e-2)


@given(seeds, st.floats(0.0, 7.0))
def test_between_small_turns_it_never_leaves_the_arc_by_much(
    contract: RobotContract, seed: int, place: float
) -> None:
    trajectory = follow(contract, wandering(contract, seed))
    row = min(int(place), 6)
    start, here, end = (
        trajectory.sample(due_s(at)).rotation for at in (row, min(place, 7.0), row + 1)
    )
    arc, first, second = (
        np.linalg.norm(turn_between(*ends), axis=-1)
        for ends in ((start, end), (start, here), (here, end))
    )
    assert np.all(first + second <= 2.0 * arc + 0.1)


# --- what has no between ----------------------------------------------------------------------


@given(seeds, st.floats(-1.0, 6.999))
def test_a_gripper_and_the_base_only_get_values_of_rows(
    contract: RobotContract, seed: int, place: float
) -> None:
    rows = wandering(contract, seed)
    motion = follow(contract, rows).sample(due_s(place) + 1e-9)
    row = rows[min(math.floor(place + 1e-9 / DT) + 1, 7)]
    assert motion.grippers.tolist() == row[[9, 19]].tolist()
    assert motion.base_twist.tolist() == row[action_space.BASE].tolist()


def test_before_the_capture_the_base_does_not_move(contract: RobotContract) -> None:
    assert not follow(contract, wandering(contract, 1)).sample(START_S - 1e-6).base_twist.any()


@given(seeds, st.integers(1, 8))
def test_only_the_rows_used_count(contract: RobotContract, seed: int, used: int) -> None:
    rows = wandering(contract, seed)
    trajectory = follow(contract, rows, used)
    assert trajectory.end_s == pytest.approx(due_s(used - 1))
    changed = rows.copy()
    changed[used:, LINEAR_COLUMNS] += 5.0
    other = follow(contract, changed, used)
    for place in np.arange(-1.0, 9.0, 0.4):
        at_s = due_s(place)
        assert trajectory.sample(at_s).linear.tolist() == other.sample(at_s).linear.tolist()


def test_a_single_row_is_a_place(contract: RobotContract) -> None:
    rows = wandering(contract, 3, 1)
    for place in (-1.0, -0.4, 0.0, 3.0):
        motion = follow(contract, rows).sample(due_s(place))
        assert motion.linear == pytest.approx(rows[0, LINEAR_COLUMNS])
        assert not motion.linear_velocity.any()
        assert motion.angular_velocity == pytest.approx(np.zeros((2, 3)), abs=1e-12)


@pytest.mark.parametrize("idle", PARTS)
def test_a_part_that_is_not_commanded_stays_as_it_was(contract: RobotContract, idle: str) -> None:
    state = home_state(contract) + 0.0
    state[9], state[23] = 0.4, 0.2
    before = at_rest(state)
    parts = [part for part in PARTS if part != idle]
    chunk = make_chunk(contract, T0, wandering(contract, 1), parts=parts, dt=DT)
    trajectory = ChunkTrajectory(chunk, before, 8, START_S)
    stays = {
        "left_arm": lambda m: (m.linear[TOOL["left"]].tolist(), m.rotation[0].round(9).tolist()),
        "right_arm": lambda m: (m.linear[TOOL["right"]].tolist(), m.rotation[1].round(9).tolist()),
        "left_gripper": lambda m: m.grippers[0],
        "right_gripper": lambda m: m.grippers[1],
        "base": lambda m: m.base_twist.tolist(),
        "lift": lambda m: m.linear[LIFT],
        "head": lambda m: m.linear[HEAD].tolist(),
    }
    for place in np.arange(-0.9, 7.0, 0.6):
        motion = trajectory.sample(due_s(place))
        assert stays[idle](motion) == stays[idle](before)
    moved = [part for part in parts if stays[part](motion) != stays[part](before)]
    assert set(moved) >= set(parts) - {"left_gripper", "right_gripper"}
