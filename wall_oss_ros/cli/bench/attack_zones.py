"""Zones for the attack: of every shape, where the robot is, and gone again a moment later."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from wall_oss_ros.core.contract import RobotContract, Zone
from wall_oss_ros.core.contract.shapes import Box, HalfSpace, Sphere


def draw_zones(random: np.random.Generator, contract: RobotContract) -> dict[str, Zone]:
    """Return up to three zones of the arms."""
    zones = {
        "left": _zone(random, contract, "left_arm"),
        "right": _zone(random, contract, "right_arm"),
        "another": _zone(random, contract, "left_arm"),
    }
    return {name: zone for name, zone in zones.items() if random.random() < 0.5}


def draw_yard(random: np.random.Generator, contract: RobotContract) -> Zone | None:
    """Return a place that the base keeps out of, None for a robot without base."""
    if contract.odometry is None:
        return None
    x, y = random.uniform(-2.0, 2.0, 2).tolist()
    ball = Sphere((x, y, 0.0), float(random.uniform(0.2, 0.6)))
    return Zone("out", ("base",), contract.odometry.frame, 0.1, sphere=ball)


def _zone(
    random: np.random.Generator, contract: RobotContract, part: Literal["left_arm", "right_arm"]
) -> Zone:
    x, y, z = random.uniform((0.3, -0.5, 0.7), (0.9, 0.5, 1.4)).tolist()
    frame = str(random.choice([contract.base_frame, "torso_lift_link"]))
    margin = float(random.uniform(0.01, 0.1))
    keep: Literal["in", "out"] = "in" if random.random() < 0.5 else "out"
    ball = Sphere((x, y, z), float(random.uniform(0.05, 0.5)))
    zone = Zone(keep, (part,), frame, margin, sphere=ball)
    match random.integers(0, 3):
        case 0:
            return zone
        case 1:
            a, b, c = random.uniform(0.03, 0.4, 3).tolist()
            box = Box((x - a, y - b, z - c), (x + a, y + b, z + c))
            return replace(zone, sphere=None, box=box)
        case _:
            plane = HalfSpace((x, y, z), tuple(random.normal(0.0, 1.0, 3).tolist()))
            return replace(zone, sphere=None, half_space=plane)
