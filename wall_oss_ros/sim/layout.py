"""Where things stand at the start of an episode, drawn from a seed.

Objects do not overlap, leave room for the fingers around each other, and are within reach of the
arm on their side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wall_oss_ros.core.errors import SimulationError

# Where cubes may stand [m]: distance from the robot, and distance from the middle to either side.
# Nearer than 0.23 m to the middle the fingers would touch the tray.
_X, _Y = (0.60, 0.76), (0.235, 0.40)
# Open fingers reach 7 cm to each side of a cube's centre, its neighbour's corner 3.5 cm.
_CLEARANCE = 0.115
# How far a cube is turned from lying square [rad]; beyond 45 degrees it looks the same again.
_YAW = 0.75
_TRAY_X, _TRAY_Y = (0.66, 0.72), (-0.015, 0.015)
_ATTEMPTS = 1000


@dataclass(frozen=True, slots=True)
class Spot:
    """A place on the table in the world frame: x, y [m] and turn about the vertical [rad]."""

    x: float
    y: float
    yaw: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Places of the tray and of every cube, by object name."""

    tray: Spot
    cubes: Mapping[str, Spot]


def draw_layout(
    rng: np.random.Generator, names: tuple[str, ...], sides: Mapping[str, str]
) -> Layout:
    """Return random places.

    Args:
        rng: source of all randomness.
        names: cubes, in the order they are placed.
        sides: "left" or "right" for cubes that must be on one side; others may be on either.
    """
    tray = Spot(float(rng.uniform(*_TRAY_X)), float(rng.uniform(*_TRAY_Y)), 0.0)
    for _ in range(_ATTEMPTS):
        spots: dict[str, Spot] = {}
        for name in names:
            side = sides.get(name) or ("left", "right")[int(rng.integers(2))]
            sign = 1.0 if side == "left" else -1.0
            x, y = float(rng.uniform(*_X)), sign * float(rng.uniform(*_Y))
            spots[name] = Spot(x, y, float(rng.uniform(-_YAW, _YAW)))
        places = np.array([(spot.x, spot.y) for spot in spots.values()])
        gaps = np.linalg.norm(places[:, None] - places[None], axis=-1)
        if np.all(gaps[~np.eye(len(names), dtype=bool)] >= _CLEARANCE):
            return Layout(tray, spots)
    raise SimulationError(f"no room on the table for {len(names)} cubes")
