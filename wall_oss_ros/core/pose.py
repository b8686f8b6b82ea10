"""A rigid pose. Nothing here knows which frame it is in; whoever holds it says so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from wall_oss_ros.core import rotation
from wall_oss_ros.core.rotation import Array


def frozen_array(values: ArrayLike, shape: tuple[int, ...] | None = None) -> Array:
    """Return a read-only float64 copy.

    Raises:
        ValueError: if `shape` is given and differs.
    """
    array = np.array(values, dtype=np.float64)
    if shape is not None and array.shape != shape:
        raise ValueError(f"shape {array.shape}, expected {shape}")
    array.setflags(write=False)
    return array


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """Position (3,) [m] and rotation matrix (3, 3), read-only."""

    position: Array
    rotation: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "position", frozen_array(self.position, (3,)))
        object.__setattr__(self, "rotation", frozen_array(self.rotation, (3, 3)))

    @staticmethod
    def from_quaternion(position: ArrayLike, quaternion: ArrayLike) -> Pose:
        """Return the pose of a position (3,) [m] and a unit quaternion (x, y, z, w)."""
        return Pose(np.asarray(position), rotation.matrix_from_quaternion(quaternion))

    @property
    def quaternion(self) -> Array:
        """Unit quaternion (x, y, z, w) with w >= 0."""
        return rotation.quaternion_from_matrix(self.rotation)

    def compose(self, other: Pose) -> Pose:
        """Return self * other: `other` given in this pose's frame, expressed in the outer one."""
        return Pose(self.position + self.rotation @ other.position, self.rotation @ other.rotation)

    def inverse(self) -> Pose:
        """Return the pose of the outer frame in this one."""
        return Pose(-self.rotation.T @ self.position, self.rotation.T)

    def distance(self, other: Pose) -> tuple[float, float]:
        """Return distance [m] and angle [rad] to another pose."""
        turn = rotation.rotation_vector_from_matrix(other.rotation @ self.rotation.T)
        return float(np.linalg.norm(other.position - self.position)), float(np.linalg.norm(turn))
