"""What a joint trajectory controller is sent for a setpoint: the point, and how to brake after.

A trajectory that ends at rest makes the controller brake by itself when commands cease, and is
accepted by controllers that refuse a moving end. A standing setpoint lasts as long as a moving one,
so that a controller that drops what is over takes both, as late as the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

# Shorter brakes harder than the arms' accelerations allow, longer lets them run on further.
BRAKE_S = 0.15


class Waypoint(NamedTuple):
    """Positions, velocities [rad or m, per second] and when they are due from now [s]."""

    positions: tuple[float, ...]
    velocities: tuple[float, ...]
    after_s: float


def braking_waypoints(
    positions: Sequence[float],
    velocities: Sequence[float],
    ranges: Sequence[tuple[float, float]],
    after_s: float,
) -> tuple[Waypoint, Waypoint]:
    """Return two waypoints: the setpoint, and at rest where braking from it ends.

    Args:
        positions: setpoint per joint [rad] or [m].
        velocities: its velocity [rad/s] or [m/s].
        ranges: position limits per joint; the rest position stays inside.
        after_s: when the setpoint is due [s].
    """
    here = Waypoint(tuple(positions), tuple(velocities), after_s)
    rest = tuple(
        min(max(position + 0.5 * BRAKE_S * velocity, low), high)
        for position, velocity, (low, high) in zip(positions, velocities, ranges, strict=True)
    )
    return (here, Waypoint(rest, (0.0,) * len(rest), after_s + BRAKE_S))
