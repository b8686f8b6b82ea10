"""Pins: whatever a controller is sent ends at rest and inside the joints' ranges.

When commands cease, the controller then brakes by itself.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wall_oss_ros.core.waypoints import BRAKE_S, braking_waypoints

RANGES = [(-1.0, 1.0), (0.0, 0.35)]
positions = st.tuples(*[st.floats(low, high) for low, high in RANGES])
velocities = st.tuples(*[st.floats(-3.0, 3.0)] * 2)


def test_a_standing_setpoint_stays_as_long_as_a_moving_one() -> None:
    here, rest = braking_waypoints([0.2, 0.1], [0.0, 0.0], RANGES, 0.01)
    assert here == ((0.2, 0.1), (0.0, 0.0), 0.01)
    assert rest == ((0.2, 0.1), (0.0, 0.0), 0.01 + BRAKE_S)


def test_a_moving_setpoint_is_followed_by_an_even_brake() -> None:
    here, rest = braking_waypoints([0.2, 0.1], [1.0, -0.2], RANGES, 0.01)
    assert here == ((0.2, 0.1), (1.0, -0.2), 0.01)
    # Slowing evenly takes half the way of going on.
    assert rest.positions == pytest.approx((0.2 + BRAKE_S / 2, 0.1 - 0.2 * BRAKE_S / 2))
    assert rest.after_s == pytest.approx(0.01 + BRAKE_S)


@given(positions, velocities)
def test_the_last_waypoint_is_at_rest_and_in_range(
    position: tuple[float, float], velocity: tuple[float, float]
) -> None:
    waypoints = braking_waypoints(position, velocity, RANGES, 0.01)
    assert waypoints[0][:2] == (position, velocity)
    assert not any(waypoints[-1].velocities)
    for value, (low, high) in zip(waypoints[-1].positions, RANGES, strict=True):
        assert low <= value <= high


def test_joints_and_ranges_must_match() -> None:
    with pytest.raises(ValueError, match="shorter"):
        braking_waypoints([0.2, 0.1], [1.0, 0.0], RANGES[:1], 0.01)
