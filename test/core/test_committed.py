"""Pins: what is already being followed is shown to the next chunk as it is, row by row in time.

Moving the anchor moves no absolute row, a row that the old chunk does not have is not made up, and
no more rows are held than the old chunk has left.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import MS, SECOND, T0

from wall_oss_ros.core import action_space, rotation
from wall_oss_ros.core.committed import DelayEstimate, Plan, carried_over, committed_rows
from wall_oss_ros.core.relative import absolute_actions, relative_actions
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


def plan(seed: int, dt: float = DT) -> Plan:
    return Plan(T0, dt, random_rows(seed))


def state(seed: int) -> Array:
    return random_rows(seed + 1, 1)[0]


@given(seeds)
def test_with_the_same_stamp_and_state_it_is_the_chunk_itself(seed: int) -> None:
    anchor = state(seed)
    relative = relative_actions(random_rows(seed), anchor)
    again = carried_over(Plan.of(relative, anchor, T0, DT), T0, anchor, HORIZON)
    assert again == pytest.approx(relative, abs=1e-9)


@pytest.mark.parametrize("filling", [0.0, math.nan])
def test_what_stands_in_uncommanded_dimensions_is_not_read(filling: float) -> None:
    """A model leaves zeros there, which are no rotation."""
    anchor, mask = state(0), np.ones(26, dtype=bool)
    mask[action_space.part_columns("right_arm")] = False
    mask[action_space.part_columns("base")] = False
    relative = relative_actions(random_rows(0), anchor)
    filled = np.where(mask, relative, filling)
    rows = carried_over(Plan.of(filled, anchor, T0, DT, mask), T0, anchor, HORIZON)
    assert rows[:, mask] == pytest.approx(relative[:, mask], abs=1e-9)
    assert np.isfinite(rows).all()


def test_a_rotation_that_is_none_is_no_plan() -> None:
    with pytest.raises(ValueError, match="6-D rotation"):
        Plan.of(np.zeros((3, 26)), state(0), T0, DT)


@given(seeds, st.integers(0, HORIZON + 2), st.sampled_from([DT, 1 / 30, 1 / 32]))
def test_whole_rows_later_the_rows_move_up_and_the_end_is_missing(
    seed: int, rows: int, dt: float
) -> None:
    old = plan(seed, dt)
    later = old.rows_from(T0 + round(rows * dt * SECOND), HORIZON)
    assert len(later) == max(HORIZON - rows, 0)
    assert later == pytest.approx(old.actions[rows:], abs=1e-6)
    # What is commanded in steps comes from that very row, whichever way the times were rounded.
    assert np.array_equal(later[:, GRIPPERS_AND_BASE], old.actions[rows:, GRIPPERS_AND_BASE])


@given(seeds, seeds, shifts)
def test_composed_with_the_new_state_it_is_what_the_plan_says(
    seed: int, other: int, shift: int
) -> None:
    old = plan(seed)
    rows = carried_over(old, T0 + shift, state(other), HORIZON)
    absolute = absolute_actions(rows, state(other))
    assert absolute == pytest.approx(old.rows_from(T0 + shift, HORIZON), abs=1e-9)


@given(seeds, seeds, seeds, shifts)
def test_moving_the_anchor_moves_no_absolute_row(seed: int, a: int, b: int, shift: int) -> None:
    here, there = (
        absolute_actions(carried_over(plan(seed), T0 + shift, state(at), HORIZON), state(at))
        for at in (a, b)
    )
    assert here == pytest.approx(there, abs=1e-9)


@given(seeds, st.integers(1, HORIZON - 1))
def test_a_robot_that_is_on_its_plan_goes_on_from_where_it_is(seed: int, rows: int) -> None:
    """The state is the row just passed: the first carried row is one row's motion from there."""
    old = plan(seed)
    first = carried_over(old, T0 + rows * DT_NS, old.actions[rows - 1], HORIZON)[0]
    step = old.actions[rows] - old.actions[rows - 1]
    for side in action_space.SIDES:
        position = action_space.POSITION[side]
        assert first[position] == pytest.approx(step[position], abs=1e-9)


@given(seeds, shifts)
def test_between_two_rows_places_are_on_the_line_and_turns_on_the_arc(
    seed: int, shift: int
) -> None:
    old = plan(seed)
    for index, row in enumerate(old.rows_from(T0 + shift, HORIZON)):
        at = shift / DT_NS + index
        before, after = old.actions[math.floor(at)], old.actions[math.ceil(at)]
        part = at - math.floor(at)
        assert row[PLACES] == pytest.approx(((1 - part) * before + part * after)[PLACES], abs=1e-5)
        for columns in TURNS:
            start, turn, end = (
                rotation.matrix_from_rot6d(v[columns]) for v in (before, row, after)
            )
            whole = angle(start, end)
            assert angle(start, turn) == pytest.approx(part * whole, abs=1e-4)
            assert angle(turn, end) == pytest.approx((1 - part) * whole, abs=1e-4)


def angle(start: Array, end: Array) -> float:
    return float(np.linalg.norm(rotation.rotation_vector_from_matrix(end @ start.T)))


@given(seeds, shifts)
def test_a_gripper_and_the_base_take_a_row_that_exists(seed: int, shift: int) -> None:
    old = plan(seed)
    for index, row in enumerate(old.rows_from(T0 + shift, HORIZON)):
        in_progress = math.ceil(shift / DT_NS + index - 1e-6)
        expected = old.actions[in_progress, GRIPPERS_AND_BASE]
        assert np.array_equal(row[GRIPPERS_AND_BASE], expected)


