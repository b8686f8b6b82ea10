"""Pins: a seam's jump is what was put into the curve there, whatever trend it lies on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wall_oss_ros.core.rotation import Array
from wall_oss_ros.core.seams import measure

H = 0.01  # [s]
COUNT = 200
SEAM = 100

numbers = st.floats(-2.0, 2.0)


def times() -> Array:
    """Sample times [s], 0 half-way between the samples on either side of the seam."""
    return (np.arange(COUNT) - SEAM + 0.5) * H


def parabola(a: float, b: float, c: float) -> Array:
    """Three columns of constant acceleration, (N, 3)."""
    t = times()
    return np.stack([a + b * t + c * t**2, b - a * t, c * t**2 - b * t], axis=1)


@given(numbers, numbers, numbers)
def test_constant_acceleration_has_no_seam(a: float, b: float, c: float) -> None:
    found = measure(parabola(a, b, c), H, [SEAM])
    assert found.position == pytest.approx([0.0], abs=1e-9)
    assert found.velocity == pytest.approx([0.0], abs=1e-7)
    assert found.peak_jerk == pytest.approx(0.0, abs=1e-6)


@given(numbers, numbers, numbers, st.floats(-0.1, 0.1), st.floats(-1.0, 1.0))
def test_a_jump_is_found_as_large_as_it_is_on_any_trend(
    a: float, b: float, c: float, jump: float, kick: float
) -> None:
    """A step in position and a step in velocity at the seam; neither is taken for the other."""
    x = parabola(a, b, c)
    t = times()
    after = t > 0
    x[after, 1] += jump + kick * t[after]
    found = measure(x, H, [SEAM])
    assert found.position == pytest.approx([abs(jump)], abs=1e-9)
    assert found.velocity == pytest.approx([abs(kick)], abs=1e-7)


def test_a_jump_is_as_long_as_it_is_in_space() -> None:
    x = np.zeros((COUNT, 3))
    x[SEAM:] = [0.03, 0.0, 0.04]
    assert measure(x, H, [SEAM]).position == pytest.approx([0.05])


@given(st.floats(-50.0, 50.0))
def test_constant_jerk_is_measured_and_hardly_a_seam(jerk: float) -> None:
    x = (jerk * times() ** 3 / 6)[:, None]
    found = measure(x, H, [SEAM])
    assert found.peak_jerk == pytest.approx(abs(jerk), rel=1e-6, abs=1e-6)
    assert found.rms_jerk == pytest.approx(abs(jerk), rel=1e-6, abs=1e-6)
    assert found.position == pytest.approx([0.625 * abs(jerk) * H**3], rel=1e-6, abs=1e-9)
    assert found.velocity == pytest.approx([0.0], abs=1e-7)


def test_a_sine_has_the_peaks_of_its_derivatives() -> None:
    w = 2 * np.pi
    x = 0.1 * np.sin(w * times())[:, None]
    found = measure(x, H, [])
    assert len(found.position) == len(found.velocity) == 0
    assert found.peak_velocity == pytest.approx(0.1 * w, rel=1e-3)
    assert found.peak_acceleration == pytest.approx(0.1 * w**2, rel=1e-3)
    assert found.peak_jerk == pytest.approx(0.1 * w**3, rel=1e-3)
    assert found.rms_jerk == pytest.approx(0.1 * w**3 / np.sqrt(2), rel=2e-2)


def test_a_step_of_one_sample_is_a_jerk_of_twice_the_step_over_the_cube_of_the_period() -> None:
    """Third differences of a step are 1, -2, 1."""
    x = np.zeros((COUNT, 1))
    x[SEAM:] = 0.001
    assert measure(x, H, [SEAM]).peak_jerk == pytest.approx(2 * 0.001 / H**3)


def test_turning_time_round_changes_nothing() -> None:
    random = np.random.default_rng(0)
    x = np.cumsum(random.normal(size=(COUNT, 2)), axis=0)
    forth, back = measure(x, H, [50, 120]), measure(x[::-1], H, [COUNT - 120, COUNT - 50])
    assert forth.position == pytest.approx(back.position[::-1])
    assert forth.velocity == pytest.approx(back.velocity[::-1])


def test_a_seam_without_a_trend_beside_it_is_left_out() -> None:
    x = np.zeros((COUNT, 1))
    for seams, left in (
        ([0, 2, COUNT - 2, COUNT], 0),  # at the ends
        ([3, COUNT - 3], 2),
        ([50, 52, 90], 1),  # two in one another's trend
        ([50, 53, 90], 3),
        ([50, 50], 1),  # one seam named twice
    ):
        assert len(measure(x, H, seams).position) == left


@pytest.mark.parametrize(
    ("positions", "period_s"),
    [
        (np.zeros(10), H),
        (np.zeros((3, 2)), H),
        (np.full((10, 2), np.nan), H),
        (np.zeros((10, 2)), 0.0),
    ],
)
def test_what_cannot_be_measured_is_refused(positions: Array, period_s: float) -> None:
    with pytest.raises(ValueError, match="positions"):
        measure(positions, period_s, [])
