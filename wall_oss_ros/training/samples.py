"""A dataset in memory as training reads it: pictures at the model's size, chunks, prompts.

The chunk of frame t is the actions of t, t + 1, ... relative to the state of t. Behind the end of
an episode the last action holds, as the robot does when its rows run out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wall_oss_ros.core.errors import DatasetError, choices
from wall_oss_ros.core.relative import relative_actions
from wall_oss_ros.data.dataset_reader import Dataset
from wall_oss_ros.data.training_config import (
    ACTION_KEY,
    DISTURBED_KEY,
    GROUND_TRUTH_KEY,
    IMAGE_PREFIX,
    STATE_KEY,
)
from wall_oss_ros.model.config import ModelConfig
from wall_oss_ros.model.images import grid, resize
from wall_oss_ros.training.truth import says_where, truth_units


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Frames of some episodes; N frames, C cameras, H rows.

    Attributes:
        cameras: the model's names of the pictures, in the order of the prompt.
        pictures: (N, C, h, w, 3) uint8.
        states: (N, 26) float32, absolute.
        chunks: (N, H, 26) float32, relative to the state of their frame.
        rows: (N,) how many rows of a chunk nothing disturbed, 0 to H.
        age: (N,) how many frames before it in its episode have such rows.
        end: (N,) which frame a chunk ends at, the last of its episode where that is earlier.
        tasks: texts.
        task: (N,) which of them a frame is of.
        subtasks: texts of what is to be done next; empty where the dataset does not say.
        subtask: (N,) which of them a frame is of; zeros where there are none.
        truth: (N, n) float32 where the named object is and what else a simulator knows of it, in
            units that count alike; x, y and z first. None where the dataset does not say.
    """

    cameras: tuple[str, ...]
    pictures: Tensor
    states: Tensor
    chunks: Tensor
    rows: Tensor
    age: Tensor
    end: Tensor
    tasks: tuple[str, ...]
    task: Tensor
    subtasks: tuple[str, ...]
    subtask: Tensor
    truth: Tensor | None

    def __len__(self) -> int:
        return len(self.states)

    @property
    def grids(self) -> tuple[tuple[int, int], ...]:
        """Height and width of every camera's pictures [px]."""
        height, width = self.pictures.shape[2:4]
        return ((height, width),) * len(self.cameras)


def load_samples(
    dataset: Dataset,
    episodes: Sequence[int],
    config: ModelConfig,
    progress: Callable[[int], None] = lambda frames: None,
) -> Samples:
    """Read and resize all frames of some episodes.

    Args:
        dataset: with state, action and pictures of one size in the layout of `core.action_space`.
        episodes: their numbers.
        config: of the model: the size of its pictures, rows of a chunk.
        progress: called with the number of frames that are new.

    Raises:
        DatasetError: if the dataset lacks something, its actions are relative, or its pictures are
            of several sizes.
    """
    _check(dataset, config)
    cameras = _cameras(dataset, config)
    states, chunks, rows, ages, ends, truths = [], [], [], [], [], []
    total = 0
    tasks, subtasks = [], []
    for number in episodes:
        vectors = dataset.vectors(number)
        states.append(torch.from_numpy(vectors[STATE_KEY].copy()))
        chunks.append(_chunks(vectors[STATE_KEY], vectors[ACTION_KEY], config.horizon))
        rows.append(undisturbed(vectors, config.horizon))
        ages.append((rows[-1] > 0).cumsum(0) - (rows[-1] > 0).long())
        frames = torch.arange(total, total + len(states[-1]))
        total += len(frames)
        ends.append((frames + config.horizon).clamp(max=total - 1))
        tasks += [dataset.tasks.index(task) for task in dataset.tasks_of_frames(number)]
        if dataset.subtasks:
            steps = dataset.subtasks_of_frames(number)
            subtasks += [dataset.subtasks.index(step) for step in steps]
        if says_where(dataset):
            truths.append(torch.from_numpy(vectors[GROUND_TRUTH_KEY] / truth_units(dataset)))
    if not states:
        raise DatasetError(f"{dataset.root}: no episodes to read")
    pictures = _pictures(dataset, episodes, cameras, config, progress)
    return Samples(
        cameras=tuple(key.removeprefix(IMAGE_PREFIX) for key in cameras),
        pictures=pictures,
        states=torch.cat(states),
        chunks=torch.cat(chunks),
        rows=torch.cat(rows),
        age=torch.cat(ages),
        end=torch.cat(ends),
        tasks=dataset.tasks,
        task=torch.tensor(tasks),
        subtasks=dataset.subtasks,
        subtask=torch.tensor(subtasks) if subtasks else torch.zeros(len(tasks), dtype=torch.long),
        truth=torch.cat(truths) if truths else None,
    )


