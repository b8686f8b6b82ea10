"""Pins: motion time passes only where the robot moved, and never goes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import MS, SECOND, T0

from wall_oss_ros.core.motion_clock import MotionClock

pieces = st.lists(st.tuples(st.integers(1, 500), st.floats(0.0, 1.0)), min_size=1, max_size=40)


def walked(pieces: list[tuple[int, float]], history_s: float = 1e6) -> MotionClock:
    """A clock that went on piece by piece: milliseconds, and the rate of motion time in them."""
    clock = MotionClock(T0, history_s)
    for ms, rate in pieces:
        clock.advance(clock.now_ns + ms * MS, rate * ms / 1000)
    return clock


@given(pieces)
def test_at_gives_back_every_time_it_went_through(pieces: list[tuple[int, float]]) -> None:
    clock, now, motion = walked(pieces), T0, 0.0
    for ms, rate in pieces:
        halfway = clock.at(now + ms * MS // 2)
        assert halfway == pytest.approx(motion + rate * ms / 2000, abs=1e-9)
        now, motion = now + ms * MS, motion + rate * ms / 1000
        assert clock.at(now) == pytest.approx(motion, abs=1e-9)
    assert clock.motion_s == pytest.approx(motion)


@given(pieces, st.lists(st.integers(-2000, 30_000), min_size=2, max_size=20))
def test_later_is_never_less(pieces: list[tuple[int, float]], at_ms: list[int]) -> None:
    clock = walked(pieces)
    times = [clock.at(T0 + ms * MS) for ms in sorted(at_ms)]
    assert all(a <= b + 1e-12 for a, b in zip(times, times[1:], strict=False))


def test_it_stands_still_while_nothing_is_followed() -> None:
    clock = walked([(1000, 1.0), (5000, 0.0), (1000, 0.5)])
    assert clock.at(T0 + 2 * SECOND) == clock.at(T0 + 6 * SECOND) == 1.0
    assert clock.motion_s == 1.5


def test_ahead_of_now_the_present_rate_goes_on() -> None:
    assert walked([(100, 0.5)]).at(T0 + 200 * MS) == pytest.approx(0.1)
    assert walked([(100, 0.5), (100, 0.0)]).at(T0 + SECOND) == pytest.approx(0.05)


def test_before_its_history_the_first_time_it_knows_holds() -> None:
    clock = walked([(100, 1.0)] * 50, history_s=1.0)
    assert clock.at(T0 + 4050 * MS) == pytest.approx(4.05)
    assert clock.at(T0) == clock.at(T0 + SECOND) == pytest.approx(4.0)


@given(pieces, st.integers(1, 10**12))
def test_a_clock_that_is_set_back_takes_nothing_back(
    pieces: list[tuple[int, float]], back: int
) -> None:
    clock = walked(pieces)
    motion = clock.motion_s
    clock.advance(clock.now_ns - back, 0.0)
    assert clock.motion_s == motion
    assert clock.at(clock.now_ns - SECOND) == clock.at(clock.now_ns + SECOND) == motion
    clock.advance(clock.now_ns + SECOND, 0.5)
    assert clock.at(clock.now_ns) == pytest.approx(motion + 0.5)


def test_no_time_at_all_is_no_piece() -> None:
    clock = walked([(100, 1.0)])
    clock.advance(clock.now_ns, 0.0)
    assert clock.at(T0 + 50 * MS) == pytest.approx(0.05)
    assert clock.motion_s == pytest.approx(0.1)
