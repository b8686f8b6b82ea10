"""Pins: what a joint may do in one step lets it stop in time, whatever it did before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("mink", reason="inverse kinematics needs the 'sim' extra")

from wall_oss_ros.kinematics.braking import braking_speed
from wall_oss_ros.kinematics.joint_box import JointBox

distances = st.floats(1e-9, 10.0)
accelerations = st.floats(0.05, 50.0)
steps = st.sampled_from([0.001, 0.005, 0.01, 0.05])


def braking_distance(speed: float, acceleration: float, dt: float) -> float:
    """The way of steps at `speed`, then `acceleration * dt` less each, down to rest."""
    way = 0.0
    while speed > 0.0:
        way += speed * dt
        speed -= acceleration * dt
    return way


@given(distances, accelerations, steps)
def test_braking_from_the_braking_speed_takes_the_whole_distance(
    distance: float, acceleration: float, dt: float
) -> None:
    speed = float(braking_speed(distance, acceleration, dt))
    assert braking_distance(speed, acceleration, dt) == pytest.approx(distance, rel=1e-6)


@given(distances, accelerations)
def test_with_small_steps_it_is_the_textbook_speed(distance: float, acceleration: float) -> None:
    dt = 1e-4 * np.sqrt(distance / acceleration)
    speed = float(braking_speed(distance, acceleration, dt))
    assert speed == pytest.approx(np.sqrt(2 * acceleration * distance), rel=1e-3)


def test_there_is_no_speed_towards_what_is_already_passed() -> None:
    assert braking_speed([0.0, -1.0], 2.0, 0.01).tolist() == [0.0, 0.0]


def box_of(speed: float, acceleration: float) -> JointBox:
    return JointBox(*(np.array([value]) for value in (-1.0, 1.0, speed, acceleration)))


@given(
    st.floats(-1.0, 1.0),
    st.floats(0.1, 5.0),
    accelerations,
    steps,
    st.lists(st.floats(0.0, 1.0), min_size=1, max_size=80),
)
def test_any_choices_inside_the_box_keep_every_limit(
    q: float, speed: float, acceleration: float, dt: float, choices: list[float]
) -> None:
    box = box_of(speed, acceleration)
    position, velocity = np.array([q]), np.zeros(1)
    for choice in choices:
        bounds = box.bounds(position, velocity, dt)
        assert bounds.low <= bounds.high
        move = bounds.low + choice * (bounds.high - bounds.low)
        assert abs(move / dt - velocity) <= acceleration * dt * (1 + 1e-6) + 1e-9
        assert abs(move / dt) <= speed * (1 + 1e-9)
        position, velocity = position + move, move / dt
        assert -1.0 - 1e-9 <= position <= 1.0 + 1e-9


@given(st.floats(1.0, 3.0), st.floats(-4.0, 4.0), st.sampled_from([-1.0, 1.0]), steps)
def test_a_joint_beyond_its_limit_only_comes_back(
    q: float, velocity: float, side: float, dt: float
) -> None:
    box = box_of(speed=2.0, acceleration=10.0)
    bounds = box.bounds(np.array([side * q]), np.array([velocity]), dt)
    for end in (bounds.low, bounds.high, bounds.lowest, bounds.highest):
        assert side * end[0] <= 0.0
        assert abs(end[0]) <= 2.0 * dt * (1 + 1e-9)


def test_a_joint_that_is_too_fast_to_brake_stops_at_its_limit_all_the_same() -> None:
    box = box_of(speed=2.0, acceleration=1.0)
    position, velocity = np.array([0.99]), np.array([2.0])
    for _ in range(20):
        move = box.bounds(position, velocity, 0.01).high
        position, velocity = position + move, move / 0.01
        assert position <= 1.0
    assert position == pytest.approx(1.0)
