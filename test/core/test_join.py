"""Pins: a join begins with exactly the old motion, ends with exactly the new one, and is bounded.

Position, velocity and acceleration are continuous whatever the two motions are.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from motions import assert_rates_are_derivatives, assert_same, random_motion

from wall_oss_ros.core.join import STEEPEST, Join, fade
from wall_oss_ros.core.motion import TOOL, Motion

seeds = st.integers(0, 2**32 - 1)
START_S = 3.0


def joined(seed: int, blend_s: float = 0.3) -> tuple[Motion, Motion, Join]:
    """An old motion, a new one somewhere else, and their join."""
    random = np.random.default_rng(seed)
    old, new = random_motion(random), random_motion(random)
    join = Join.between(old, new, START_S, blend_s, linear=0.25, angular=0.8)
    return old, new, join


class Applied:
    """A join on a motion that does not change: its rates are the offset's alone."""

    def __init__(self, join: Join, motion: Motion) -> None:
        self._join, self._motion = join, motion.at_rest()

    def sample(self, motion_s: float) -> Motion:
        return self._join.apply(self._motion, motion_s)


@given(seeds, st.floats(0.05, 2.0))
def test_at_its_start_it_is_the_old_motion(seed: int, blend_s: float) -> None:
    old, new, join = joined(seed, blend_s)
    for at_s in (START_S, START_S - 1.0):  # a question about the past leaps nowhere
        assert_same(join.apply(new, at_s), old, tolerance=1e-9)


@given(seeds, st.floats(0.05, 2.0))
def test_from_its_end_on_it_is_the_new_motion(seed: int, blend_s: float) -> None:
    _, new, join = joined(seed, blend_s)
    assert join.end_s >= START_S + blend_s
    for at_s in (join.end_s, join.end_s + 5.0):
        assert_same(join.apply(new, at_s), new, tolerance=1e-9)


@given(seeds, st.floats(0.01, 0.999))
def test_its_rates_are_what_it_changes_by(seed: int, part: float) -> None:
    _, new, join = joined(seed)
    at_s = START_S + part * join.close_s
    assert_rates_are_derivatives(Applied(join, new), at_s, tolerance=1e-3)


@given(seeds)
def test_it_ends_at_rest_without_a_jump(seed: int) -> None:
    _, _, join = joined(seed)
    for end_s in (join.end_s, START_S + join.blend_s):
        before, after = (join.offset_at(end_s + shift) for shift in (-1e-7, 1e-7))
        assert after == pytest.approx(before, abs=1e-3)


@given(seeds, st.floats(0.0, 1.0))
def test_a_distance_is_closed_no_faster_than_allowed(seed: int, part: float) -> None:
    old, new, _ = joined(seed)
    join = Join.between(old.at_rest(), new.at_rest(), START_S, 0.3, linear=0.25, angular=0.8)
    rate = join.offset_at(START_S + part * join.close_s)[1]
    for side in TOOL:
        assert np.linalg.norm(rate[TOOL[side]]) <= 0.25 + 1e-9
    assert max(np.linalg.norm(rate[9:12]), np.linalg.norm(rate[12:])) <= 0.8 + 1e-9


@given(st.floats(0.001, 0.03))
def test_a_small_distance_takes_the_blend_time(far: float) -> None:
    rest = random_motion(np.random.default_rng(1)).at_rest()
    moved = dataclasses.replace(rest, linear=rest.linear + far * np.eye(9)[0])
    join = Join.between(rest, moved, START_S, 0.3, linear=0.25, angular=0.8)
    assert join.close_s == 0.3
    fastest = max(abs(join.offset_at(START_S + t)[1, 0]) for t in np.linspace(0.0, 0.3, 61))
    assert fastest == pytest.approx(STEEPEST * far / 0.3)


def test_a_fade_goes_from_nothing_to_all_and_rests_at_both_ends() -> None:
    assert fade(-1.0, 0.5) == fade(0.0, 0.5) == (0.0, 0.0, 0.0)
    assert fade(0.5, 0.5) == fade(9.0, 0.5) == (1.0, 0.0, 0.0)
    weights = [fade(t, 0.5)[0] for t in np.linspace(0.0, 0.5, 50)]
    assert np.all(np.diff(weights) > 0.0)
    assert fade(0.25, 0.5)[0] == pytest.approx(0.5)
