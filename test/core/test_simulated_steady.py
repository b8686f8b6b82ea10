"""Pins: simulated time that passes slowly or stands still has not jumped; one that jumps has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import MS, SECOND

from wall_oss_ros.core.simulated_steady import SimulatedSteady

START = 77 * SECOND
STEADY = 5_000 * SECOND


@given(st.lists(st.tuples(st.integers(0, 300 * MS), st.floats(0.0, 1.0)), max_size=30))
def test_a_clock_that_passes_slowly_or_stands_still_does_not_jump(
    ticks: list[tuple[int, float]],
) -> None:
    steady = SimulatedSteady()
    simulated, wall = START, STEADY
    offset = simulated - steady.at(simulated, wall)
    for passed, factor in ticks:
        wall += passed
        simulated += int(passed * factor)
        assert simulated - steady.at(simulated, wall) == offset


@pytest.mark.parametrize("jump_s", [-3, 3])
def test_a_clock_that_jumps_jumps_against_the_steady_one_by_as_much(jump_s: int) -> None:
    steady = SimulatedSteady()
    before = steady.at(START, STEADY)
    after = steady.at(START + (jump_s * SECOND) + 5 * MS, STEADY + 10 * MS)
    assert 0 <= after - before <= 10 * MS
    assert (jump_s * SECOND) - (after - before) == pytest.approx(jump_s * SECOND, abs=10 * MS)


def test_a_pause_in_which_simulated_time_went_on_is_a_pause() -> None:
    steady = SimulatedSteady()
    before = steady.at(START, STEADY)
    assert steady.at(START + SECOND, STEADY + SECOND) - before == SECOND
