"""Pins: what is already being followed is shown to the next chunk as it is, row by row in time.

Moving the anchor moves no absolute row, a row that the old chunk does not have is not made up, and
no more rows are held than the old chunk has left.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import MS, SECOND, T0, make_chunk

from wall_oss_ros.core import action_space, rotation
from wall_oss_ros.core.chunk_trajectory import ChunkTrajectory
from wall_oss_ros.core.committed import (
    carried_over,
    committed_rows,
    leaving,
    plan_of,
    rows_from,
)
from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.motion import LINEAR_COLUMNS, at_rest
from wall_oss_ros.core.relative import absolute_actions
from wall_oss_ros.core.rotation import Array

DT = 0.05
DT_NS = 50 * MS
HORIZON = 8
GRIPPERS_AND_BASE = [9, 19, 20, 21, 22]
PLACES = [0, 1, 2, 10, 11, 12, 23, 24, 25]
TURNS = [action_space.ROTATION[side] for side in action_space.SIDES]

seeds = st.integers(0, 2**32 - 1)
shifts = st.integers(0, (HORIZON + 2) * DT_NS)  # [ns]


def random_rows(seed: int, count: int = HORIZON) -> Array:
    random = np.random.default_rng(seed)
    rows = random.uniform(-2.0, 2.0, (count, 26))
    for columns in TURNS:
        turns = rotation.matrix_from_quaternion(random.normal(size=(count, 4)))
        rows[:, columns] = rotation.rot6d_from_matrix(turns)
    return rows


def plan(seed: int, dt: float = DT, speed_scale: float = 1.0) -> CommittedPlan:
    """A plan that is at the capture time of its chunk at T0."""
    return CommittedPlan(
        stamp_ns=T0,
        following=True,
        seq=1,
        epoch=1,
        dt=dt,
        place=-1.0,
        speed_scale=speed_scale,
        actions=random_rows(seed),
    )


def state(seed: int) -> Array:
    return random_rows(seed + 1, 1)[0]


def test_a_chunk_only_just_published_is_a_plan_from_its_capture_on(
    contract: RobotContract,
) -> None:
    chunk = make_chunk(contract, T0, random_rows(0), seq=7, epoch=3)
    made = plan_of(chunk, 0.5)
    assert (made.seq, made.epoch, made.following) == (7, 3, True)
    assert made.place_at(T0) == -1.0
    assert rows_from(made, T0, chunk.dt, HORIZON) == pytest.approx(chunk.actions, abs=1e-12)
    # At half speed a row takes twice as long.
    assert made.place_at(chunk.due_ns(3)) == pytest.approx(1.0)


@given(seeds, st.integers(0, HORIZON + 2), st.sampled_from([DT, 1 / 30, 1 / 32]))
def test_whole_rows_later_the_rows_move_up_and_the_end_is_missing(
    seed: int, rows: int, dt: float
) -> None:
    old = plan(seed, dt)
    later = rows_from(old, T0 + round(rows * dt * SECOND), dt, HORIZON)
    assert len(later) == max(HORIZON - rows, 0)
    assert later == pytest.approx(old.actions[rows:], abs=1e-6)
    # What is commanded in steps comes from that very row, whichever way the times were rounded.
    assert np.array_equal(later[:, GRIPPERS_AND_BASE], old.actions[rows:, GRIPPERS_AND_BASE])


@given(seeds, seeds, shifts)
def test_composed_with_the_new_state_it_is_what_the_plan_says(
    seed: int, other: int, shift: int
) -> None:
    old = plan(seed)
    rows = carried_over(old, T0 + shift, state(other), DT, HORIZON)
    absolute = absolute_actions(rows, state(other))
    assert absolute == pytest.approx(rows_from(old, T0 + shift, DT, HORIZON), abs=1e-9)


@given(seeds, seeds, seeds, shifts)
def test_moving_the_anchor_moves_no_absolute_row(seed: int, a: int, b: int, shift: int) -> None:
    here, there = (
        absolute_actions(carried_over(plan(seed), T0 + shift, state(at), DT, HORIZON), state(at))
        for at in (a, b)
    )
    assert here == pytest.approx(there, abs=1e-9)


@given(seeds, st.integers(1, HORIZON - 1))
def test_a_robot_that_is_on_its_plan_goes_on_from_where_it_is(seed: int, rows: int) -> None:
    """The state is the row just passed: the first carried row is one row's motion from there."""
    old = plan(seed)
    first = carried_over(old, T0 + rows * DT_NS, old.actions[rows - 1], DT, HORIZON)[0]
    step = old.actions[rows] - old.actions[rows - 1]
    for side in action_space.SIDES:
        position = action_space.POSITION[side]
        assert first[position] == pytest.approx(step[position], abs=1e-9)


