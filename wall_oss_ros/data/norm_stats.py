"""Normalisation statistics of a dataset, as Wall-OSS training reads them (`norm_stats.json`).

The model's action rows are relative to the state of the observation that a chunk is made from, so
the statistics are those of whole chunks of rows, not of the dataset's absolute actions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wall_oss_ros.core import action_space
from wall_oss_ros.core.relative import relative_actions
from wall_oss_ros.core.rotation import Array

# More chunks change a quantile by less than its own uncertainty, and need memory.
_MOST_CHUNKS = 20_000
_QUANTILES = {"q01": 0.01, "q99": 0.99}


def norm_stats(episodes: Sequence[tuple[Array, Array]], horizon: int) -> dict[str, Any]:
    """Return what `norm_stats.json` holds.

    Args:
        episodes: per episode states (n, 26) and absolute actions (n, 26).
        horizon: rows of a chunk.

    Returns:
        ``{"norm_stats": {"action": {...}, "observation.state": {...}}}``, each with mean, std, min,
        max, q01 and q99 of the 26 dimensions.
    """
    chunks = sum(len(states) for states, _ in episodes)
    every = max(1, -(-chunks // _MOST_CHUNKS))
    rows = [
        relative_actions(actions[start : start + horizon], states[start])
        for states, actions in episodes
        for start in range(0, len(states), every)
    ]
    return {
        "norm_stats": {
            "action": _summary(np.concatenate(rows)),
            "observation.state": _summary(np.concatenate([states for states, _ in episodes])),
        }
    }


def still_dimensions(stats: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the action dimensions that never change: the model learns nothing about them."""
    action = stats["norm_stats"]["action"]
    return tuple(
        name
        for name, low, high in zip(dimension_names(), action["q01"], action["q99"], strict=True)
        if low == high
    )


def dimension_names() -> tuple[str, ...]:
    """Return a name per column of the action space, e.g. "follow_left_gripper"."""
    return tuple(
        field.name if field.size == 1 else f"{field.name}_{index}"
        for field in action_space.FIELDS
        for index in range(field.size)
    )


def _summary(values: Array) -> dict[str, list[float]]:
    return {
        "mean": values.mean(axis=0).tolist(),
        "std": values.std(axis=0).tolist(),
        "min": values.min(axis=0).tolist(),
        "max": values.max(axis=0).tolist(),
        **{name: np.quantile(values, at, axis=0).tolist() for name, at in _QUANTILES.items()},
    }
