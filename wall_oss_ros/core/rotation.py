"""Rotations: matrices, the model's 6-D form, quaternions (x, y, z, w) and rotation vectors.

Everything works on stacks: a leading ``...`` is any batch shape. Matrices are active rotations that
map vectors of the tool frame into the arm's frame.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

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
    return _each(_matrix_of_quaternion, quaternion, (4,), (3, 3))


def quaternion_from_matrix(matrix: ArrayLike) -> Array:
    """Return unit quaternions (x, y, z, w) with w >= 0: (..., 3, 3) to (..., 4)."""
    return _each(_quaternion_of_matrix, matrix, (3, 3), (4,))


def matrix_from_rotation_vector(vector: ArrayLike) -> Array:
    """Return exp([v]x), Rodrigues' formula: (..., 3) [rad] to (..., 3, 3)."""
    return _each(_matrix_of_vector, vector, (3,), (3, 3))


def rotation_vector_from_matrix(matrix: ArrayLike) -> Array:
    """Return the rotation vector of length at most pi [rad]: (..., 3, 3) to (..., 3)."""
    return _each(_vector_of_matrix, matrix, (3, 3), (3,))


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


def _each(
    convert: Callable[..., Sequence[float]],
    stack: ArrayLike,
    shape: tuple[int, ...],
    result: tuple[int, ...],
) -> Array:
    """Convert a stack one by one.

    Plain floats: the control loops convert one or two rotations at a time, where array operations
    cost fifty times the arithmetic; up to some dozens this is the faster way.
    """
    array = np.asarray(stack, dtype=np.float64)
    batch = array.shape[: array.ndim - len(shape)]
    if array.shape != batch + shape:
        raise ValueError(f"shape {array.shape}, expected (..., {', '.join(map(str, shape))})")
    rows = array.reshape(-1, math.prod(shape)).tolist()
    converted = np.array([convert(*row) for row in rows], dtype=np.float64)
    return converted.reshape(batch + result)


def _matrix_of_quaternion(x: float, y: float, z: float, w: float) -> Sequence[float]:
    norm = math.sqrt(x * x + y * y + z * z + w * w)
    x, y, z, w = x / norm, y / norm, z / norm, w / norm
    return (
        1 - 2 * (y * y + z * z),
        2 * (x * y - z * w),
        2 * (x * z + y * w),
        2 * (x * y + z * w),
        1 - 2 * (x * x + z * z),
        2 * (y * z - x * w),
        2 * (x * z - y * w),
        2 * (y * z + x * w),
        1 - 2 * (x * x + y * y),
    )


def _quaternion_of_matrix(
    a: float, b: float, c: float, d: float, e: float, f: float, g: float, h: float, i: float
) -> Sequence[float]:
    """Shepperd 1978: start from the largest of the four squares, which is well conditioned."""
    squares = (1 + a - e - i, 1 - a + e - i, 1 - a - e + i, 1 + a + e + i)
    largest = squares.index(max(squares))
    if largest == 3:
        x, y, z, w = h - f, c - g, d - b, squares[3]
    elif largest == 0:
        x, y, z, w = squares[0], b + d, c + g, h - f
    elif largest == 1:
        x, y, z, w = b + d, squares[1], f + h, c - g
    else:
        x, y, z, w = c + g, f + h, squares[2], d - b
    norm = math.copysign(math.sqrt(x * x + y * y + z * z + w * w), w)
    return x / norm, y / norm, z / norm, w / norm


def _matrix_of_vector(x: float, y: float, z: float) -> Sequence[float]:
    angle = math.sqrt(x * x + y * y + z * z)
    half = 0.5 if angle < _SMALL_ANGLE else math.sin(angle / 2) / angle
    return _matrix_of_quaternion(x * half, y * half, z * half, math.cos(angle / 2))


def _vector_of_matrix(*entries: float) -> Sequence[float]:
    x, y, z, w = _quaternion_of_matrix(*entries)
    sine = math.sqrt(x * x + y * y + z * z)
    scale = 2.0 if sine < _SMALL_ANGLE else 2 * math.atan2(sine, w) / sine
    return x * scale, y * scale, z * scale
