"""A reference for one tool that exists on the absolute timeline, independent of how it is tracked.

A new plan continues the previous one at the new observation's stamp. Plans made from slightly late
or noisy measured poses would each start a little behind the last, and the arm would never arrive.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.rotation import (
    Array,
    matrix_from_rotation_vector,
    rotation_vector_from_matrix,
)

# Time in which the speed approaches the wanted one: rounds the corners of the trapezoid.
_SMOOTHING_S = 0.08
# Braking is planned with this part of the acceleration, so that smoothing does not overshoot.
_BRAKING = 0.5
# Nearer than this the reference is at its goal [m] and [rad].
_ARRIVED = 5e-5


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a tool moves: speed [m/s], acceleration [m/s^2], and turning in rad."""

    speed: float
    acceleration: float
    turn_speed: float
    turn_acceleration: float


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Pose of a tool and its velocities: (3,) [m/s] and (3,) rotation vector [rad/s]."""

    pose: Pose
    velocity: Array
    spin: Array


def advance(motion: Motion, goal: Pose, pace: Pace, dt: float) -> Motion:
    """Return the motion `dt` seconds later: towards the goal, bounded, at rest when there."""
    pose = motion.pose
    offset = goal.position - pose.position
    arc = rotation_vector_from_matrix(goal.rotation @ pose.rotation.T)
    velocity = _towards(offset, motion.velocity, pace.speed, pace.acceleration, dt)
    spin = _towards(arc, motion.spin, pace.turn_speed, pace.turn_acceleration, dt)
    position = goal.position if velocity is None else pose.position + velocity * dt
    rotation = (
        goal.rotation if spin is None else matrix_from_rotation_vector(spin * dt) @ pose.rotation
    )
    still = np.zeros(3)
    return Motion(
        Pose(position, rotation),
        still if velocity is None else velocity,
        still if spin is None else spin,
    )


class LeaderArm:
    """The reference of one tool. Remembers its last plan.

    Args:
        pose: where it starts, at rest.
        now_ns: when [ns].
    """

    def __init__(self, pose: Pose, now_ns: int) -> None:
        self._step_ns = 1
        self._start_ns = now_ns
        self._plan: list[Motion] = []
        self.restart(pose, now_ns)

    def restart(self, pose: Pose, now_ns: int) -> None:
        """Forget the plan and stand still at a (measured) pose."""
        self._start_ns = now_ns
        self._plan = [Motion(pose, np.zeros(3), np.zeros(3))]

    def displace(self, offset: Array, turn: float) -> None:
        """Put the plan aside, as by somebody who pushes the tool.

        Args:
            offset: (3,) [m].
            turn: about the vertical [rad].
        """
        spun = matrix_from_rotation_vector([0.0, 0.0, turn])
        self._plan = [
            replace(motion, pose=Pose(motion.pose.position + offset, spun @ motion.pose.rotation))
            for motion in self._plan
        ]

    def at(self, now_ns: int) -> Motion:
        """Return the planned motion at a time; before and after the plan its first and last."""
        place = max(0.0, (now_ns - self._start_ns) / self._step_ns)
        index = int(place)
        if index >= len(self._plan) - 1:
            last = self._plan[-1]
            return Motion(last.pose, np.zeros(3), np.zeros(3)) if len(self._plan) > 1 else last
        part, motion = (place - index) * self._step_ns * 1e-9, self._plan[index]
        following = self._plan[index + 1]
        pose = Pose(
            motion.pose.position + part * following.velocity,
            matrix_from_rotation_vector(part * following.spin) @ motion.pose.rotation,
        )
        return Motion(pose, following.velocity, following.spin)

    def plan(self, now_ns: int, goal: Pose, pace: Pace, step_ns: int, steps: int) -> list[Pose]:
        """Continue from the present motion to the goal and wait there.

        Args:
            now_ns: time of the first pose less one step [ns].
            goal: where to.
            pace: how fast.
            step_ns: time between poses [ns].
            steps: how many.

        Returns:
            `steps` poses, the first one `step_ns` after now.
        """
        motion = self.at(now_ns)
        plan = [motion]
        for _ in range(steps):
            if motion.pose is not goal:
                motion = advance(motion, goal, pace, step_ns * 1e-9)
                if _rests_at(motion, goal):
                    motion = Motion(goal, np.zeros(3), np.zeros(3))
            plan.append(motion)
        self._start_ns, self._step_ns, self._plan = now_ns, step_ns, plan
        return [each.pose for each in plan[1:]]


def _rests_at(motion: Motion, goal: Pose) -> bool:
    near = bool(np.all(motion.pose.position == goal.position))
    turned = bool(np.all(motion.pose.rotation == goal.rotation))
    return near and turned


def _towards(
    offset: Array, velocity: Array, top: float, acceleration: float, dt: float
) -> Array | None:
    """Return the next velocity of a point that is to move by `offset`; None: it is there."""
    distance = float(np.sqrt(offset @ offset))
    speed = float(np.sqrt(velocity @ velocity))
    if distance < _ARRIVED and speed < acceleration * dt:
        return None
    # The last centimetres shrink exponentially; a square root alone would end in a jerk.
    wanted = min(top, np.sqrt(2 * _BRAKING * acceleration * distance), distance / _SMOOTHING_S / 2)
    change = offset * (wanted / max(distance, 1e-12)) - velocity
    change *= min(1.0, dt / _SMOOTHING_S)
    size = float(np.sqrt(change @ change))
    change *= min(1.0, acceleration * dt / max(size, 1e-12))
    return np.asarray(velocity + change)
