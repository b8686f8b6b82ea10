"""Pins: the rate of motion time has no jump and no kink, and comes to rest where it must."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wall_oss_ros.core.speed_scale import SpeedScale

RAMP_S, STOP_S, DT = 0.5, 0.3, 0.005
# Steepest change of the slope: of a ramp, and of a brake that begins or is undone.
SHARPEST = 6.0 / STOP_S**2
targets = st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(1, 80)), min_size=1, max_size=8)


def standing(rate: float = 0.0) -> SpeedScale:
    speed = SpeedScale(RAMP_S, STOP_S)
    speed.set(rate)
    return speed


def ticks_to(speed: SpeedScale, target: float) -> int:
    for tick in range(1000):
        if speed.rate == target:
            return tick
        speed.follow(target, math.inf, DT)
    raise AssertionError("it never arrived")


def test_the_full_range_takes_the_ramp_time_both_ways() -> None:
    speed = standing()
    assert ticks_to(speed, 1.0) * DT == pytest.approx(RAMP_S, abs=4 * DT)
    assert ticks_to(speed, 0.0) * DT == pytest.approx(RAMP_S, abs=4 * DT)


@given(targets)
def test_whatever_is_wanted_the_rate_stays_in_range_without_jump_or_kink(
    targets: list[tuple[float, int]],
) -> None:
    speed = standing()
    for target, ticks in targets:
        for _ in range(ticks):
            rate, slope = speed.rate, speed.slope
            passed_s = speed.follow(target, math.inf, DT)
            assert 0.0 <= speed.rate <= 1.0
            assert passed_s == pytest.approx(DT * (rate + speed.rate) / 2)
            assert abs(speed.rate - rate) <= 3.1 * DT / RAMP_S + 1e-9
            if 0.0 < speed.rate < 1.0:
                assert abs(speed.slope - slope) <= SHARPEST * DT + 1e-9


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_it_arrives_and_stays(start: float, target: float) -> None:
    speed = standing(start)
    for _ in range(300):
        speed.follow(target, math.inf, DT)
    assert (speed.rate, speed.slope) == (pytest.approx(target, abs=1e-9), 0.0)


@given(st.floats(0.05, 1.0), st.floats(0.2, 3.0), st.floats(0.001, 0.02))
def test_it_comes_to_rest_exactly_where_the_room_ends(rate: float, room: float, dt: float) -> None:
    speed = standing(rate)
    covered = 0.0
    for _ in range(round(room / rate / dt) + round(2 * STOP_S / dt)):
        before = speed.rate
        covered += speed.follow(rate, room - covered, dt)
        assert covered <= room + 1e-9
        assert speed.rate <= before + 1e-9
    assert covered == pytest.approx(room, abs=1e-7)
    assert (speed.rate, speed.slope) == (0.0, 0.0)


def test_braking_for_the_end_takes_the_stop_time() -> None:
    speed, covered, braking = standing(1.0), 0.0, 0
    while speed.rate > 0.0:
        covered += speed.follow(1.0, 1.0 - covered, DT)
        braking += speed.rate < 1.0
    assert braking * DT == pytest.approx(STOP_S, abs=3 * DT)


@given(st.integers(1, 55))
def test_a_brake_that_is_called_off_is_undone_without_a_jump(ticks: int) -> None:
    speed, covered = standing(1.0), 0.0
    while speed.rate == 1.0:
        covered += speed.follow(1.0, 1.0 - covered, DT)
    for _ in range(ticks):
        covered += speed.follow(1.0, 1.0 - covered, DT)
    for _ in range(300):
        rate, slope = speed.rate, speed.slope
        speed.follow(1.0, math.inf, DT)
        assert abs(speed.rate - rate) <= 5.1 * DT
        if 0.0 < speed.rate < 1.0:
            assert abs(speed.slope - slope) <= SHARPEST * DT + 1e-9
    assert speed.rate == 1.0


@given(targets)
def test_from_any_state_a_stop_takes_at_most_the_stop_time(
    targets: list[tuple[float, int]],
) -> None:
    speed = standing()
    for target, ticks in targets:
        for _ in range(ticks):
            speed.follow(target, math.inf, DT)
    rate = speed.rate
    covered = sum(speed.brake(DT) for _ in range(round(STOP_S / DT) + 1))
    assert (speed.rate, speed.slope) == (0.0, 0.0)
    assert 0.0 <= covered <= (rate / 2 + 0.1) * STOP_S
