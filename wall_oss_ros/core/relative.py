"""Relative action rows to absolute ones and back.

Convention of the Wall-OSS code (stated in `action_space`): positions differ in the arm's frame,
without rotation into the tool; rotations multiply from the left; gripper, base, lift and head are
absolute. The reference of every row is the state of the observation the chunk was made from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from wall_oss_ros.core import action_space, rotation
from wall_oss_ros.core.rotation import Array


def absolute_actions(relative: ArrayLike, anchor: ArrayLike) -> Array:
    """Compose relative rows with the anchor.

    Args:
        relative: (H, 26), poses relative to the anchor.
        anchor: (26,), absolute state.

    Returns:
        (H, 26), poses absolute in the arms' frames; rotations are exact, so a model's 6-D numbers
        that are not quite orthonormal come back orthonormal.

    Raises:
        ValueError: if a 6-D rotation means no rotation.
    """
    relative, anchor = np.asarray(relative, np.float64), np.asarray(anchor, np.float64)
    absolute = relative.copy()
    for side in action_space.SIDES:
        position, rot6d = action_space.POSITION[side], action_space.ROTATION[side]
        absolute[:, position] += anchor[position]
        turn = rotation.matrix_from_rot6d(relative[:, rot6d])  # (H, 3, 3)
        reference = rotation.matrix_from_rot6d(anchor[rot6d])  # (3, 3)
        absolute[:, rot6d] = rotation.rot6d_from_matrix(turn @ reference)
    return absolute


def relative_actions(absolute: ArrayLike, anchor: ArrayLike) -> Array:
    """Undo `absolute_actions`: (H, 26) and (26,) to (H, 26)."""
    absolute, anchor = np.asarray(absolute, np.float64), np.asarray(anchor, np.float64)
    relative = absolute.copy()
    for side in action_space.SIDES:
        position, rot6d = action_space.POSITION[side], action_space.ROTATION[side]
        relative[:, position] -= anchor[position]
        target = rotation.matrix_from_rot6d(absolute[:, rot6d])
        reference = rotation.matrix_from_rot6d(anchor[rot6d])
        relative[:, rot6d] = rotation.rot6d_from_matrix(target @ reference.T)
    return relative


def neutral_row() -> Array:
    """Return the relative row (26,) that moves no arm; zero for what is absolute."""
    row = np.zeros(action_space.ACTION_DIM)
    for side in action_space.SIDES:
        row[action_space.ROTATION[side]] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    return row
