"""Pins: simulated time keeps step with wall time, catches up a little, and says what it lost.

A simulation that falls behind for good must show it in its real-time factor, not drift silently.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import MS, SECOND

from wall_oss_ros.core.pacing import Pacer

START = 77 * SECOND


def test_the_first_step_is_due_at_once() -> None:
    assert Pacer(dt_s=0.005).due(START) == 1


def test_on_time_there_is_one_step_per_period() -> None:
    pacer = Pacer(dt_s=0.005)
    assert [pacer.due(START + i * 5 * MS) for i in range(100)] == [1] * 100
    assert pacer.lost_ns == 0


def test_too_early_nothing_is_due() -> None:
    pacer = Pacer(dt_s=0.005)
    pacer.due(START)
    assert pacer.due(START + 4 * MS) == 0
    assert pacer.due(START + 5 * MS) == 1


def test_a_short_delay_is_caught_up() -> None:
    pacer = Pacer(dt_s=0.005, catch_up_s=0.05)
    pacer.due(START)
    assert pacer.due(START + 30 * MS) == 6
    assert pacer.lost_ns == 0


def test_a_long_delay_is_not() -> None:
    pacer = Pacer(dt_s=0.005, catch_up_s=0.05)
    pacer.due(START)
    assert pacer.due(START + SECOND) == 10
    assert pacer.lost_ns == 950 * MS
    assert pacer.due(START + SECOND + 5 * MS) == 1  # it does not come back later


@given(st.lists(st.integers(0, 200 * MS), min_size=1, max_size=50))
def test_no_drift_done_and_lost_time_make_up_the_time_that_passed(waits: list[int]) -> None:
    pacer = Pacer(dt_s=0.005, catch_up_s=0.05)
    now, done = START, pacer.due(START)
    for wait in waits:
        now += wait
        steps = pacer.due(now)
        done += steps
        assert 0 <= steps <= 10
        behind = now - START - ((done - 1) * 5 * MS + pacer.lost_ns)
        assert 0 <= behind < 5 * MS


def test_the_real_time_factor_is_one_on_time() -> None:
    pacer = Pacer(dt_s=0.005)
    for i in range(1_000):
        pacer.due(START + i * 5 * MS)
    assert pacer.real_time_factor() == pytest.approx(1.0)


def test_the_real_time_factor_falls_when_the_machine_is_too_slow() -> None:
    pacer = Pacer(dt_s=0.005, catch_up_s=0.05)
    for i in range(50):
        pacer.due(START + i * 100 * MS)  # 10 steps of 5 ms every 100 ms
    assert pacer.real_time_factor() == pytest.approx(0.5)


def test_the_real_time_factor_recovers() -> None:
    pacer = Pacer(dt_s=0.005, catch_up_s=0.05, window_s=3.0)
    for i in range(50):
        pacer.due(START + i * 100 * MS)
    on_time = START + 5 * SECOND
    for i in range(1_000):
        pacer.due(on_time + i * 5 * MS)
    assert pacer.real_time_factor() == pytest.approx(1.0)


def test_the_first_second_says_nothing_about_the_machine() -> None:
    pacer = Pacer(dt_s=0.005)
    for i in range(10):
        pacer.due(START + i * 90 * MS)
    assert pacer.real_time_factor() == 1.0
