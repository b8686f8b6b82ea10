"""Figures of an open loop tell a policy that is off, one that is timid and one that is cut off."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wall_oss_ros.core import action_space
from wall_oss_ros.core.action_space import ACTION_DIM, BASE, LIFT, POSITION, ROTATION
from wall_oss_ros.core.open_loop import (
    AnsweredChunk,
    column_figures,
    error_by_row,
    followed,
    standing_still,
    tool_figures,
)
from wall_oss_ros.core.rotation import matrix_from_rotation_vector, rot6d_from_matrix

HORIZON = 32
X = POSITION["left"].start


def moving(seed: int) -> np.ndarray:
    """(32, 26) relative rows: both tools go and turn, everything else moves a little."""
    draw = np.random.default_rng(seed)
    rows = np.cumsum(draw.normal(0.0, 0.01, (HORIZON, ACTION_DIM)), axis=0)
    for side in action_space.SIDES:
        turns = np.cumsum(draw.normal(0.0, 0.02, (HORIZON, 3)), axis=0)
        rows[:, ROTATION[side]] = rot6d_from_matrix(matrix_from_rotation_vector(turns))
    return rows


def chunk(rows: np.ndarray, done: np.ndarray, state: np.ndarray | None = None) -> AnsweredChunk:
    return AnsweredChunk(0, np.zeros(ACTION_DIM) if state is None else state, rows, done, 1.0)


@given(st.integers(0, 1000))
def test_who_answers_what_was_done_has_no_error_and_a_scale_of_one(seed):
    answer = chunk(moving(seed), moving(seed))
    for side in action_space.SIDES:
        for figures in tool_figures(side, [answer]):
            assert figures.largest == pytest.approx(0.0, abs=1e-7)
            assert figures.scale == pytest.approx(1.0)
    for column in range(ACTION_DIM):
        figures = column_figures("any", column, [answer])
        assert figures.largest == 0.0
        assert figures.at_limits == figures.done_at_limits


@given(st.integers(0, 1000), st.floats(0.0, 3.0))
def test_who_goes_a_part_of_the_way_has_this_part_as_scale(seed, part):
    done = moving(seed)
    rows = done.copy()
    for side in action_space.SIDES:
        rows[:, POSITION[side]] *= part
    place, turn = tool_figures("left", [chunk(rows, done)])
    assert place.scale == pytest.approx(part)
    assert place.mean == pytest.approx(abs(1.0 - part) * place.still)
    assert turn.scale == pytest.approx(1.0)


def test_who_stands_still_is_no_better_than_standing_still():
    done = moving(1)
    state = np.random.default_rng(2).normal(size=ACTION_DIM)
    rest = np.tile(standing_still(state), (HORIZON, 1))
    answer = chunk(rest, done, state)
    for column in (X, LIFT, BASE.start):
        figures = column_figures("any", column, [answer])
        assert figures.mean == figures.still
        assert figures.scale == pytest.approx(0.0, abs=1e-12)
    assert tool_figures("right", [answer])[1].mean == tool_figures("right", [answer])[1].still
    assert rest[0, BASE] == pytest.approx(0.0)
    assert rest[0, LIFT] == state[LIFT]


def test_values_that_are_cut_off_pile_up_at_the_limits():
    done = np.zeros((HORIZON, ACTION_DIM))
    done[:, LIFT] = np.linspace(0.0, 1.0, HORIZON)
    rows = done.copy()
    rows[:, LIFT] = np.minimum(rows[:, LIFT], 0.5)
    figures = column_figures("height", LIFT, [chunk(rows, done)])
    assert figures.at_limits == pytest.approx(17 / 32)
    assert figures.done_at_limits == pytest.approx(2 / 32)


def test_what_was_not_done_or_not_commanded_is_not_compared():
    rows, done = moving(3), moving(4)
    rows[:, LIFT] = np.nan
    done[10:] = np.nan
    answer = chunk(rows, done)
    assert column_figures("height", LIFT, [answer]).count == 0
    assert column_figures("x", X, [answer]).count == 10
    rows[:, POSITION["right"]] = np.nan
    assert tool_figures("right", [answer]) == ()


def test_where_nothing_was_done_there_is_no_scale():
    rows = moving(5)
    figures = column_figures("x", X, [chunk(rows, np.zeros_like(rows))])
    assert np.isnan(figures.scale)
    assert np.isnan(figures.done_at_limits)
    assert figures.mean > 0.0


def test_errors_are_told_by_row_also_where_chunks_are_of_different_lengths():
    done = np.zeros((HORIZON, ACTION_DIM))
    rows = done.copy()
    rows[:, X] = 0.001 * np.arange(HORIZON)
    long, short = chunk(rows, done), chunk(rows[:4], done[:4])
    assert error_by_row("left", [long, short]) == pytest.approx(0.001 * np.arange(HORIZON))


def test_the_newest_chunk_whose_first_row_is_due_is_followed():
    dt = 0.05
    rising = np.tile(np.arange(1, 33)[:, None] * 1.0, (1, 3))
    motion = followed([0.0, 0.5], [rising, rising + 100.0], dt, 10.0)
    assert motion.times_s[0] == pytest.approx(dt)
    assert motion.places[0] == pytest.approx(1.0)
    assert len(motion.times_s) == 10 + 32
    assert motion.taken_over == (10,)
    assert motion.places[9:11, 0] == pytest.approx([10.0, 101.0])
    assert len(followed([0.0], [rising], dt, 0.5).times_s) == 10
