"""The robot's intended motion at one instant, and the trajectories it is sampled from.

A trajectory answers `sample(now_ns)` with position and velocity of everything. There are two: a
chunk's rows, and a stop; the timeline joins them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from wall_oss_ros.core import action_space, rotation
from wall_oss_ros.core.chunk import NANOSECONDS, ActionChunk
from wall_oss_ros.core.rotation import Array

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


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Everything the robot is meant to do at one instant.

    Attributes:
        linear: (9,) left tool xyz, right tool xyz [m], lift [m], pan, tilt [rad].
        linear_velocity: (9,) its rate of change.
        rotation: (2, 3, 3) tool orientations, left and right.
        angular_velocity: (2, 3) their angular velocity in the arm's frame [rad/s].
        grippers: (2,) the model's gripper numbers, left and right.
        base_twist: (3,) vx, vy [m/s], wz [rad/s].
    """

    linear: Array
    linear_velocity: Array
    rotation: Array
    angular_velocity: Array
    grippers: Array
    base_twist: Array


class Trajectory(Protocol):
    """A motion over time."""

    def sample(self, now_ns: int) -> Motion:
        """Return the motion at a time."""


def at_rest(state: Array) -> Motion:
    """Return standing still at a state (26,)."""
    return Motion(
        linear=state[LINEAR_COLUMNS],
        linear_velocity=np.zeros(9),
        rotation=np.stack(
            [
                rotation.matrix_from_rot6d(state[action_space.ROTATION[side]])
                for side in action_space.SIDES
            ]
        ),
        angular_velocity=np.zeros((2, 3)),
        grippers=state[GRIPPER_COLUMNS],
        base_twist=np.zeros(3),
    )


def _with_start(rows: Array) -> Array:
    """Put a knot at the chunk's stamp in front, one step before the first row.

    Not the measured anchor: a measured pose lags the commanded one, and running from it to the
    first row within one dt would be a jerk at every chunk.
    """
    start = rows[0] if len(rows) == 1 else 2 * rows[0] - rows[1]
    return np.vstack([start, rows])


class ChunkTrajectory:
    """The rows of a chunk as a smooth motion.

    Numbers follow a cubic Hermite spline through the rows with central-difference tangents
    (Catmull-Rom), so position and velocity are continuous; orientations turn along the shortest
    arc between rows (SLERP). Grippers and base twist take the row in progress as it is: a gripper
    is never blended and a twist never extrapolated. Parts the chunk does not command stay as they
    were.
    """

    def __init__(self, chunk: ActionChunk, before: Motion, rows: int) -> None:
        """Prepare the spline.

        Args:
            chunk: what to follow.
            before: the running motion, for parts the chunk does not command.
            rows: how many rows to use from the start.
        """
        self._stamp_ns = chunk.stamp_ns
        self._dt = chunk.dt
        self._rows = rows
        actions = chunk.actions[:rows]
        self._linear = _with_start(actions[:, LINEAR_COLUMNS])  # (rows + 1, 9)
        orientation = np.stack(
            [
                rotation.matrix_from_rot6d(actions[:, action_space.ROTATION[side]])
                for side in action_space.SIDES
            ],
            axis=1,
        )  # (rows, 2, 3, 3)
        back = orientation[:1] if rows == 1 else orientation[1:2]
        start = orientation[:1] @ np.swapaxes(back, -1, -2) @ orientation[:1]
        self._rotation = np.concatenate([start, orientation])  # (rows + 1, 2, 3, 3)
        self._grippers = actions[:, GRIPPER_COLUMNS].copy()  # (rows, 2)
        self._base = actions[:, action_space.BASE].copy()  # (rows, 3)
        self._keep_uncommanded(chunk, before)
        self._tangent = np.gradient(self._linear, self._dt, axis=0)
        self._arc = rotation.rotation_vector_from_matrix(
            self._rotation[1:] @ np.swapaxes(self._rotation[:-1], -1, -2)
        )  # (rows, 2, 3)
        self.end_ns = chunk.due_ns(rows - 1)

    def _keep_uncommanded(self, chunk: ActionChunk, before: Motion) -> None:
        idle = [not chunk.commands(part) for part in LINEAR_PART]
        self._linear = np.where(idle, before.linear, self._linear)
        for index, side in enumerate(action_space.SIDES):
            if not chunk.commands(f"{side}_arm"):
                self._rotation[:, index] = before.rotation[index]
            if not chunk.commands(f"{side}_gripper"):
                self._grippers[:, index] = before.grippers[index]
        if not chunk.commands("base"):
            self._base[:] = 0.0

    def sample(self, now_ns: int) -> Motion:
        """Return the motion; before the first knot and after the last row, those hold."""
        # Judged in whole nanoseconds: row_time at the end is off by a rounding.
        inside = self._stamp_ns <= now_ns <= self.end_ns
        row_time = (now_ns - self._stamp_ns) / NANOSECONDS / self._dt
        row_time = min(max(row_time, 0.0), float(self._rows))
        row = min(int(row_time), self._rows - 1)
        u = row_time - row
        p0, p1 = self._linear[row], self._linear[row + 1]
        m0, m1 = self._tangent[row] * self._dt, self._tangent[row + 1] * self._dt
        linear = (
            (2 * u**3 - 3 * u**2 + 1) * p0
            + (u**3 - 2 * u**2 + u) * m0
            + (3 * u**2 - 2 * u**3) * p1
            + (u**3 - u**2) * m1
        )
        velocity = (
            (6 * u**2 - 6 * u) * (p0 - p1) + (3 * u**2 - 4 * u + 1) * m0 + (3 * u**2 - 2 * u) * m1
        ) / self._dt
        turned = rotation.matrix_from_rotation_vector(u * self._arc[row])
        return Motion(
            linear=linear,
            linear_velocity=velocity if inside else np.zeros(9),
            rotation=turned @ self._rotation[row],
            angular_velocity=self._arc[row] / self._dt if inside else np.zeros((2, 3)),
            grippers=self._grippers[row],
            base_twist=self._base[row] if inside else np.zeros(3),
        )


class StopTrajectory:
    """Come to rest from a motion, each part in its own way.

    Arms, lift and head slow down evenly along their last velocity and hold; the base ramps to zero;
    grippers keep what they hold.
    """

    def __init__(self, start_ns: int, start: Motion, duration_s: float) -> None:
        self._start_ns = start_ns
        self._start = start
        self._duration_s = duration_s

    def sample(self, now_ns: int) -> Motion:
        """Return the motion; at rest once the duration has passed."""
        start, duration = self._start, self._duration_s
        elapsed = min(max((now_ns - self._start_ns) / NANOSECONDS, 0.0), duration)
        remaining = 1.0 - elapsed / duration
        covered = elapsed * (1.0 + remaining) / 2.0  # integral of the falling speed
        return Motion(
            linear=start.linear + covered * start.linear_velocity,
            linear_velocity=remaining * start.linear_velocity,
            rotation=rotation.matrix_from_rotation_vector(covered * start.angular_velocity)
            @ start.rotation,
            angular_velocity=remaining * start.angular_velocity,
            grippers=start.grippers,
            base_twist=remaining * start.base_twist,
        )
