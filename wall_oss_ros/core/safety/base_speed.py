"""The base moves no faster, and changes its speed no faster, than the contract says."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import Base
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.core.safety.rule import Situation, passed
from wall_oss_ros.core.safety.verdict import Severity, Verdict

# Rounding; below it a change is not worth a word.
_SLACK = 1e-6


class BaseRamp:
    """Moves a twist towards another one within the base's speeds and accelerations.

    The planar velocity is scaled as a vector, so that limiting never changes its direction; a base
    that cannot move sideways has vy = 0.
    """

    def __init__(self, base: Base) -> None:
        self._base = base

    def toward(self, wanted: Array, last: Array, dt: float) -> Array:
        """Return the twist (3,) of the next tick.

        Args:
            wanted: (3,) vx, vy [m/s], wz [rad/s].
            last: (3,) twist of the last tick.
            dt: between the ticks [s].
        """
        base = self._base
        vx, vy, wz = wanted.tolist()
        last_x, last_y, last_z = last.tolist()
        vx, vy = _shortened(vx, vy if base.holonomic else 0.0, base.linear_velocity)
        reach = base.linear_acceleration * dt
        step_x, step_y = _shortened(vx - last_x, vy - last_y, reach)
        wz = min(max(wz, -base.angular_velocity), base.angular_velocity)
        reach = base.angular_acceleration * dt
        step_z = min(max(wz - last_z, -reach), reach)
        return np.array([last_x + step_x, last_y + step_y, last_z + step_z])


class BaseSpeed:
    """Limits the base's speed and acceleration.

    A base that moves when the command leaves it out is brought to rest: it would otherwise go on
    until its controller misses commands.
    """

    name = "base_speed"

    def __init__(self, base: Base) -> None:
        self._base = base
        self._ramp = BaseRamp(base)

    def check(self, command: RobotCommand, situation: Situation) -> Verdict:
        """Limit the twist; a base that is left out gets 0."""
        base, last = self._base, situation.sent.base_twist
        if "base" not in command.parts:
            parts = command.parts | {"base"} if last.any() else command.parts
            command = replace(command, parts=parts, base_twist=np.zeros(3))
        wanted = command.base_twist
        limited = self._ramp.toward(wanted, last, situation.dt)
        if np.abs(limited - wanted).max() <= _SLACK:
            return passed(self.name, replace(command, base_twist=limited))
        reason = (
            f"base twist {np.round(wanted, 3).tolist()}; limits {base.linear_velocity} m/s, "
            f"{base.angular_velocity} rad/s"
        )
        return Verdict(Severity.LIMIT, self.name, reason, replace(command, base_twist=limited))


def _shortened(x: float, y: float, length: float) -> tuple[float, float]:
    norm = math.hypot(x, y)
    return (x, y) if norm <= length else (x * (length / norm), y * (length / norm))