@given(seeds, shifts)
def test_between_two_rows_turns_are_on_the_arc(seed: int, shift: int) -> None:
    old = plan(seed)
    for index, row in enumerate(rows_from(old, T0 + shift, DT, HORIZON)):
        at = shift / DT_NS + index
        before, after = old.actions[math.floor(at)], old.actions[math.ceil(at)]
        part = at - math.floor(at)
        for columns in TURNS:
            start, turn, end = (
                rotation.matrix_from_rot6d(v[columns]) for v in (before, row, after)
            )
            whole = angle(start, end)
            assert angle(start, turn) == pytest.approx(part * whole, abs=1e-4)
            assert angle(turn, end) == pytest.approx((1 - part) * whole, abs=1e-4)


@given(seeds, st.integers(0, HORIZON - 2), st.floats(0.01, 0.99))
def test_between_two_rows_places_are_where_the_executor_has_them(
    contract: RobotContract, seed: int, row: int, part: float
) -> None:
    rows = random_rows(seed)
    chunk = make_chunk(contract, T0, rows, dt=DT)
    followed = ChunkTrajectory(chunk, at_rest(rows[0]), HORIZON, start_s=0.0)
    shift = round((row + part) * DT_NS)
    first = rows_from(plan_of(chunk, 1.0), T0 + shift, DT, 1)[0]
    due = followed.sample(shift / SECOND + DT)
    assert first[LINEAR_COLUMNS] == pytest.approx(due.linear, abs=1e-6)


@given(seeds, shifts, st.floats(0.1, 1.0))
def test_motion_time_passes_at_the_speed_scale(seed: int, shift: int, scale: float) -> None:
    slow = rows_from(plan(seed, speed_scale=scale), T0 + shift, DT, HORIZON)
    full = rows_from(plan(seed), T0 + round(scale * shift), DT, HORIZON)
    assert len(slow) == pytest.approx(len(full), abs=1)
    count = min(len(slow), len(full))
    assert slow[:count, PLACES] == pytest.approx(full[:count, PLACES], abs=1e-5)


