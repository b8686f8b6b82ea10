"""Pins: between a chunk's rows the robot moves smoothly, and no part gets what no row said.

Positions follow a spline and orientations the shortest arc; a gripper is never blended, a base
velocity never made up, and a part that is not commanded keeps still.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import MS, SECOND, T0, home_state, make_chunk, moving_rows

from wall_oss_ros.core import action_space
from wall_oss_ros.core.action_space import PARTS
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.motion import (
    HEAD,
    LIFT,
    LINEAR_COLUMNS,
    TOOL,
    ChunkTrajectory,
    Motion,
    StopTrajectory,
    at_rest,
)
from wall_oss_ros.core.rotation import (
    Array,
    matrix_from_rotation_vector,
    rot6d_from_matrix,
    rotation_vector_from_matrix,
)

DT = 0.05
DT_NS = 50 * MS
seeds = st.integers(0, 2**32 - 1)


def random_rows(contract: RobotContract, seed: int, count: int = 8) -> Array:
    """Rows that wander from home: about 1 cm and 3 degrees per row."""
    random = np.random.default_rng(seed)
    rows = np.tile(home_state(contract), (count, 1))
    rows[:, LINEAR_COLUMNS] += np.cumsum(random.normal(0.0, 0.01, (count, 9)), axis=0)
    for side in action_space.SIDES:
        turn = matrix_from_rotation_vector(random.normal(0.0, 0.5, 3))
        for row in rows:
            turn = matrix_from_rotation_vector(random.normal(0.0, 0.03, 3)) @ turn
            row[action_space.ROTATION[side]] = rot6d_from_matrix(turn)
    rows[:, [9, 19]] = random.choice([0.0, 0.3, 1.0], (count, 2))
    rows[:, action_space.BASE] = random.normal(0.0, 0.2, (count, 3))
    return rows


def follow(contract: RobotContract, rows: Array, used: int | None = None) -> ChunkTrajectory:
    start = at_rest(home_state(contract))
    return ChunkTrajectory(make_chunk(contract, T0, rows, dt=DT), start, used or len(rows))


def angle(first: Array, second: Array) -> Array:
    return np.linalg.norm(rotation_vector_from_matrix(second @ np.swapaxes(first, -1, -2)), axis=-1)


# --- at rest ---------------------------------------------------------------------------------


def test_at_rest_is_the_state_with_no_velocity(contract: RobotContract) -> None:
    state = np.arange(26.0)
    state[3:9] = state[13:19] = [1, 0, 0, 0, 1, 0]
    motion = at_rest(state)
    assert motion.linear.tolist() == [0, 1, 2, 10, 11, 12, 23, 24, 25]
    assert motion.linear[TOOL["right"]].tolist() == [10, 11, 12]
    assert (motion.linear[LIFT], motion.linear[HEAD].tolist()) == (23, [24, 25])
    assert motion.rotation.tolist() == np.array([np.eye(3)] * 2).tolist()
    assert motion.grippers.tolist() == [9, 19]
    for velocity in (motion.linear_velocity, motion.angular_velocity, motion.base_twist):
        assert not velocity.any()


# --- a chunk's rows --------------------------------------------------------------------------


@given(seeds, st.floats(5.0, 100.0))
def test_every_row_is_reached_when_it_is_due(
    contract: RobotContract, seed: int, rate_hz: float
) -> None:
    rows = random_rows(contract, seed)
    chunk = make_chunk(contract, T0, rows, dt=1.0 / rate_hz)
    trajectory = ChunkTrajectory(chunk, at_rest(home_state(contract)), len(rows))
    for index, row in enumerate(rows):
        motion = trajectory.sample(chunk.due_ns(index))
        assert motion.linear == pytest.approx(row[LINEAR_COLUMNS], abs=1e-6)
        for side, rotation in zip(action_space.SIDES, motion.rotation, strict=True):
            wanted = row[action_space.ROTATION[side]]
            assert rot6d_from_matrix(rotation) == pytest.approx(wanted, abs=1e-6)


@given(seeds)
def test_the_velocity_is_the_rate_of_change_of_the_position(
    contract: RobotContract, seed: int
) -> None:
    trajectory = follow(contract, random_rows(contract, seed))
    h = 100_000  # [ns]
    for now in range(T0 + 3 * MS, T0 + 8 * DT_NS, 37 * MS):  # never on a row: there SLERP bends
        if (now - T0) % DT_NS in (0, h, DT_NS - h):
            continue
        before, here, after = (trajectory.sample(now + shift) for shift in (-h, 0, h))
        speed = (after.linear - before.linear) / (2e-9 * h)
        assert here.linear_velocity == pytest.approx(speed, abs=1e-4)
        turn = rotation_vector_from_matrix(after.rotation @ before.rotation.swapaxes(1, 2))
        assert here.angular_velocity == pytest.approx(turn / (2e-9 * h), abs=1e-6)


@given(seeds)
def test_position_and_velocity_are_continuous_over_the_rows(
    contract: RobotContract, seed: int
) -> None:
    trajectory = follow(contract, random_rows(contract, seed))
    for row in range(1, 8):
        on = T0 + row * DT_NS
        before, after = trajectory.sample(on - 1), trajectory.sample(on + 1)
        assert after.linear == pytest.approx(before.linear, abs=1e-7)
        assert after.linear_velocity == pytest.approx(before.linear_velocity, abs=1e-5)
        assert after.rotation == pytest.approx(before.rotation, abs=1e-7)


def test_even_rows_are_followed_at_even_speed_from_the_start(contract: RobotContract) -> None:
    trajectory = follow(contract, moving_rows(contract, {0: 0.01, 23: 0.001}))
    for now in range(T0, T0 + 32 * DT_NS, 13 * MS):
        velocity = trajectory.sample(now).linear_velocity
        assert velocity == pytest.approx([0.2, 0, 0, 0, 0, 0, 0.02, 0, 0], abs=1e-9)


def test_a_turn_takes_the_short_way(contract: RobotContract) -> None:
    rows = np.tile(home_state(contract), (2, 1))
    for row, degrees in zip(rows, (170, 190), strict=True):  # 20 degrees, not 340
        turn = matrix_from_rotation_vector([0, 0, math.radians(degrees)])
        row[action_space.ROTATION["left"]] = rot6d_from_matrix(turn)
    trajectory = follow(contract, rows)
    halfway = trajectory.sample(T0 + DT_NS + DT_NS // 2)
    straight = matrix_from_rotation_vector([0, 0, math.pi])
    assert halfway.rotation[0] == pytest.approx(straight, abs=1e-6)
    speed = math.radians(20) / DT
    assert halfway.angular_velocity[0] == pytest.approx([0, 0, speed], abs=1e-6)


@given(seeds, st.integers(0, 8 * DT_NS))
def test_a_turn_between_rows_is_never_longer_than_its_arc(
    contract: RobotContract, seed: int, after_ns: int
) -> None:
    rows = random_rows(contract, seed)
    trajectory = follow(contract, rows)
    row = min(after_ns // DT_NS, 7)
    start, here, end = (
        trajectory.sample(T0 + ns).rotation for ns in (row * DT_NS, after_ns, (row + 1) * DT_NS)
    )
    assert angle(start, here) + angle(here, end) == pytest.approx(angle(start, end), abs=1e-6)


@given(seeds)
def test_a_gripper_and_the_base_only_get_values_of_rows(contract: RobotContract, seed: int) -> None:
    rows = random_rows(contract, seed)
    trajectory = follow(contract, rows)
    for now in range(T0, T0 + 8 * DT_NS, 9 * MS):
        motion = trajectory.sample(now)
        row = rows[(now - T0) // DT_NS]
        assert motion.grippers.tolist() == row[[9, 19]].tolist()
        assert motion.base_twist.tolist() == row[action_space.BASE].tolist()


@given(seeds)
def test_before_the_stamp_and_after_the_last_row_it_stands(
    contract: RobotContract, seed: int
) -> None:
    trajectory = follow(contract, random_rows(contract, seed))
    for edge, outside in ((T0, T0 - 1), (T0 + 8 * DT_NS, T0 + 8 * DT_NS + 1)):
        for now in (outside, outside + 10 * (outside - edge) * SECOND):
            motion = trajectory.sample(now)
            assert motion.linear == pytest.approx(trajectory.sample(edge).linear)
            for velocity in (motion.linear_velocity, motion.angular_velocity, motion.base_twist):
                assert not velocity.any()


@given(st.floats(1.0, 200.0), st.integers(1, 64))
def test_the_last_row_is_still_moving_at_any_rate(
    contract: RobotContract, rate_hz: float, count: int
) -> None:
    rows = moving_rows(contract, {0: 0.01}, count)
    rows[:, 20] = 0.2
    chunk = make_chunk(contract, T0, rows, dt=1.0 / rate_hz)
    trajectory = ChunkTrajectory(chunk, at_rest(home_state(contract)), count)
    assert trajectory.end_ns == chunk.due_ns(count - 1)
    last = trajectory.sample(trajectory.end_ns)
    assert last.base_twist.tolist() == [0.2, 0.0, 0.0]
    if count > 1:
        assert last.linear_velocity[0] == pytest.approx(0.01 * rate_hz, rel=1e-6)


@given(seeds, st.integers(1, 8))
def test_only_the_committed_rows_are_followed(
    contract: RobotContract, seed: int, used: int
) -> None:
    rows = random_rows(contract, seed)
    trajectory = follow(contract, rows, used)
    assert trajectory.end_ns == T0 + used * DT_NS
    changed = rows.copy()
    changed[used:, LINEAR_COLUMNS] += 5.0
    other = follow(contract, changed, used)
    for now in range(T0, T0 + 9 * DT_NS, 21 * MS):
        assert trajectory.sample(now).linear.tolist() == other.sample(now).linear.tolist()


@pytest.mark.parametrize("idle", PARTS)
def test_a_part_that_is_not_commanded_stays_as_it_was(contract: RobotContract, idle: str) -> None:
    state = home_state(contract) + 0.0
    state[9], state[23] = 0.4, 0.2
    before = at_rest(state)
    parts = [part for part in PARTS if part != idle]
    chunk = make_chunk(contract, T0, random_rows(contract, 1), parts=parts, dt=DT)
    trajectory = ChunkTrajectory(chunk, before, 8)
    stays = {
        "left_arm": lambda m: (
            m.linear[TOOL["left"]].round(9).tolist(),
            m.rotation[0].round(9).tolist(),
        ),
        "right_arm": lambda m: (
            m.linear[TOOL["right"]].round(9).tolist(),
            m.rotation[1].round(9).tolist(),
        ),
        "left_gripper": lambda m: m.grippers[0],
        "right_gripper": lambda m: m.grippers[1],
        "base": lambda m: m.base_twist.tolist(),
        "lift": lambda m: m.linear[LIFT],
        "head": lambda m: m.linear[HEAD].tolist(),
    }
    for now in range(T0 + 10 * MS, T0 + 8 * DT_NS, 30 * MS):
        motion = trajectory.sample(now)
        assert stays[idle](motion) == stays[idle](before)
    moved = [part for part in parts if stays[part](motion) != stays[part](before)]
    assert set(moved) >= set(parts) - {"left_gripper", "right_gripper"}


# --- a stop ----------------------------------------------------------------------------------


def running(seed: int) -> Motion:
    random = np.random.default_rng(seed)
    turns = matrix_from_rotation_vector(random.normal(0.0, 1.0, (2, 3)))
    return Motion(
        linear=random.normal(size=9),
        linear_velocity=random.normal(0.0, 0.3, 9),
        rotation=turns,
        angular_velocity=random.normal(0.0, 1.0, (2, 3)),
        grippers=np.array([0.2, 0.9]),
        base_twist=random.normal(0.0, 0.3, 3),
    )


@given(seeds)
def test_a_stop_begins_with_the_motion_as_it_was(seed: int) -> None:
    start = running(seed)
    motion = StopTrajectory(T0, start, 0.3).sample(T0)
    assert motion.linear == pytest.approx(start.linear)
    assert motion.linear_velocity == pytest.approx(start.linear_velocity)
    assert motion.rotation == pytest.approx(start.rotation)
    assert motion.angular_velocity == pytest.approx(start.angular_velocity)
    assert motion.base_twist == pytest.approx(start.base_twist)


@given(seeds)
def test_a_stop_slows_evenly_and_then_holds(seed: int) -> None:
    start = running(seed)
    stop = StopTrajectory(T0, start, 0.3)
    for now in range(T0, T0 + 300 * MS, 10 * MS):
        left = 1.0 - (now - T0) / (0.3 * SECOND)
        motion = stop.sample(now)
        assert motion.linear_velocity == pytest.approx(left * start.linear_velocity)
        assert motion.angular_velocity == pytest.approx(left * start.angular_velocity)
        assert motion.base_twist == pytest.approx(left * start.base_twist)
    end, later = stop.sample(T0 + 300 * MS), stop.sample(T0 + 100 * SECOND)
    for motion in (end, later):
        for velocity in (motion.linear_velocity, motion.angular_velocity, motion.base_twist):
            assert not velocity.any()
        # Slowing evenly takes half the way of going on.
        assert motion.linear == pytest.approx(start.linear + 0.15 * start.linear_velocity)
    turned = angle(start.rotation, end.rotation)
    assert turned == pytest.approx(0.15 * np.linalg.norm(start.angular_velocity, axis=1), abs=1e-6)


@given(seeds, st.integers(0, 600))
def test_a_stop_keeps_the_grippers_as_they_are(seed: int, after_ms: int) -> None:
    stop = StopTrajectory(T0, running(seed), 0.3)
    assert stop.sample(T0 + after_ms * MS).grippers.tolist() == [0.2, 0.9]


def test_a_stop_has_no_past(contract: RobotContract) -> None:
    start = running(1)
    assert StopTrajectory(T0, start, 0.3).sample(0).linear.tolist() == start.linear.tolist()