@given(seeds, shifts, shifts)
def test_a_later_observation_finds_no_more_rows(seed: int, a: int, b: int) -> None:
    sooner, later = sorted((a, b))
    rows = [len(plan(seed).rows_from(T0 + shift, HORIZON)) for shift in (sooner, later)]
    assert rows[0] >= rows[1]
    # The last one there is, is due with the plan's last row or before it, but not a whole row.
    if rows[0]:
        assert -DT_NS < sooner + (rows[0] - HORIZON) * DT_NS <= 50


def test_a_plan_that_has_run_out_carries_nothing_over() -> None:
    assert carried_over(plan(0), T0 + HORIZON * DT_NS, state(0), HORIZON).shape == (0, 26)


def test_a_shorter_chunk_takes_only_its_own_rows() -> None:
    assert plan(0).rows_from(T0, 3) == pytest.approx(plan(0).actions[:3], abs=1e-9)


def test_an_observation_from_before_the_plan_finds_nothing() -> None:
    """The clock was set back; the plan's first rows are not those of the new chunk."""
    assert len(plan(0).rows_from(T0 - 1000, HORIZON)) == 0
    assert len(plan(0).rows_from(T0 - 3 * DT_NS, HORIZON)) == 0


@given(seeds, st.integers(1, HORIZON))
def test_a_robot_on_its_plan_is_at_no_distance_from_it(seed: int, rows: int) -> None:
    old = plan(seed)
    far, wide = old.distance(T0 + rows * DT_NS, old.actions[rows - 1])
    assert far == pytest.approx(0.0, abs=1e-9)
    assert wide == pytest.approx(0.0, abs=1e-6)


@given(seeds)
def test_before_and_after_the_plan_its_ends_hold(seed: int) -> None:
    old = plan(seed)
    for stamp, row in ((T0 - SECOND, 0), (T0, 0), (T0 + SECOND, -1)):
        assert old.distance(stamp, old.actions[row])[0] == pytest.approx(0.0, abs=1e-9)


def test_the_distance_is_that_of_the_farthest_tool_that_counts() -> None:
    old = plan(0)
    moved = old.actions[0].copy()
    moved[action_space.POSITION["right"]] += [0.0, 0.3, 0.4]
    turn = rotation.matrix_from_rot6d(moved[TURNS[0]])
    moved[TURNS[0]] = rotation.rot6d_from_matrix(
        rotation.matrix_from_rotation_vector([0.0, 0.0, 0.2]) @ turn
    )
    assert old.distance(T0, moved) == pytest.approx((0.5, 0.2), abs=1e-6)
    assert old.distance(T0, moved, ("left",)) == pytest.approx((0.0, 0.2), abs=1e-6)
    assert old.distance(T0, moved, ()) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("rows", "dt", "fault"),
    [
        (np.zeros((0, 26)), DT, r"shape \(0, 26\)"),
        (np.zeros((3, 20)), DT, r"shape \(3, 20\)"),
        (np.full((3, 26), np.nan), DT, "not finite"),
        (np.zeros((3, 26)), 0.0, "dt 0.0 s"),
    ],
)
def test_no_plan_without_meaning(rows: Array, dt: float, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Plan(T0, dt, rows)


@pytest.mark.parametrize(
    ("latency_s", "dt", "valid", "rows"),
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
    latency_s: float, dt: float, valid: int, rows: int
) -> None:
    assert committed_rows(latency_s, dt, valid) == rows


@given(st.floats(0.0, 5.0), st.floats(0.0, 5.0), st.integers(0, 40))
def test_a_longer_delay_never_holds_fewer_rows(a: float, b: float, valid: int) -> None:
    shorter, longer = sorted((a, b))
    assert committed_rows(shorter, DT, valid) <= committed_rows(longer, DT, valid) <= valid


@pytest.mark.parametrize("latency_s", [-0.01, math.nan, math.inf])
def test_a_latency_that_is_none_is_refused(latency_s: float) -> None:
    with pytest.raises(ValueError, match="latency"):
        committed_rows(latency_s, DT, 8)


def test_the_delay_is_a_guess_until_it_was_measured() -> None:
    delay = DelayEstimate(0.2)
    assert delay.seconds == 0.2
    delay.add(0.07)
    assert delay.seconds == 0.07


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30), st.integers(1, 10))
def test_the_delay_is_the_largest_of_the_last(latencies: list[float], window: int) -> None:
    delay = DelayEstimate(9.0, window)
    for latency in latencies:
        delay.add(latency)
    assert delay.seconds == max(latencies[-window:])
    assert delay.count == len(latencies)


def test_a_percentile_forgives_a_single_slow_call() -> None:
    delay = DelayEstimate(0.0, window=100, percent=90.0)
    for latency in [0.07] * 99 + [3.0]:
        delay.add(latency)
    assert delay.seconds == pytest.approx(0.07)


def test_a_stamp_ahead_of_the_clock_is_no_delay() -> None:
    delay = DelayEstimate(0.2)
    delay.add(-0.01)
    assert delay.seconds == 0.0
    with pytest.raises(ValueError, match="nan"):
        delay.add(math.nan)


@pytest.mark.parametrize("wrong", [(-0.1, 5, 100.0), (0.1, 0, 100.0), (0.1, 5, 101.0)])
def test_an_estimate_out_of_range_is_refused(wrong: tuple[float, int, float]) -> None:
    with pytest.raises(ValueError, match="initial_s"):
        DelayEstimate(*wrong)