@given(seeds, st.integers(0, 3 * HORIZON))
def test_rows_of_another_length_keep_their_motion_time(seed: int, rows: int) -> None:
    """A chunk at twice the rate meets every row of the plan at every other row of its own."""
    fine = rows_from(plan(seed), T0 + rows * DT_NS // 2, DT / 2, 4 * HORIZON)
    at = rows / 2 - 1 + np.arange(1, len(fine) + 1) / 2
    whole = at == np.rint(at)
    old = plan(seed).actions[at[whole].astype(int)]
    assert fine[whole] == pytest.approx(old, abs=1e-6)


def angle(start: Array, end: Array) -> float:
    return float(np.linalg.norm(rotation.rotation_vector_from_matrix(end @ start.T)))


@given(seeds, shifts)
def test_a_gripper_and_the_base_take_a_row_that_exists(seed: int, shift: int) -> None:
    old = plan(seed)
    for index, row in enumerate(rows_from(old, T0 + shift, DT, HORIZON)):
        in_progress = math.ceil(shift / DT_NS + index - 1e-6)
        expected = old.actions[in_progress, GRIPPERS_AND_BASE]
        assert np.array_equal(row[GRIPPERS_AND_BASE], expected)


@given(seeds, shifts, shifts)
def test_a_later_observation_finds_no_more_rows(seed: int, a: int, b: int) -> None:
    sooner, later = sorted((a, b))
    rows = [len(rows_from(plan(seed), T0 + shift, DT, HORIZON)) for shift in (sooner, later)]
    assert rows[0] >= rows[1]
    # The last one there is, is due with the plan's last row or before it, but not a whole row.
    if rows[0]:
        assert -DT_NS < sooner + (rows[0] - HORIZON) * DT_NS <= 50


def test_a_plan_that_has_run_out_carries_nothing_over() -> None:
    after = T0 + HORIZON * DT_NS
    assert carried_over(plan(0), after, state(0), DT, HORIZON).shape == (0, 26)
    empty = replace(plan(0), actions=np.zeros((0, 26)))
    assert rows_from(empty, T0, DT, HORIZON).shape == (0, 26)


def test_a_plan_of_one_row_is_that_row() -> None:
    one = replace(plan(0), actions=random_rows(0, 1))
    assert rows_from(one, T0, DT, HORIZON) == pytest.approx(one.actions)
    assert len(rows_from(one, T0 + 1000, DT, HORIZON)) == 0


def test_a_shorter_chunk_takes_only_its_own_rows() -> None:
    assert rows_from(plan(0), T0, DT, 3) == pytest.approx(plan(0).actions[:3], abs=1e-9)


@given(seeds, st.integers(0, SECOND))
def test_what_was_seen_before_the_motion_began_counts_from_its_beginning(
    seed: int, before: int
) -> None:
    """From standstill a chunk begins at its first row however late it was taken."""
    rows = rows_from(plan(seed), T0 - before, DT, HORIZON)
    assert rows == pytest.approx(plan(seed).actions, abs=1e-12)


@pytest.mark.parametrize(
    ("motion_s", "dt", "valid", "rows"),
    [
        (0.0, DT, 8, 0),
        (0.001, DT, 8, 1),  # the row in progress is decided too
        (0.05, DT, 8, 1),
        (0.051, DT, 8, 2),
        (1.1, 0.1, 32, 11),  # 11.000000000000002 in floating point
        (0.125, 1 / 32, 32, 4),
        (10.0, DT, 5, 5),  # the old chunk has no more
        (0.3, DT, 0, 0),  # there is no old chunk
    ],
)
def test_as_many_rows_are_held_as_pass_until_arrival(
    motion_s: float, dt: float, valid: int, rows: int
) -> None:
    assert committed_rows(motion_s, dt, valid) == rows


@given(st.floats(0.0, 5.0), st.floats(0.0, 5.0), st.integers(0, 40))
def test_a_longer_delay_never_holds_fewer_rows(a: float, b: float, valid: int) -> None:
    shorter, longer = sorted((a, b))
    assert committed_rows(shorter, DT, valid) <= committed_rows(longer, DT, valid) <= valid


@pytest.mark.parametrize("motion_s", [-0.01, math.nan, math.inf])
def test_a_latency_that_is_none_is_refused(motion_s: float) -> None:
    with pytest.raises(ValueError, match="latency"):
        committed_rows(motion_s, DT, 8)


# Leaving the running motion


def new_chunk(old: Array, seed: int = 5) -> Array:
    """A chunk that knows nothing of the old one."""
    return random_rows(seed, len(old))


@given(seeds, st.integers(1, HORIZON), st.integers(0, 2 * HORIZON))
def test_leaving_keeps_what_is_committed_and_what_is_behind_the_fade(
    seed: int, delay: int, count: int
) -> None:
    old = random_rows(seed)
    new = new_chunk(old)
    left = leaving(new, old, delay, count)
    assert np.array_equal(left[:delay], old[:delay])
    assert np.array_equal(left[delay + count :], new[delay + count :])


@given(seeds, st.integers(1, HORIZON), st.integers(0, HORIZON))
def test_a_chunk_that_agrees_with_the_running_motion_is_not_changed(
    seed: int, delay: int, count: int
) -> None:
    old = random_rows(seed)
    assert leaving(old, old, delay, count) == pytest.approx(old, abs=1e-12)


@given(seeds, st.integers(1, HORIZON - 1), st.integers(1, HORIZON))
def test_places_and_turns_go_from_the_old_to_the_new_row_by_row(
    seed: int, delay: int, count: int
) -> None:
    old = random_rows(seed)
    new = new_chunk(old)
    left = leaving(new, old, delay, count)
    last = min(delay + count, HORIZON)
    kept = []
    for row in range(delay, last):
        share = (left[row] - new[row])[PLACES] / (old[row] - new[row])[PLACES]
        assert share == pytest.approx(share[0], abs=1e-9)
        for columns in TURNS:
            start, turn, end = (
                rotation.matrix_from_rot6d(v[row, columns]) for v in (old, left, new)
            )
            assert angle(turn, end) == pytest.approx(share[0] * angle(start, end), abs=1e-6)
        kept.append(share[0])
    assert kept == sorted(kept, reverse=True) and 0.0 < kept[-1] <= kept[0] < 1.0
    assert np.array_equal(left[delay:, GRIPPERS_AND_BASE], new[delay:, GRIPPERS_AND_BASE])


def test_the_kink_behind_committed_rows_is_gone() -> None:
    """A constant difference: the jump from row to row is that of a quintic of nine steps."""
    old, new = random_rows(0, 1).repeat(20, axis=0), random_rows(0, 1).repeat(20, axis=0)
    new[:, 0] += 0.01
    held = leaving(new, old, 3, 0)
    assert np.abs(np.diff(held[:, 0], 3)).max() == pytest.approx(0.02)
    left = leaving(new, old, 3, 8)
    assert np.abs(np.diff(left[:, 0], 3)).max() < 0.001


def test_nothing_to_leave_is_the_chunk_itself() -> None:
    old, new = random_rows(0), random_rows(1)
    for rows, delay, count in ((old[:0], 0, 4), (old, 0, 0)):
        assert np.array_equal(leaving(new, rows, delay, count), new)


def test_uncommanded_dimensions_of_a_chunk_are_not_read() -> None:
    old, mask = random_rows(0), np.ones(26, bool)
    mask[action_space.part_columns("right_arm")] = False
    new = np.where(mask, new_chunk(old), 0.0)
    left = leaving(new, old, 2, 4, mask)
    assert np.array_equal(left[:, ~mask], new[:, ~mask])
    assert not np.array_equal(left[:, :3], new[:, :3])
    with pytest.raises(ValueError, match="6-D rotation"):
        leaving(new, old, 2, 4)
