"""A command carried on from its stamp to the tick that executes it.

Executor and supervisor are two free-running loops: without this, the age of the newest command
would jump by a period whenever their phases cross, and the motion with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.core.safety.freshness import SECOND_NS

# Commands further apart than this tell nothing about the acceleration between them [s].
_TOGETHER_S = 0.05
# A command is carried on for at most this many periods.
_MOST_PERIODS = 2.0
_ROUNDING = 1.01


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Where the joints with full limits should be at a tick.

    Attributes:
        positions: (n,) [rad] or [m].
        velocities: (n,) [rad/s] or [m/s].
        commanded: (n,) whether the joint's part is commanded; the numbers of others mean nothing.
        late: the command is too old to be carried on.
        age_s: of the command [s].
    """

    positions: Array
    velocities: Array
    commanded: NDArray[np.bool_]
    late: bool
    age_s: float


class CommandCarrier:
    """Remembers the last command for the acceleration between two of them."""

    def __init__(self, contract: RobotContract) -> None:
        joints = contract.limited_joints
        self._names = tuple(joints)
        self._speed = np.array([joint.velocity for joint in joints.values()])
        self._acceleration = np.array([joint.acceleration for joint in joints.values()])
        self._part_of = {
            name: part for part, names in contract.part_joints.items() for name in names
        }
        self._masks: dict[frozenset[str], NDArray[np.bool_]] = {}
        self.restart()

    def restart(self) -> None:
        """Forget the last command."""
        self._stamp_ns: int | None = None
        self._last = self._bend = np.zeros(len(self._names))

    def carry(self, command: RobotCommand, now_ns: int, dt: float) -> Target:
        """Return the target at a tick.

        Args:
            command: finite and complete; its velocities are bounded here.
            now_ns: the tick [ns].
            dt: period [s].
        """
        positions = np.array([command.positions.get(name, 0.0) for name in self._names])
        told = np.array([command.velocities.get(name, 0.0) for name in self._names])
        told = np.minimum(np.maximum(told, -self._speed), self._speed)
        self._learn(command.stamp_ns, told)
        age_s = (now_ns - command.stamp_ns) / SECOND_NS
        mask = self._mask(command.parts)
        late = age_s > _MOST_PERIODS * dt * _ROUNDING
        if age_s <= 0.0 or not told.any():
            return Target(positions, told, mask, late, age_s)
        ahead_s = min(age_s, _MOST_PERIODS * dt)
        velocities = told + ahead_s * self._bend
        moved = ahead_s * (told + velocities) / 2.0
        velocities = np.minimum(np.maximum(velocities, -self._speed), self._speed)
        # What slows down comes to rest; it does not turn round.
        turned = told * velocities <= 0.0
        if turned.any():
            bend = np.where(turned & (self._bend != 0.0), np.abs(self._bend), np.inf)
            moved = np.where(turned, told * np.abs(told) / (2.0 * bend), moved)
            velocities = np.where(turned, 0.0, velocities)
        return Target(positions + moved, velocities, mask, late, age_s)

    def _learn(self, stamp_ns: int, told: Array) -> None:
        if stamp_ns == self._stamp_ns:
            return
        apart_s = 0.0 if self._stamp_ns is None else (stamp_ns - self._stamp_ns) / SECOND_NS
        if 0.0 < apart_s <= _TOGETHER_S:
            bend = (told - self._last) / apart_s
            self._bend = np.minimum(np.maximum(bend, -self._acceleration), self._acceleration)
        else:
            self._bend = np.zeros(len(told))
        self._stamp_ns, self._last = stamp_ns, told

    def _mask(self, parts: frozenset[str]) -> NDArray[np.bool_]:
        if parts not in self._masks:
            self._masks[parts] = np.array([self._part_of[name] in parts for name in self._names])
        return self._masks[parts]