def _pictures(
    dataset: Dataset,
    episodes: Sequence[int],
    cameras: Sequence[str],
    config: ModelConfig,
    progress: Callable[[int], None],
) -> Tensor:
    """Return (N, C, h, w, 3) the pictures of some episodes at the model's size."""
    lengths = [dataset.episodes[number].length for number in episodes]
    shape = _shape(dataset, cameras, config)
    pictures = torch.empty((sum(lengths), len(cameras), *shape), dtype=torch.uint8)

    def read(number: int, places: Tensor) -> None:
        for place, frame in zip(places, dataset.frames(number, cameras), strict=True):
            for index, key in enumerate(cameras):
                place[index] = resize(
                    frame.images[key], config.resolution, config.vision.factor, key
                )
            progress(1)

    # Decoding and resizing let other threads run.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        reading = [
            pool.submit(read, number, places)
            for number, places in zip(episodes, pictures.split(lengths), strict=True)
        ]
        try:
            for each in reading:
                each.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return pictures


def _shape(dataset: Dataset, cameras: Sequence[str], config: ModelConfig) -> tuple[int, ...]:
    """Return the shape that the pictures of all cameras come to.

    Raises:
        DatasetError: where it is not one.
    """
    found: dict[str, tuple[int, ...]] = {}
    for key in cameras:
        blank = np.zeros((*dataset.format.cameras[key], 3), np.uint8)
        found[key] = tuple(resize(blank, config.resolution, config.vision.factor, key).shape)
    first = found[cameras[0]]
    for key, shape in found.items():
        if shape != first:
            raise DatasetError(
                f"{dataset.root}: '{key}' comes to {shape} px, the first camera to {first}; "
                "training takes one size"
            )
    return first


def _chunks(states: NDArray[np.float32], actions: NDArray[np.float32], horizon: int) -> Tensor:
    """Return (n, H, 26) relative rows of every frame."""
    last = len(actions) - 1
    rows = [
        relative_actions(actions[np.minimum(np.arange(t, t + horizon), last)], states[t])
        for t in range(len(actions))
    ]
    return torch.from_numpy(np.stack(rows).astype(np.float32))


def undisturbed(vectors: Mapping[str, NDArray[np.float32]], horizon: int) -> Tensor:
    """Return (n,) how many frames from each on nothing disturbed, up to a horizon.

    Behind the last frame nothing does.

    Args:
        vectors: (n, ...) of an episode, by feature; without the mark nothing was disturbed.
        horizon: rows of a chunk.
    """
    total = len(vectors[STATE_KEY])
    if DISTURBED_KEY not in vectors:
        return torch.full((total,), horizon)
    disturbed = np.flatnonzero(vectors[DISTURBED_KEY].ravel())
    ends = np.append(disturbed, total - 1 + horizon)
    frames = np.arange(total)
    return torch.from_numpy(np.minimum(ends[np.searchsorted(ends, frames)] - frames, horizon))


def _check(dataset: Dataset, config: ModelConfig) -> None:
    vectors = dataset.format.vectors
    for key, width in ((STATE_KEY, config.state_dim), (ACTION_KEY, config.action_dim)):
        if key not in vectors or len(vectors[key]) != width:
            got = f"{len(vectors[key])} numbers" if key in vectors else choices(vectors)
            raise DatasetError(
                f"{dataset.root}: '{key}' of {width} numbers expected, got {got}; "
                "export it with wall-oss export, or collect it with wall-oss collect"
            )


def _cameras(dataset: Dataset, config: ModelConfig) -> list[str]:
    """Return the features of the pictures that the model sees, in its order."""
    there = dataset.format.cameras
    wanted = [IMAGE_PREFIX + name for name in config.cameras]
    wanted = wanted or [key for key in there if key.startswith(IMAGE_PREFIX)]
    missing = [key for key in wanted if key not in there]
    if missing or not wanted:
        raise DatasetError(
            f"{dataset.root} has the pictures {choices(there)}; the model sees "
            f"{choices(wanted) if wanted else 'those called ' + IMAGE_PREFIX + '...'}"
        )
    return wanted


def patch_grids(samples: Samples, config: ModelConfig, batch: int) -> tuple[Any, ...]:
    """Return the grid of patches of every picture of a batch, picture by picture."""
    patch = config.vision.patch_size
    return tuple(grid(h, w, patch) for h, w in samples.grids) * batch
