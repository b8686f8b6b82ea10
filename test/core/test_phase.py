"""A loop's deadlines move to where regular arrivals wait least, and stay where there are none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wall_oss_ros.core.phase import PhaseLock

MS = 1_000_000
PERIOD = 10 * MS


def waits(
    rate_hz: float, jitter_ms: float, begin_ms: float, seed: int, locked: bool = True
) -> np.ndarray:
    """Waiting times [ms] of the last 200 of 600 arrivals, by a simulated loop at 100 Hz."""
    draw = np.random.default_rng(seed)
    lock = PhaseLock(PERIOD)
    deadline = 1_000 * PERIOD
    found = []
    for number in range(600):
        late = draw.gamma(4.0, jitter_ms / 2.0) if jitter_ms else 0.0
        at = round(2_000 * PERIOD + (begin_ms + late) * MS + number * 1e9 / rate_hz)
        while deadline < at:
            before = deadline
            deadline += PERIOD
            if locked:
                shift = lock.shift_ns(deadline)
                assert abs(shift) <= PERIOD // 100
                deadline += shift
            assert deadline > before
        found.append((deadline - at) / MS)
        lock.arrived(at)
    return np.array(found[-200:])


@given(begin_ms=st.floats(0.0, 10.0), rate_hz=st.sampled_from([10.0, 20.0, 50.0, 100.0]))
def test_regular_arrivals_wait_a_fifth_of_a_period_wherever_they_begin(begin_ms, rate_hz):
    assert waits(rate_hz, 0.0, begin_ms, 0) == pytest.approx(2.0, abs=0.15)


@pytest.mark.parametrize("seed", range(5))
def test_scattered_arrivals_wait_less_than_without_it(seed):
    begins = np.arange(0.0, 10.0, 1.0)
    free = np.concatenate([waits(20.0, 1.0, begin, seed, locked=False) for begin in begins])
    held = np.concatenate([waits(20.0, 1.0, begin, seed) for begin in begins])
    assert np.median(held) < 0.6 * np.median(free)
    assert held.mean() < 0.8 * free.mean()


def test_arrivals_at_a_rate_that_does_not_divide_the_loops_move_nothing():
    lock = PhaseLock(PERIOD)
    for number in range(300):
        lock.arrived(round(number * 1e9 / 30.0))
    assert lock.agreement < 0.1
    assert lock.shift_ns(123 * MS) == 0


def test_a_few_arrivals_say_nothing():
    lock = PhaseLock(PERIOD)
    assert lock.shift_ns(5 * MS) == 0
    for number in range(9):
        lock.arrived(number * 100 * MS)
    assert lock.agreement == 0.0
    assert lock.shift_ns(5 * MS) == 0


def test_another_phase_is_learnt():
    lock = PhaseLock(PERIOD)
    for number in range(200):
        lock.arrived(number * 100 * MS)
    assert lock.shift_ns(2 * MS) == 0
    for number in range(400):
        lock.arrived(number * 100 * MS + 4 * MS)
    assert lock.shift_ns(6 * MS) == pytest.approx(0, abs=20_000)
