"""Which numbers of a checkpoint's action and state are which, and whether this suite speaks them.

The suite has one table of 26 columns (`core.action_space`). A checkpoint may know fewer parts (the
rest is ``action_padding``), but those it knows must be where the table has them: another order, or
absolute poses, would move the robot wrongly without any other sign.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core import action_space
from wall_oss_ros.core.errors import ModelError
from wall_oss_ros.model.config import ModelConfig

PADDING = "action_padding"


def follower_key(key: str) -> str:
    """Return a key by its follower's name; the leader's side of a teleoperation means the same."""
    return key.replace("master_", "follow_")


def columns_of(keys: Mapping[str, int]) -> dict[str, slice]:
    """Return the columns of each key of a ``dof_config`` or ``agent_pos_config``."""
    columns, start = {}, 0
    for key, size in keys.items():
        columns[key] = slice(start, start + size)
        start += size
    return columns


def known_columns(config: ModelConfig) -> NDArray[np.bool_]:
    """Return (26,) which action columns the checkpoint was trained on.

    A configuration without ``dof_config``, as the published one may be, is taken to know all.

    Raises:
        ModelError: for another width, order or meaning of the columns of action or state.
    """
    if config.action_dim != action_space.ACTION_DIM:
        raise ModelError(
            f"the checkpoint gives {config.action_dim} numbers per row; this suite drives robots "
            f"by {action_space.ACTION_DIM} (relative end-effector poses, as Wall-OSS-0.5)"
        )
    if config.state_dim != action_space.ACTION_DIM:
        raise ModelError(
            f"the checkpoint reads a state of {config.state_dim} numbers; "
            f"expected {action_space.ACTION_DIM}"
        )
    states = {field.name: field.columns for field in action_space.FIELDS}
    _ordered(config.agent_pos_config, "state", states)
    if not config.dof_config:
        return np.ones(action_space.ACTION_DIM, dtype=np.bool_)
    actions = {field.action_key: field.columns for field in action_space.FIELDS}
    return _ordered(config.dof_config, "action", actions)


def _ordered(
    keys: Mapping[str, int], kind: str, expected: Mapping[str, slice]
) -> NDArray[np.bool_]:
    """Return (26,) which columns the keys name, each where it is expected."""
    known = np.zeros(action_space.ACTION_DIM, dtype=np.bool_)
    for key, columns in columns_of(keys).items():
        if key == PADDING:
            continue
        if expected.get(follower_key(key)) != columns:
            raise ModelError(
                f"the checkpoint's {kind} columns {columns.start} to {columns.stop - 1} are "
                f"'{key}'; expected {_named(columns.start, expected)} there. Fine-tune with the "
                "order of core/action_space.py, relative poses and 6-D rotations"
            )
        known[columns] = True
    return known


def _named(column: int, expected: Mapping[str, slice]) -> str:
    for key, columns in expected.items():
        if columns.start <= column < columns.stop:
            return f"'{key}' from column {columns.start}"
    return "nothing"
