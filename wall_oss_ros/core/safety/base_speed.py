"""The base moves no faster, and changes its speed no faster, than the contract says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import Base
from wall_oss_ros.core.safety.rule import Situation, passed
from wall_oss_ros.core.safety.verdict import Severity, Verdict


class BaseSpeed:
    """Scales the planar velocity as a vector, so that limiting never changes the direction.

    A base that moves when the command leaves it out is brought to rest: it would otherwise go on
    until its controller misses commands.
    """

    name = "base_speed"

    def __init__(self, base: Base) -> None:
        self._base = base

    def check(self, command: RobotCommand, situation: Situation) -> Verdict:
        """Limit the twist; a robot that cannot move sideways has vy = 0."""
        base, dt, last = self._base, situation.dt, situation.sent.base_twist
        if "base" not in command.parts:
            if not np.any(last):
                return passed(self.name, command.changed(base_twist=np.zeros(3)))
            parts = command.parts | {"base"}
            command = replace(command, parts=parts, base_twist=np.zeros(3))
        wanted = command.base_twist
        plane = np.array([wanted[0], wanted[1] if base.holonomic else 0.0])
        plane = _shorten(plane, base.linear_velocity)
        turn = float(np.clip(wanted[2], -base.angular_velocity, base.angular_velocity))
        plane = last[:2] + _shorten(plane - last[:2], base.linear_acceleration * dt)
        step = base.angular_acceleration * dt
        turn = float(np.clip(turn, last[2] - step, last[2] + step))
        limited = np.array([plane[0], plane[1], turn])
        if np.allclose(limited, wanted, atol=1e-6):
            return passed(self.name, command)
        reason = (
            f"base twist {np.round(wanted, 3).tolist()}; limits {base.linear_velocity} m/s, "
            f"{base.angular_velocity} rad/s"
        )
        return Verdict(Severity.LIMIT, self.name, reason, command.changed(base_twist=limited))


def _shorten(vector: np.ndarray, length: float) -> np.ndarray:
    norm = float(np.linalg.norm(vector))
    return vector if norm <= length else vector * (length / norm)
