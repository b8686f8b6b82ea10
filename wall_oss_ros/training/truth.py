"""Where the named object is: what a simulator knows and a dataset may say, as a teacher.

Robots do not know it, and a policy is never shown it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wall_oss_ros.core import action_space
from wall_oss_ros.core.rotation import matrix_from_rot6d
from wall_oss_ros.data.dataset_reader import Dataset
from wall_oss_ros.data.training_config import GROUND_TRUTH_KEY

# Places, whose names end so, are in metres; this much counts as much as 1 of what has no unit.
_PLACES, _PLACE_M = ("_x", "_y", "_z"), 0.05
# Further off than so many of them, as a tool sees it, is only "that way".
_FAR = 6.0


def says_where(dataset: Dataset) -> bool:
    """Return whether the truth begins with a place; other simulators write other things there."""
    names = dataset.format.vectors.get(GROUND_TRUTH_KEY, ())[: len(_PLACES)]
    return [name[-2:] for name in names] == [*_PLACES]


def truth_units(dataset: Dataset) -> NDArray[np.float32]:
    """Return (n,) how much of each number of the truth counts as one."""
    names = dataset.format.vectors[GROUND_TRUTH_KEY]
    return np.array([_PLACE_M if name.endswith(_PLACES) else 1.0 for name in names], np.float32)


def seen_from_tools(states: Tensor, truth: Tensor) -> Tensor:
    """Return (N, 6) where the named object is in the frame of the left and of the right tool.

    In units of _PLACE_M, to _FAR of them: what is further off lies just that way. A camera at the
    wrist sees this directly, where the place in the robot's frame takes the arm's pose besides.

    Args:
        states: (N, 26) absolute.
        truth: (N, n) that begins with x, y and z in the frame of the tools' poses, in its units.
    """
    poses = states.numpy().astype(np.float64)
    target = truth[:, :3].numpy() * _PLACE_M
    found = []
    for side in action_space.SIDES:
        rotation = matrix_from_rot6d(poses[:, action_space.ROTATION[side]])
        away = target - poses[:, action_space.POSITION[side]]
        found.append(np.einsum("nij,ni->nj", rotation, away) / _PLACE_M)
    places = np.concatenate(found, axis=1).clip(-_FAR, _FAR)
    return torch.from_numpy(places.astype(np.float32))
