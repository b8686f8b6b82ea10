"""Pins: simulated time keeps step with wall time, catches up a little, and says what it lost.

A simulation that falls behind for good must show it in its real-time factor, not drift silently;
one that may be slower is as slow as its pictures need, and that is no jump of its clock.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import MS, SECOND

from wall_oss_ros.core.pacing import CAMERA_DELAY_S, SLOWEST, Pacer, Tempo

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


@given(st.lists(st.tuples(st.integers(0, 200 * MS), st.integers(0, 12)), max_size=50))
def test_no_more_steps_are_due_than_may_be_taken_and_the_rest_is_lost(
    waits: list[tuple[int, int]],
) -> None:
    pacer = Pacer(dt_s=0.005, catch_up_s=0.05)
    now, done = START, pacer.due(START)
    for wait, at_most in waits:
        now += wait
        steps = pacer.due(now, at_most)
        done += steps
        assert 0 <= steps <= min(10, at_most)
        behind = now - START - ((done - 1) * 5 * MS + pacer.lost_ns)
        assert 0 <= behind < 5 * MS


@pytest.mark.parametrize("tempo", [1.0, 0.5, 0.2])
def test_at_a_tempo_simulated_time_passes_as_much_slower_and_nothing_is_lost(tempo: float) -> None:
    pacer = Pacer(dt_s=0.005)
    pacer.tempo = tempo
    steps = sum(pacer.due(START + i * 5 * MS) for i in range(2_001))
    assert steps == pytest.approx(2_000 * tempo + 1, abs=1)
    assert pacer.lost_ns == 0
    assert pacer.real_time_factor() == pytest.approx(tempo, rel=0.02)


def test_the_tempo_is_real_time_where_pictures_are_quick_and_leaves_them_time_where_not() -> None:
    quick, slow = Tempo(), Tempo()
    for _ in range(30):
        quick.drawn(15 * MS)
        slow.drawn(250 * MS)
    assert quick.value == 1.0
    assert 250 * MS * slow.value == pytest.approx(CAMERA_DELAY_S * SECOND, rel=0.01)
    for _ in range(30):
        slow.drawn(15 * MS)
    assert slow.value == 1.0


def test_one_slow_picture_is_not_the_tempo_of_all() -> None:
    tempo = Tempo()
    for took in [15, 15, 60, 15, 15]:
        tempo.drawn(took * MS)
    assert tempo.value > 0.6


def test_time_never_stops_for_good() -> None:
    tempo = Tempo()
    tempo.drawn(3600 * SECOND)
    assert tempo.value == SLOWEST
