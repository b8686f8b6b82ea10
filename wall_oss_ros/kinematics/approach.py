"""From a target that may jump to a tool motion that can stop at it.

Without this, a solver with acceleration limits would run at a far target as fast as it can and
swing past it. A target that moves smoothly is followed without lag: its own velocity is fed
forward, and only what is left behind is caught up with, at a speed that can brake in time.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.kinematics.braking import braking_speed
from wall_oss_ros.kinematics.frames import Array
from wall_oss_ros.kinematics.tool_error import Goal

# How much quicker the fed-forward velocity may change than what is left is braked: a target's own
# acceleration is followed as far as the joints can, a jump is not taken for a velocity.
_FOLLOWING = 3.0


class JointApproach:
    """What joints do about positions that they are commanded to.

    Args:
        acceleration: (n,) that each can brake with [rad/s^2] or [m/s^2].
    """

    def __init__(self, acceleration: Array) -> None:
        self._acceleration = acceleration
        self._known = np.zeros(len(acceleration), dtype=bool)
        self._last = np.zeros(len(acceleration))
        self._fed = np.zeros(len(acceleration))  # the targets' velocities

    def forget(self) -> None:
        """Take the next targets as the first."""
        self._known[:] = False

    def next(self, joints: NDArray[np.int64], targets: Array, now: Array, dt: float) -> Array:
        """Return the velocities (m,) of the next step.

        Args:
            joints: (m,) which joints; the others are forgotten.
            targets: (m,) where they should be.
            now: (m,) where they are.
            dt: step [s].
        """
        known, most = self._known[joints], self._acceleration[joints] * dt
        last = np.where(known, self._last[joints], targets)
        fed = np.where(known, self._fed[joints], 0.0)
        fed += np.minimum(np.maximum((targets - last) / dt - fed, -most), most)
        self._known[:] = False
        self._known[joints], self._last[joints], self._fed[joints] = True, targets, fed
        behind = last - now
        caught: Array = braking_speed(np.abs(behind), self._acceleration[joints], dt)
        return fed + np.sign(behind) * caught


class Way(NamedTuple):
    """What a tool should do in one step.

    Attributes:
        end: pose after the step.
        motion: (6,) how the tool gets there [m], [rad].
        catching_up: (6,) the part of that which makes up for what was left behind.
    """

    end: Goal
    motion: Array
    catching_up: Array


class ToolApproach:
    """What one tool does about its targets.

    Args:
        linear: acceleration that the tool brakes with [m/s^2].
        angular: likewise [rad/s^2].
    """

    def __init__(self, linear: float, angular: float) -> None:
        self._acceleration = np.array([linear, angular])
        self._last: Goal | None = None
        self._fed = np.zeros(6)  # the target's velocity, in the arm's frame

    def forget(self) -> None:
        """Take the next target as the first."""
        self._last = None
        self._fed = np.zeros(6)

    def next(self, goal: Goal, tool: Goal, dt: float) -> Way:
        """Return the tool's way for one step.

        Args:
            goal: the target now, in the arm's frame.
            tool: where the tool is.
            dt: step [s].
        """
        last = goal if self._last is None else self._last
        self._last = goal
        moving = _twist(last, goal) / dt
        self._fed = self._fed + _limited(moving - self._fed, self._acceleration * _FOLLOWING * dt)
        behind = _twist(tool, last)
        size = np.array([math.sqrt(part @ part) for part in (behind[:3], behind[3:])])
        speed = braking_speed(size, self._acceleration, dt) / np.maximum(size, 1e-12)
        catching_up = np.repeat(speed, 3) * behind * dt
        motion = self._fed * dt + catching_up
        return Way(_moved(tool, motion), motion, catching_up)


def _twist(start: Goal, end: Goal) -> Array:
    """Return the way (6,) between two poses: distance [m], rotation vector [rad], outer axes."""
    twist, local = np.empty(6), np.empty(3)
    twist[:3] = end.position - start.position
    mujoco.mju_subQuat(local, end.quaternion, start.quaternion)
    mujoco.mju_rotVecQuat(twist[3:], local, start.quaternion)
    return twist


def _moved(start: Goal, twist: Array) -> Goal:
    quaternion, turn = np.empty(4), np.empty(4)
    angle = math.sqrt(twist[3:] @ twist[3:])
    mujoco.mju_axisAngle2Quat(turn, twist[3:] / max(angle, 1e-12), angle)
    mujoco.mju_mulQuat(quaternion, turn, start.quaternion)
    return Goal(start.position + twist[:3], quaternion)


def _limited(vector: Array, most: Array) -> Array:
    """Return a (6,) vector with each half shortened to its length in `most` (2,)."""
    limited = vector.copy()
    for half, length in ((limited[:3], most[0]), (limited[3:], most[1])):
        size = math.sqrt(half @ half)
        if size > length:
            half *= length / size
    return limited
