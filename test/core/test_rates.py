"""Pins: a rate that is shown is the rate that was, and falls to zero when nothing comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import MS, SECOND

from wall_oss_ros.core.rates import Histogram, Percentiles, RateMeter


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


@given(st.lists(st.floats(allow_nan=False), max_size=50))
def test_a_histogram_counts_every_value_once_in_the_bin_that_holds_it(values: list[float]) -> None:
    histogram = Histogram((0.5, 1.0, 10.0))
    for value in values:
        histogram.add(value)
    edges = (-float("inf"), 0.5, 1.0, 10.0, float("inf"))
    expected = tuple(
        sum(low < value <= high or (value == low == -float("inf")) for value in values)
        for low, high in zip(edges, edges[1:], strict=False)
    )
    assert sum(histogram.counts) == len(values)
    assert histogram.counts[1:] == expected[1:]
    assert histogram.share_within(1.0) == pytest.approx(
        sum(value <= 1.0 for value in values) / len(values) if values else 1.0
    )


def test_what_is_not_a_number_counts_as_the_worst() -> None:
    histogram = Histogram((1.0,))
    histogram.add(float("nan"))
    assert histogram.counts == (0, 1)


def test_a_cleared_histogram_is_empty_and_keeps_its_bounds() -> None:
    histogram = Histogram((1.0, 2.0))
    histogram.add(1.5)
    histogram.clear()
    assert histogram.counts == (0, 0, 0)
    assert histogram.bounds == (1.0, 2.0)


@pytest.mark.parametrize("bounds", [(), (1.0, 1.0), (2.0, 1.0), (float("nan"), 1.0)])
def test_bounds_that_do_not_ascend_are_refused(bounds: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="ascend"):
        Histogram(bounds)
