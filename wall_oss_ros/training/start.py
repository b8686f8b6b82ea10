"""What training starts from: a small model of random weights, or a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from wall_oss_ros.core import action_space
from wall_oss_ros.core.errors import CheckpointError, DatasetError, choices
from wall_oss_ros.data.dataset_reader import Dataset
from wall_oss_ros.data.export import NORM_STATS_FILE
from wall_oss_ros.data.training_config import IMAGE_PREFIX, dof_config
from wall_oss_ros.model import WallOssModel
from wall_oss_ros.model.normalizer import Normalizers
from wall_oss_ros.model.random_weights import random_model
from wall_oss_ros.model.tokenizer import Tokenizer
from wall_oss_ros.training.sizes import SIZES, for_tokenizer
from wall_oss_ros.training.vocabulary import write_vocabulary


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """A model that is ready to be trained.

    Attributes:
        model: with the statistics of the data as its only ones, gradients on.
        tokenizer: its words.
        folder: where the tokenizer's files are.
        key: of the statistics.
    """

    model: WallOssModel
    tokenizer: Tokenizer
    folder: Path
    key: str


def from_scratch(
    dataset: Dataset,
    size: str,
    cameras: Sequence[str],
    output: Path,
    key: str,
    seed: int,
    action_tokens: int = 0,
    has_words: bool = False,
) -> Start:
    """Return a model of random weights; its vocabulary is trained on the dataset's instructions.

    Args:
        dataset: with `norm_stats.json`.
        size: key of SIZES.
        cameras: the model's names of the pictures it shall see; none for all of the dataset.
        output: folder of the checkpoint, for the vocabulary; made where it is missing.
        key: of the statistics, as robots will ask for them.
        seed: of the weights.
        action_tokens: how many discrete action tokens there shall be.
        has_words: whether the vocabulary is in the folder already, of another process or of the
            training that goes on.

    Raises:
        CheckpointError: for an unknown size.
        DatasetError: if statistics or a camera are missing.
    """
    if size not in SIZES:
        raise CheckpointError(f"unknown size '{size}'; valid: {choices(SIZES)}")
    there = [camera.removeprefix(IMAGE_PREFIX) for camera in dataset.format.cameras]
    missing = [camera for camera in cameras if camera not in there]
    if missing:
        raise DatasetError(f"{dataset.root} has no {choices(missing)}; it has {choices(there)}")
    cameras = tuple(cameras) or tuple(there)
    if not has_words:
        output.mkdir(parents=True, exist_ok=True)
        write_vocabulary(output, (*dataset.tasks, *dataset.subtasks), cameras)
    tokenizer = Tokenizer.load(output)
    stats = _statistics(dataset)
    config = replace(
        for_tokenizer(SIZES[size], tokenizer, action_tokens),
        cameras=cameras,
        dof_config=dof_config(_moving(stats["action"]), relative=True),
        agent_pos_config=dof_config(action_space.PARTS, relative=False),
    )
    model = random_model(config, seed=seed)
    model.normalizers = _normalizers(stats, key)
    return Start(_trainable(model), tokenizer, output, key)


def from_checkpoint(
    dataset: Dataset, folder: Path, key: str, dtype: torch.dtype, cameras: Sequence[str]
) -> Start:
    """Return the model of a checkpoint, with the statistics of the dataset.

    Args:
        dataset: with `norm_stats.json`.
        folder: of the checkpoint.
        key: of the statistics, as robots will ask for them.
        dtype: of the large matrices.
        cameras: the model's names of the pictures it shall see; none for what the checkpoint says.

    Raises:
        CheckpointError: if the checkpoint cannot be loaded.
        DatasetError: if statistics are missing.
    """
    model = WallOssModel.from_pretrained(folder, dtype=dtype)
    if cameras:
        model.config = replace(model.config, cameras=tuple(cameras))
    model.normalizers = _normalizers(_statistics(dataset), key)
    return Start(_trainable(model), Tokenizer.load(folder), folder, key)


def _trainable(model: WallOssModel) -> WallOssModel:
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    return model.train()


def _statistics(dataset: Dataset) -> Mapping[str, Mapping[str, Sequence[float]]]:
    """Return the content of the dataset's statistics: "action" and "observation.state"."""
    file = dataset.root / NORM_STATS_FILE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))["norm_stats"]
        for name in ("action", "observation.state"):
            if len(content[name]["q01"]) != len(content[name]["q99"]):
                raise DatasetError(f"{file}: {name} has unequally many q01 and q99")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{file} cannot be used: {error!r}; wall-oss export and wall-oss collect write it"
        ) from None
    statistics: Mapping[str, Mapping[str, Sequence[float]]] = content
    return statistics


def _normalizers(stats: Mapping[str, Mapping[str, Sequence[float]]], key: str) -> Normalizers:
    def bounds(name: str) -> tuple[np.ndarray, np.ndarray]:
        low, high = (np.array(stats[name][at], np.float64) for at in ("q01", "q99"))
        return low, high - low

    return Normalizers.of(
        {"action": {key: bounds("action")}, "state": {key: bounds("observation.state")}}
    )


def _moving(action: Mapping[str, Sequence[float]]) -> frozenset[str]:
    """Return the parts that move in the data; nothing is learnt about the others."""
    moves = np.array(action["q99"]) > np.array(action["q01"])
    return frozenset(
        field.part for field in action_space.FIELDS if bool(moves[field.columns].any())
    )
