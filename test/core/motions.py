"""Motions and chunks for the tests of what moves: random ones, and their rates by differences."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pytest
from sample_robot import home_state, make_chunk

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import ActionChunk
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.motion import LINEAR_COLUMNS, Motion
from wall_oss_ros.core.rotation import (
    Array,
    matrix_from_rotation_vector,
    rot6d_from_matrix,
    rotation_vector_from_matrix,
)


class Sampled(Protocol):
    def sample(self, motion_s: float) -> Motion: ...


def random_rows(
    contract: RobotContract,
    random: np.random.Generator,
    count: int = 8,
    *,
    off: float = 0.0,
    turn: float = 0.5,
) -> Array:
    """Rows that wander: about 1 cm and 3 degrees per row, from `off` metres beside home."""
    rows = np.tile(home_state(contract), (count, 1))
    rows[:, LINEAR_COLUMNS] += random.normal(0.0, off, 9)
    rows[:, LINEAR_COLUMNS] += np.cumsum(random.normal(0.0, 0.01, (count, 9)), axis=0)
    for side in action_space.SIDES:
        orientation = matrix_from_rotation_vector(random.normal(0.0, turn, 3))
        for row in rows:
            step = matrix_from_rotation_vector(random.normal(0.0, 0.03, 3))
            orientation = step @ orientation
            row[action_space.ROTATION[side]] = rot6d_from_matrix(orientation)
    rows[:, [9, 19]] = random.choice([0.0, 1.0], (count, 2))
    rows[:, action_space.BASE] = random.normal(0.0, 0.2, (count, 3))
    return rows


def random_chunk(
    contract: RobotContract, random: np.random.Generator, stamp_ns: int, seq: int, **options: float
) -> ActionChunk:
    """A chunk of 1 to 20 rows, 10 to 200 ms apart, up to some 10 cm and half a radian from home.

    Now and then without a part.
    """
    rows = random_rows(contract, random, int(random.integers(1, 21)), off=0.1)
    parts = [part for part in action_space.PARTS if random.random() < 0.9]
    dt = options.get("dt", float(random.choice([0.01, 0.05, 0.2])))
    return make_chunk(contract, stamp_ns, rows, seq=seq, parts=parts, dt=dt)


def random_motion(random: np.random.Generator) -> Motion:
    return Motion(
        linear=random.normal(size=9),
        linear_velocity=random.normal(0.0, 0.3, 9),
        linear_acceleration=random.normal(0.0, 1.0, 9),
        rotation=matrix_from_rotation_vector(random.normal(0.0, 1.0, (2, 3))),
        angular_velocity=random.normal(0.0, 1.0, (2, 3)),
        angular_acceleration=random.normal(0.0, 3.0, (2, 3)),
        grippers=np.array([0.2, 0.9]),
        base_twist=random.normal(0.0, 0.3, 3),
    )


def turn_between(first: Array, second: Array) -> Array:
    """Rotation vectors (..., 3) that lead from one orientation (..., 3, 3) to another."""
    return rotation_vector_from_matrix(second @ np.swapaxes(first, -1, -2))


def assert_same(first: Motion, second: Motion, *, tolerance: float, rates: bool = True) -> None:
    """Position, velocity and acceleration are the same; the last two within 100 times as much."""
    assert second.linear == pytest.approx(first.linear, abs=tolerance)
    assert second.rotation == pytest.approx(first.rotation, abs=tolerance)
    if rates:
        for name in ("linear_velocity", "angular_velocity"):
            expected = pytest.approx(getattr(first, name), abs=100 * tolerance)
            assert getattr(second, name) == expected
        for name in ("linear_acceleration", "angular_acceleration"):
            expected = pytest.approx(getattr(first, name), abs=10_000 * tolerance)
            assert getattr(second, name) == expected


def assert_rates_are_derivatives(
    trajectory: Sampled, at_s: float, tolerance: float = 1e-4, bends: bool = False
) -> None:
    """Velocity and acceleration are what positions and velocities change by; not at bends."""
    h = 1e-6
    before, here, after = (trajectory.sample(at_s + shift) for shift in (-h, 0.0, h))
    speed = (after.linear - before.linear) / (2 * h)
    assert here.linear_velocity == pytest.approx(speed, abs=tolerance)
    turning = turn_between(before.rotation, after.rotation) / (2 * h)
    assert here.angular_velocity == pytest.approx(turning, abs=tolerance)
    if bends:
        return
    change = (after.linear_velocity - before.linear_velocity) / (2 * h)
    assert here.linear_acceleration == pytest.approx(change, abs=100 * tolerance)
    spin_up = (after.angular_velocity - before.angular_velocity) / (2 * h)
    assert here.angular_acceleration == pytest.approx(spin_up, abs=100 * tolerance)
