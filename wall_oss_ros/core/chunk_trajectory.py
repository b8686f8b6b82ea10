"""The rows of a chunk as a smooth motion."""

from __future__ import annotations

import math

import numpy as np

from wall_oss_ros.core import action_space, rotation
from wall_oss_ros.core.chunk import ActionChunk
from wall_oss_ros.core.motion import GRIPPER_COLUMNS, LINEAR_COLUMNS, LINEAR_PART, Motion
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.core.spline import hermite_pieces, natural_spline, powers
from wall_oss_ros.core.turning import turned

# How far from the middle orientation one rotation vector serves for the whole chunk [rad]: its
# Jacobian is singular at a whole turn, and shrinks to 0.3 here.
_WIDEST = 1.5 * math.pi
# Rows farther apart than a quarter turn say little about the way between them.
_WIDEST_STEP_COSINE = 0.0


class ChunkTrajectory:
    """The rows of a chunk as a motion whose position, velocity and acceleration are continuous.

    Numbers follow the natural cubic spline through the rows. So does each tool's rotation vector
    from the orientation in the middle of the chunk, continued the short way from row to row; about
    one axis that is SLERP. Where a tool turns so far that this vector would come near a whole turn
    (or turns more than a quarter turn from one row to the next), each step has a rotation vector of
    its own and angular velocity alone is continuous. Grippers and base twist are those of the row
    in progress: a gripper is never blended and a twist never made up. Parts the chunk does not
    command stay as they were.

    A knot stands one step before the first row, where the chunk's capture time is: on the line
    through the first two rows, not at the measured anchor. A measured pose lags the commanded one,
    and running from it to the first row within one dt would be a jerk at every chunk. Before that
    knot and after the last row the motion goes on along its line; whoever samples there slows down.

    Attributes:
        start_s: motion time of the capture; row i is due at ``start_s + (i + 1) * dt``.
        dt: motion time between rows [s].
        end_s: when the last row used is due.
    """

    def __init__(self, chunk: ActionChunk, before: Motion, rows: int, start_s: float) -> None:
        """Prepare the splines.

        Args:
            chunk: what to follow.
            before: the running motion, for parts the chunk does not command.
            rows: how many rows to use from the start, 1 or more.
            start_s: motion time of the chunk's capture [s].
        """
        self.start_s, self.dt = start_s, chunk.dt
        self.end_s = start_s + rows * chunk.dt
        self._rows = rows
        actions = chunk.actions[:rows]
        idle = [not chunk.commands(part) for part in LINEAR_PART]
        linear = np.where(idle, before.linear, actions[:, LINEAR_COLUMNS])
        # (rows, 4, 15): 9 linear columns and both tools' rotation vectors, each from its base.
        self._pieces = np.zeros((rows, 4, 15))
        self._pieces[..., :9] = natural_spline(_with_start(linear))
        self._bases = np.empty((rows, 2, 3, 3))
        self._grippers = actions[:, GRIPPER_COLUMNS].copy()  # (rows, 2)
        self._base_twist = actions[:, action_space.BASE].copy()  # (rows, 3)
        for arm, side in enumerate(action_space.SIDES):
            if chunk.commands(f"{side}_arm"):
                turns = rotation.matrix_from_rot6d(actions[:, action_space.ROTATION[side]])
                back = turns[0] @ turns[min(1, rows - 1)].T @ turns[0]
                bases, pieces = _turning_pieces(np.concatenate([back[None], turns]))
                self._bases[:, arm], self._pieces[..., 9 + 3 * arm : 12 + 3 * arm] = bases, pieces
            else:
                self._bases[:, arm] = before.rotation[arm]
            if not chunk.commands(f"{side}_gripper"):
                self._grippers[:, arm] = before.grippers[arm]
        if not chunk.commands("base"):
            self._base_twist[:] = 0.0

    def place(self, motion_s: float) -> float:
        """Return the row coordinate of a motion time: i where row i is due, -1 at the capture."""
        return (motion_s - self.start_s) / self.dt - 1.0

    def sample(self, motion_s: float) -> Motion:
        """Return the motion at a motion time [s], rates per second of motion time."""
        along = (motion_s - self.start_s) / self.dt
        row = min(max(int(along), 0), self._rows - 1)
        inside = min(max(along - row, 0.0), 1.0)
        values = powers(inside) @ self._pieces[row]  # (3, 15)
        if along - row != inside:
            values[0] += (along - row - inside) * values[1]
            values[2] = 0.0
        values[1] /= self.dt
        values[2] /= self.dt * self.dt
        numbers = values[:, 9:].tolist()
        left = turned(*(row_[:3] for row_ in numbers))
        right = turned(*(row_[3:] for row_ in numbers))
        return Motion(
            linear=values[0, :9],
            linear_velocity=values[1, :9],
            linear_acceleration=values[2, :9],
            rotation=np.array((left[0], right[0])) @ self._bases[row],
            angular_velocity=np.array((left[1], right[1])),
            angular_acceleration=np.array((left[2], right[2])),
            grippers=self._grippers[row],
            base_twist=self._base_twist[row] if along >= 0.0 else np.zeros(3),
        )


def _with_start(rows: Array) -> Array:
    start = rows[0] if len(rows) == 1 else 2 * rows[0] - rows[1]
    return np.vstack([start, rows])


def _turning_pieces(turns: Array) -> tuple[Array, Array]:
    """Return bases (n, 3, 3) and rotation vector pieces (n, 4, 3) through orientations (n + 1)."""
    step = turns[1:] @ np.swapaxes(turns[:-1], -1, -2)
    middle = turns[len(turns) // 2]
    vectors = _continued(rotation.rotation_vector_from_matrix(turns @ middle.T))
    cosines = (np.trace(step, axis1=1, axis2=2) - 1.0) / 2.0
    if np.linalg.norm(vectors, axis=1).max() < _WIDEST and cosines.min() > _WIDEST_STEP_COSINE:
        return np.broadcast_to(middle, step.shape), natural_spline(vectors)
    arcs = rotation.rotation_vector_from_matrix(step)  # (n, 3), in the outer frame
    spins = np.concatenate([arcs[:1], (arcs[1:] + arcs[:-1]) / 2, arcs[-1:]])
    jacobians = rotation.left_jacobian(arcs)
    arriving = np.linalg.solve(jacobians, spins[1:, :, None])[..., 0]
    return turns[:-1], hermite_pieces(arcs, spins[:-1], arriving)


def _continued(vectors: Array) -> Array:
    """Return rotation vectors (n, 3) of the same rotations without jumps by a whole turn."""
    if len(vectors) < 2 or np.abs(np.diff(vectors, axis=0)).max() < 1.0:
        return vectors
    continued = vectors.copy()
    middle = len(vectors) // 2
    for indices in (range(middle + 1, len(vectors)), range(middle - 1, -1, -1)):
        last = continued[middle]
        for index in indices:
            last = continued[index] = _nearest(continued[index], last)
    return continued


def _nearest(vector: Array, to: Array) -> Array:
    """Return the vector of the same rotation that is nearest to another vector."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-9:
        return vector
    axis: Array = vector / angle
    whole = round((float(axis @ to) - angle) / (2 * math.pi))
    nearest: Array = (angle + 2 * math.pi * whole) * axis
    return nearest
