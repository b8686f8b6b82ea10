"""States and absolute actions of one episode of a dataset, checked to be what they claim."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wall_oss_ros.core import action_space
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import DatasetError
from wall_oss_ros.core.relative import absolute_actions
from wall_oss_ros.core.rotation import Array, matrix_from_rot6d, rot6d_from_matrix
from wall_oss_ros.data.dataset_reader import Dataset
from wall_oss_ros.data.norm_stats import dimension_names
from wall_oss_ros.data.training_config import ACTION_KEY, STATE_KEY

# Six numbers that miss the nearest rotation by more are another convention, or damaged.
_NO_ROTATION = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class EpisodeRows:
    """One episode in the layout of `core.action_space`.

    Attributes:
        states: (n, 26) what was measured.
        actions: (n, 26) absolute, where the robot was sent by the time of the next frame.
    """

    states: Array
    actions: Array


def episode_rows(
    dataset: Dataset, episode: int, contract: RobotContract, *, relative: bool
) -> EpisodeRows:
    """Return the rows of an episode.

    Args:
        dataset: one that `dataset_fit.camera_keys` accepted.
        episode: its number.
        contract: the robot.
        relative: whether actions are relative to their own frame's state.

    Raises:
        DatasetError: if they cannot be read, a number is not finite, a rotation is none, a part
            that the robot lacks moves, or actions are not what `relative` says.
    """
    where = f"{dataset.root}, episode {episode}"
    vectors = dataset.vectors(episode)
    states, actions = (vectors[key].astype(np.float64) for key in (STATE_KEY, ACTION_KEY))
    for key, rows in ((STATE_KEY, states), (ACTION_KEY, actions)):
        _check_rows(rows, contract, f"{where}: '{key}'")
    if not relative and _look_relative(states, actions):
        raise DatasetError(
            f"{where}: actions are taken as absolute, as meta/sources.json says nothing else, but "
            "lie around the origin while the tools do not, as rows relative to the state do: give "
            "that file an entry with 'actions': 'relative' for each episode"
        )
    if relative:
        pairs = zip(actions, states, strict=True)
        actions = np.concatenate([absolute_actions(row[None], state) for row, state in pairs])
    return EpisodeRows(states, actions)


def _check_rows(rows: Array, contract: RobotContract, where: str) -> None:
    names = dimension_names()
    wrong = np.argwhere(~np.isfinite(rows))
    if len(wrong):
        frame, column = wrong[0]
        raise DatasetError(
            f"{where}: '{names[column]}' of frame {frame} is {rows[frame, column]}; expected a "
            "finite number: leave the episode out with --episodes"
        )
    for field in action_space.FIELDS:
        if field.part not in contract.commanded_parts and rows[:, field.columns].any():
            raise DatasetError(
                f"{where}: '{field.name}' is not 0, but '{contract.name}' has no {field.part}: "
                "choose the contract of the robot that was recorded with --robot"
            )
    for side, columns in action_space.ROTATION.items():
        for frame, rot6d in enumerate(rows[:, columns]):
            if not _is_rotation(rot6d):
                raise DatasetError(
                    f"{where}: the {side} tool's rotation of frame {frame}, {rot6d.tolist()}, is "
                    "none; expected the first two rows of a rotation matrix"
                )


def _is_rotation(rot6d: Array) -> bool:
    try:
        nearest = rot6d_from_matrix(matrix_from_rot6d(rot6d))
    except ValueError:
        return False
    return bool(np.abs(nearest - rot6d).max() <= _NO_ROTATION)


def _look_relative(states: Array, actions: Array) -> bool:
    """Return whether every tool's actions lie nearer to the origin than to where the tool is."""
    columns = action_space.POSITION.values()
    ways = [np.linalg.norm(actions[:, c] - states[:, c], axis=1) for c in columns]
    sizes = [np.linalg.norm(actions[:, c], axis=1) for c in columns]
    pairs = zip(sizes, ways, strict=True)
    return all(float(np.median(size)) < float(np.median(way)) for size, way in pairs)
