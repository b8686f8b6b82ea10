"""Pins: splines go through their knots and bend without a jump."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wall_oss_ros.core.spline import hermite_pieces, natural_spline, powers

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(1, 70))
def test_a_natural_spline_is_twice_differentiable_and_straight_at_its_ends(
    seed: int, count: int
) -> None:
    knots = np.random.default_rng(seed).normal(size=(count + 1, 3))
    pieces = natural_spline(knots)
    starts, ends = (np.array([powers(u) @ piece for piece in pieces]) for u in (0.0, 1.0))
    assert starts[:, 0] == pytest.approx(knots[:-1], abs=1e-12)
    assert ends[:, 0] == pytest.approx(knots[1:], abs=1e-12)
    assert ends[:-1] == pytest.approx(starts[1:], abs=1e-9)
    assert starts[0, 2] == pytest.approx(0.0, abs=1e-9)
    assert ends[-1, 2] == pytest.approx(0.0, abs=1e-9)


def test_between_two_knots_it_is_a_line() -> None:
    (piece,) = natural_spline(np.array([[1.0], [3.0]]))
    assert piece.ravel().tolist() == [1.0, 2.0, 0.0, 0.0]


@given(seeds)
def test_knots_on_a_line_give_that_line(seed: int) -> None:
    start, step = np.random.default_rng(seed).normal(size=2)
    pieces = natural_spline((start + step * np.arange(9.0))[:, None])
    assert pieces[:, 1] == pytest.approx(step, abs=1e-12)
    assert pieces[:, 2:] == pytest.approx(0.0, abs=1e-12)


@given(seeds)
def test_a_hermite_piece_has_its_step_and_slopes(seed: int) -> None:
    step, slope_in, slope_out = np.random.default_rng(seed).normal(size=(3, 4, 3))
    for index, piece in enumerate(hermite_pieces(step, slope_in, slope_out)):
        start, end = powers(0.0) @ piece, powers(1.0) @ piece
        assert start[0] == pytest.approx(0.0)
        assert end[0] == pytest.approx(step[index])
        assert start[1] == pytest.approx(slope_in[index])
        assert end[1] == pytest.approx(slope_out[index])
