"""Pins: a rate that is shown is the rate that was, and falls to zero when nothing comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import MS, SECOND

from wall_oss_ros.core.rates import Percentiles, RateMeter


@given(st.floats(1.0, 400.0), st.integers(2, 60))
def test_even_ticks_give_their_rate(rate_hz: float, count: int) -> None:
    meter = RateMeter(window_s=1000.0)
    period = SECOND / rate_hz
    for i in range(count):
        meter.tick(round(i * period))
    assert meter.rate_hz(round((count - 1) * period)) == pytest.approx(rate_hz, rel=1e-3)
    assert meter.total == count


def test_waiting_for_the_next_event_does_not_lower_the_rate_but_silence_does() -> None:
    meter = RateMeter(window_s=3.0)
    for i in range(11):
        meter.tick(i * 100 * MS)
    assert meter.rate_hz(1_000 * MS) == pytest.approx(10.0)
    assert meter.rate_hz(1_099 * MS) == pytest.approx(10.0)
    rates = [meter.rate_hz(now * MS) for now in range(1_000, 4_001, 100)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 5.0


def test_after_the_window_the_rate_is_zero() -> None:
    meter = RateMeter(window_s=3.0)
    for i in range(11):
        meter.tick(i * 100 * MS)
    assert meter.rate_hz(4_001 * MS) == 0.0
    assert meter.total == 11


def test_a_single_event_has_no_rate() -> None:
    meter = RateMeter()
    assert meter.rate_hz(0) == 0.0
    meter.tick(0)
    assert meter.rate_hz(0) == 0.0


def test_only_the_window_counts() -> None:
    meter = RateMeter(window_s=1.0)
    for i in range(100):
        meter.tick(i * 10 * MS)  # 100 Hz for a second
    for i in range(30):
        meter.tick(1_000 * MS + i * 100 * MS)  # then 10 Hz
    assert meter.rate_hz(3_900 * MS) == pytest.approx(10.0)


def test_another_clock_starts_the_count_anew() -> None:
    meter = RateMeter()
    meter.tick(100 * SECOND)
    for i in range(11):
        meter.tick(i * 100 * MS)
    assert meter.rate_hz(1 * SECOND) == pytest.approx(10.0)


def test_percentiles_are_those_of_the_last_values() -> None:
    values = Percentiles(capacity=101)
    for value in range(1_000, 1_050):
        values.add(value)
    for value in range(101):
        values.add(value)
    assert values.at(0, 50, 95, 100) == (0, 50, 95, 100)


def test_before_the_first_measurement_percentiles_are_zero() -> None:
    values = Percentiles()
    assert values.at(50, 99) == (0.0, 0.0)
    values.add(3.0)
    values.clear()
    assert values.at(50) == (0.0,)
