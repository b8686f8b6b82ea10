"""The robot's intended motion at one instant, and the distance between two motions.

A motion is sampled from a `Trajectory`, whose time is motion time (`motion_clock`); the timeline
joins trajectories and turns their rates into those of wall time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from wall_oss_ros.core import action_space, rotation
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.core.turning import turned, vector_rates

# Columns that are interpolated as plain numbers: tool positions, lift, head.
LINEAR_COLUMNS = np.array(
    [
        *range(*action_space.POSITION["left"].indices(action_space.ACTION_DIM)),
        *range(*action_space.POSITION["right"].indices(action_space.ACTION_DIM)),
        action_space.LIFT,
        *range(*action_space.HEAD.indices(action_space.ACTION_DIM)),
    ]
)
LINEAR_PART = ("left_arm",) * 3 + ("right_arm",) * 3 + ("lift",) + ("head",) * 2
TOOL = {"left": slice(0, 3), "right": slice(3, 6)}
LIFT, HEAD = 6, slice(7, 9)

GRIPPER_COLUMNS = [action_space.GRIPPER[side] for side in action_space.SIDES]

# An offset: the nine linear columns, then the rotation vector of the left and of the right tool.
OFFSET_COLUMNS = 15
_TURNS = (slice(9, 12), slice(12, 15))


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Everything the robot is meant to do at one instant.

    Attributes:
        linear: (9,) left tool xyz, right tool xyz [m], lift [m], pan, tilt [rad].
        linear_velocity: (9,) its rate of change.
        linear_acceleration: (9,) the rate of change of that.
        rotation: (2, 3, 3) tool orientations, left and right.
        angular_velocity: (2, 3) their angular velocity in the arm's frame [rad/s].
        angular_acceleration: (2, 3) its rate of change [rad/s^2].
        grippers: (2,) the model's gripper numbers, left and right.
        base_twist: (3,) vx, vy [m/s], wz [rad/s].
    """

    linear: Array
    linear_velocity: Array
    linear_acceleration: Array
    rotation: Array
    angular_velocity: Array
    angular_acceleration: Array
    grippers: Array
    base_twist: Array

    def paced(self, rate: float, slope: float) -> Motion:
        """Return the motion as it is in a time of which this motion's time is a function.

        Args:
            rate: how fast this motion's time passes, d(motion time) / d(time).
            slope: the rate of change of that [1/s].
        """
        square = rate * rate
        return Motion(
            linear=self.linear,
            linear_velocity=rate * self.linear_velocity,
            linear_acceleration=square * self.linear_acceleration + slope * self.linear_velocity,
            rotation=self.rotation,
            angular_velocity=rate * self.angular_velocity,
            angular_acceleration=square * self.angular_acceleration + slope * self.angular_velocity,
            grippers=self.grippers,
            base_twist=rate * self.base_twist,
        )

    def at_rest(self) -> Motion:
        """Return standing still at this motion's position."""
        return self.paced(0.0, 0.0)


class Trajectory(Protocol):
    """A motion over motion time."""

    def sample(self, motion_s: float) -> Motion:
        """Return the motion at a motion time [s]; rates are per second of motion time."""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """The trajectory of a robot that keeps still."""

    motion: Motion

    def sample(self, motion_s: float) -> Motion:
        """Return the same motion, whenever it is."""
        return self.motion


def at_rest(state: Array) -> Motion:
    """Return standing still at a state (26,)."""
    return Motion(
        linear=state[LINEAR_COLUMNS],
        linear_velocity=np.zeros(9),
        linear_acceleration=np.zeros(9),
        rotation=np.stack(
            [
                rotation.matrix_from_rot6d(state[action_space.ROTATION[side]])
                for side in action_space.SIDES
            ]
        ),
        angular_velocity=np.zeros((2, 3)),
        angular_acceleration=np.zeros((2, 3)),
        grippers=state[GRIPPER_COLUMNS],
        base_twist=np.zeros(3),
    )


def offset_between(old: Motion, new: Motion) -> Array:
    """Return (3, 15): the offset that makes `new` move as `old` does, its rate, its second rate.

    Orientations as rotation vectors v with ``old = exp([v]x) new``, of length pi at most.
    """
    offset = np.empty((3, OFFSET_COLUMNS))
    offset[0, :9] = old.linear - new.linear
    offset[1, :9] = old.linear_velocity - new.linear_velocity
    offset[2, :9] = old.linear_acceleration - new.linear_acceleration
    between = old.rotation @ np.swapaxes(new.rotation, -1, -2)
    vectors = rotation.rotation_vector_from_matrix(between).tolist()
    rates = np.stack([new.angular_velocity, new.angular_acceleration], -1)
    carried = between @ rates  # (2, 3, 2)
    spins = old.angular_velocity - carried[..., 0]
    spin_rates = old.angular_acceleration - carried[..., 1] - _cross(spins, carried[..., 0])
    for arm, columns in enumerate(_TURNS):
        offset[0, columns] = vectors[arm]
        offset[1:, columns] = vector_rates(
            vectors[arm], spins[arm].tolist(), spin_rates[arm].tolist()
        )
    return offset


def shifted(motion: Motion, offset: Array) -> Motion:
    """Return a motion with an offset (3, 15) added, and the offset's rates to its own.

    Grippers and base twist stay: they are commands, not places, and are never blended.
    """
    turns = offset.tolist()
    matrices = np.empty((2, 3, 3))
    spins, spin_rates = [], []
    for arm, columns in enumerate(_TURNS):
        matrices[arm], spin, spin_rate = turned(*(row[columns] for row in turns))
        spins.append(spin)
        spin_rates.append(spin_rate)
    own = np.concatenate(
        [
            motion.rotation,
            motion.angular_velocity[..., None],
            motion.angular_acceleration[..., None],
        ],
        -1,
    )  # (2, 3, 5)
    carried = matrices @ own
    velocity, spinning = carried[..., 3], np.array(spins)
    return Motion(
        linear=motion.linear + offset[0, :9],
        linear_velocity=motion.linear_velocity + offset[1, :9],
        linear_acceleration=motion.linear_acceleration + offset[2, :9],
        rotation=carried[..., :3],
        angular_velocity=velocity + spinning,
        angular_acceleration=carried[..., 4] + np.array(spin_rates) + _cross(spinning, velocity),
        grippers=motion.grippers,
        base_twist=motion.base_twist,
    )


def _cross(first: Array, second: Array) -> Array:
    """Return the cross product of (2, 3) and (2, 3); numpy's own costs ten times as much."""
    (a, b, c), (d, e, f) = first.tolist()
    (x, y, z), (u, v, w) = second.tolist()
    return np.array(
        (
            (b * z - c * y, c * x - a * z, a * y - b * x),
            (e * w - f * v, f * u - d * w, d * v - e * u),
        )
    )
