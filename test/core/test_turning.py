"""Pins: rates of a rotation vector and rates of the rotation are the same motion, both ways."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wall_oss_ros.core.rotation import (
    Array,
    left_jacobian,
    matrix_from_rotation_vector,
    rotation_vector_from_matrix,
)
from wall_oss_ros.core.turning import turned, vector_rates

seeds = st.integers(0, 2**32 - 1)
# Around 0.1 rad the closed forms take over from the series; 6 rad is nearly a whole turn.
angles = st.one_of(
    st.floats(0.0, 6.0), st.floats(0.0999, 0.1001), st.sampled_from([0.0, 1e-9, 1e-5, 3.1415926])
)


def moving(seed: int, angle: float) -> tuple[Array, Array, Array]:
    random = np.random.default_rng(seed)
    direction = random.normal(size=3)
    return angle * direction / np.linalg.norm(direction), *random.normal(0.0, 1.0, (2, 3))


def between(first: Array, second: Array) -> Array:
    return rotation_vector_from_matrix(second @ first.T)


@given(seeds, angles)
def test_the_rotation_is_that_of_the_vector(seed: int, angle: float) -> None:
    vector, rate, second = moving(seed, angle)
    matrix = turned(vector, rate, second)[0]
    assert matrix == pytest.approx(matrix_from_rotation_vector(vector), abs=1e-12)


@given(seeds, angles)
def test_the_angular_velocity_is_the_rate_of_change_of_the_rotation(
    seed: int, angle: float
) -> None:
    vector, rate, second = moving(seed, angle)
    h = 1e-5
    path = [turned(vector + t * rate + t * t / 2 * second, rate, second)[0] for t in (-h, h)]
    spin = turned(vector, rate, second)[1]
    assert spin == pytest.approx(between(*path) / (2 * h), abs=1e-7)
    assert spin == pytest.approx(left_jacobian(vector) @ rate, abs=1e-9)


@given(seeds, angles)
def test_the_angular_acceleration_is_the_rate_of_change_of_the_angular_velocity(
    seed: int, angle: float
) -> None:
    vector, rate, second = moving(seed, angle)
    h = 1e-5
    before, after = (
        np.array(turned(vector + t * rate + t * t / 2 * second, rate + t * second, second)[1])
        for t in (-h, h)
    )
    assert turned(vector, rate, second)[2] == pytest.approx((after - before) / (2 * h), abs=1e-6)


@given(seeds, angles)
def test_both_directions_undo_each_other(seed: int, angle: float) -> None:
    vector, rate, second = moving(seed, angle)
    _, spin, spin_rate = turned(vector, rate, second)
    got_rate, got_second = vector_rates(vector, spin, spin_rate)
    assert got_rate == pytest.approx(rate, abs=1e-9, rel=1e-9)
    assert got_second == pytest.approx(second, abs=1e-8, rel=1e-8)
