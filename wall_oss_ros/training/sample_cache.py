"""Samples kept on the disk, so that a training that goes on need not decode all videos again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

from wall_oss_ros.data.dataset_format import INFO_FILE
from wall_oss_ros.data.dataset_reader import Dataset
from wall_oss_ros.model.config import ModelConfig
from wall_oss_ros.training.samples import Samples, load_samples

_FORMAT = 6
_TENSORS = ("pictures", "states", "chunks", "rows", "age", "end", "task", "subtask")
_TEXTS = ("cameras", "tasks", "subtasks")


def cached_samples(
    folder: Path,
    dataset: Dataset,
    episodes: Sequence[int],
    config: ModelConfig,
    progress: Callable[[int], None] = lambda frames: None,
) -> Samples:
    """Return `load_samples` of the same arguments, from a file if they were read before.

    Args:
        folder: for the files; made where it is missing. They may be deleted at any time.
        dataset: see there.
        episodes: see there.
        config: see there.
        progress: see there; not called where the file is there.

    Raises:
        DatasetError: as `load_samples`.
    """
    file = folder / f"samples-{_digest(dataset, episodes, config)}.safetensors"
    if not file.is_file():
        samples = load_samples(dataset, episodes, config, progress)
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {name: getattr(samples, name) for name in _TENSORS}
        if samples.truth is not None:
            tensors["truth"] = samples.truth
        about = {name: json.dumps(getattr(samples, name)) for name in _TEXTS}
        partial = file.with_suffix(".partial")
        save_file(tensors, partial, metadata=about)
        partial.replace(file)
        return samples
    with safe_open(str(file), framework="pt") as stored:
        about = stored.metadata()
        # Copied, for what is mapped from a file is read from the disk again and again where memory
        # is short, and batches draw their frames from everywhere.
        found = {name: stored.get_tensor(name).clone() for name in stored.keys()}
    return Samples(
        cameras=tuple(json.loads(about["cameras"])),
        tasks=tuple(json.loads(about["tasks"])),
        subtasks=tuple(json.loads(about["subtasks"])),
        truth=found.pop("truth", None),
        **found,
    )


def _digest(dataset: Dataset, episodes: Sequence[int], config: ModelConfig) -> str:
    """Return a name that other episodes, a changed dataset, or other sizes do not have."""
    written = (dataset.root / INFO_FILE).stat().st_mtime_ns
    about = [_FORMAT, str(dataset.root), written, list(episodes), list(config.cameras)]
    about += [config.resolution, config.vision.factor, config.horizon]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:12]
