"""Rotations: matrices, the model's 6-D form, quaternions (x, y, z, w) and rotation vectors.

Everything works on stacks: a leading ``...`` is any batch shape. Matrices are active rotations that
map vectors of the tool frame into the arm's frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_SMALL_ANGLE = 1e-7


def rot6d_from_matrix(matrix: ArrayLike) -> Array:
    """Return the first two ROWS of the matrix, flattened: (..., 3, 3) to (..., 6).

    Wall-OSS takes rows (r00 r01 r02 r10 r11 r12), not the columns of Zhou et al. 2019.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    return matrix[..., :2, :].reshape(*matrix.shape[:-2], 6)


def matrix_from_rot6d(rot6d: ArrayLike) -> Array:
    """Return the rotation nearest in the Gram-Schmidt sense: (..., 6) to (..., 3, 3).

    Raises:
        ValueError: where the two rows are zero, parallel or not finite, so that no rotation is
            meant. A default rotation would move the robot.
    """
    rows = np.asarray(rot6d, dtype=np.float64)
    rows = rows.reshape(*rows.shape[:-1], 2, 3)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        norms = np.linalg.norm(rows, axis=-1, keepdims=True)
        # Unit rows first: the rest of two long, nearly parallel rows would be rounding.
        x, second = np.moveaxis(rows / norms, -2, 0)
        rest = second - np.sum(x * second, axis=-1, keepdims=True) * x
        sine = np.linalg.norm(rest, axis=-1, keepdims=True)
        y = rest / sine
    if not (np.all((norms > 1e-6) & (norms < np.inf)) and np.all(sine > 1e-6)):
        raise ValueError("6-D rotation with zero, parallel or non-finite rows")
    return np.stack([x, y, np.cross(x, y)], axis=-2)


def matrix_from_quaternion(quaternion: ArrayLike) -> Array:
    """Return matrices of unit quaternions (x, y, z, w): (..., 4) to (..., 3, 3)."""
    quaternion = np.asarray(quaternion, dtype=np.float64)
    x, y, z, w = np.moveaxis(quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True), -1, 0)
    rows = [  # of the matrix
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    matrix: Array = np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
    return matrix


def quaternion_from_matrix(matrix: ArrayLike) -> Array:
    """Return unit quaternions (x, y, z, w) with w >= 0: (..., 3, 3) to (..., 4)."""
    matrix = np.asarray(matrix, dtype=np.float64)
    m = matrix.reshape(-1, 3, 3)
    # The four rows of 4 q q^T - I; the row with the largest diagonal is the well-conditioned one.
    trace = m[:, 0, 0] + m[:, 1, 1] + m[:, 2, 2]
    table = np.empty((len(m), 4, 4))
    table[:, 3, 3] = 1 + trace
    for i in range(3):
        table[:, i, i] = 1 + 2 * m[:, i, i] - trace
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        table[:, i, j] = table[:, j, i] = m[:, i, j] + m[:, j, i]
        table[:, k, 3] = table[:, 3, k] = m[:, j, i] - m[:, i, j]
    best = np.argmax(np.diagonal(table, axis1=1, axis2=2), axis=1)
    quaternion = table[np.arange(len(m)), best]
    quaternion /= np.linalg.norm(quaternion, axis=-1, keepdims=True)
    quaternion *= np.where(quaternion[:, 3:] < 0, -1.0, 1.0)
    result: Array = quaternion.reshape(*matrix.shape[:-2], 4)
    return result


def matrix_from_rotation_vector(vector: ArrayLike) -> Array:
    """Return exp([v]x), Rodrigues' formula: (..., 3) [rad] to (..., 3, 3)."""
    vector = np.asarray(vector, dtype=np.float64)
    angle = np.linalg.norm(vector, axis=-1)[..., None]
    small = angle < _SMALL_ANGLE
    safe = np.where(small, 1.0, angle)
    half_sine = np.where(small, 0.5, np.sin(safe / 2) / safe)
    return matrix_from_quaternion(np.concatenate([vector * half_sine, np.cos(angle / 2)], axis=-1))


def rotation_vector_from_matrix(matrix: ArrayLike) -> Array:
    """Return the rotation vector of length at most pi [rad]: (..., 3, 3) to (..., 3)."""
    quaternion = quaternion_from_matrix(matrix)
    axis, w = quaternion[..., :3], quaternion[..., 3:]
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    small = sine < _SMALL_ANGLE
    angle = 2 * np.arctan2(sine, w)
    vector: Array = axis * np.where(small, 2.0, angle / np.where(small, 1.0, sine))
    return vector


def left_jacobian(vector: ArrayLike) -> Array:
    """Return J(v), with which exp([v]x) turns at the angular velocity J(v) dv/dt.

    Args:
        vector: (..., 3) rotation vectors [rad], shorter than a whole turn (J is singular there).

    Returns:
        (..., 3, 3).
    """
    x, y, z = np.moveaxis(np.asarray(vector, dtype=np.float64), -1, 0)
    zero = np.zeros_like(x)
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    cross = np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
    angle = np.sqrt(x * x + y * y + z * z)[..., None, None]
    small = angle < 1e-3  # below it the closed form loses digits that the series keeps
    safe = np.where(small, 1.0, angle)
    first = np.where(small, 0.5 - angle**2 / 24, (1 - np.cos(safe)) / safe**2)
    second = np.where(small, 1 / 6 - angle**2 / 120, (safe - np.sin(safe)) / safe**3)
    jacobian: Array = np.eye(3) + first * cross + second * cross @ cross
    return jacobian


def slerp(start: ArrayLike, end: ArrayLike, fraction: ArrayLike) -> Array:
    """Return the rotation at a fraction of the shortest arc from start to end.

    Args:
        start: (..., 3, 3).
        end: (..., 3, 3).
        fraction: (...), 0 gives start, 1 gives end.
    """
    start = np.asarray(start, dtype=np.float64)
    arc = rotation_vector_from_matrix(np.asarray(end) @ np.swapaxes(start, -1, -2))
    rotation: Array = matrix_from_rotation_vector(np.asarray(fraction)[..., None] * arc) @ start
    return rotation


def matrix_from_rpy(rpy: ArrayLike) -> Array:
    """Return Rz(yaw) Ry(pitch) Rx(roll), the URDF and REP-103 convention: (3,) [rad] to (3, 3)."""
    roll, pitch, yaw = np.asarray(rpy, dtype=np.float64)
    x = matrix_from_rotation_vector([roll, 0, 0])
    y = matrix_from_rotation_vector([0, pitch, 0])
    z = matrix_from_rotation_vector([0, 0, yaw])
    return z @ y @ x
