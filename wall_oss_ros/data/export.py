"""Episodes to one dataset: in parallel, resumable, and there only when it is whole."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wall_oss_ros.core.contract import parse_contract
from wall_oss_ros.core.errors import DatasetError
from wall_oss_ros.core.relative import absolute_actions
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.data.bag_metadata import read_record
from wall_oss_ros.data.dataset_writer import TRAIN, WrittenDataset, write_dataset
from wall_oss_ros.data.episode_shard import Shard, read_shard
from wall_oss_ros.data.export_episode import ExportedEpisode, ExportSettings, export_episode
from wall_oss_ros.data.norm_stats import norm_stats, still_dimensions
from wall_oss_ros.data.shard_pool import count_frames, in_processes
from wall_oss_ros.data.training_config import (
    ACTION_KEY,
    IMAGE_PREFIX,
    STATE_KEY,
    training_config,
)

VALIDATION = "val"
NORM_STATS_FILE, CONFIG_FILE = "norm_stats.json", "wall_oss.yml"


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export made.

    Attributes:
        dataset: what is on the disk.
        episodes: what became of each bag, in the order given.
        still: action dimensions that never change in the data.
    """

    dataset: WrittenDataset
    episodes: tuple[ExportedEpisode, ...]
    still: tuple[str, ...]


def export(
    bags: Sequence[Path],
    final: Path,
    settings: ExportSettings,
    *,
    workers: int,
    validation: float,
    rng: np.random.Generator,
    progress: Callable[[int, int], None] = lambda frames, episodes: None,
) -> Exported:
    """Make a dataset of episodes.

    Shards of an export that was interrupted are used again if bags and settings are the same.

    Args:
        bags: folders of the episodes.
        final: folder of the dataset, which must not be there.
        settings: what it is made of.
        workers: processes.
        validation: share of the episodes that go to the split "val", 0 to below 1.
        rng: chooses them.
        progress: called now and then with frames and episodes that are done.

    Raises:
        EpisodeError: if one cannot be used. Nothing has the final name then.
        DatasetError: if the target is there or cannot be written to.
    """
    if final.exists():
        raise DatasetError(f"{final} exists already; choose another folder, or delete it")
    work = final.parent / f".{final.name}.shards"
    episodes = _make_shards(bags, work, settings, workers, progress)
    folders = [
        work / _key(bag, settings) / name
        for bag, episode in zip(bags, episodes, strict=True)
        for name in episode.shards
    ]
    shards = [read_shard(folder) for folder in folders]
    first = shards[0].format
    for folder, shard in zip(folders, shards, strict=True):
        if shard.format != first:
            raise DatasetError(
                f"{shard.source['bag']} has frames of another kind than {shards[0].source['bag']}: "
                f"{shard.format} and {first}; export them to datasets of their own ({folder})"
            )
    horizon = _horizon(bags[0])
    stats = norm_stats([_absolute(shard) for shard in shards], horizon)
    parts = frozenset(part for episode in episodes for part in episode.parts)
    cameras = {key: key.removeprefix(IMAGE_PREFIX) for key in first.cameras}
    resolution = max(max(size) for size in first.cameras.values())
    extra = {
        NORM_STATS_FILE: json.dumps(stats, indent=1),
        CONFIG_FILE: training_config(str(final), cameras, parts, horizon, resolution),
    }
    splits = _splits(len(shards), validation, rng)
    dataset = write_dataset(final, first, folders, splits=splits, extra_files=extra)
    shutil.rmtree(work, ignore_errors=True)
    return Exported(dataset, tuple(episodes), still_dimensions(stats))


def _make_shards(
    bags: Sequence[Path],
    work: Path,
    settings: ExportSettings,
    workers: int,
    progress: Callable[[int, int], None],
) -> list[ExportedEpisode]:
    places = [(bag, work / _key(bag, settings)) for bag in bags]
    if min(workers, len(bags)) == 1:
        return _one_by_one(places, settings, progress)
    jobs = [(bag, folder, settings, None) for bag, folder in places]
    return in_processes(_work, jobs, workers, progress)


def _one_by_one(
    places: Sequence[tuple[Path, Path]],
    settings: ExportSettings,
    progress: Callable[[int, int], None],
) -> list[ExportedEpisode]:
    made: list[ExportedEpisode] = []
    count = 0

    def more(frames: int) -> None:
        nonlocal count
        count += frames
        progress(count, len(made))

    for bag, folder in places:
        made.append(_work(bag, folder, settings, more))
    progress(count, len(made))
    return made


def _work(
    bag: Path,
    folder: Path,
    settings: ExportSettings,
    progress: Callable[[int], None] | None,
) -> ExportedEpisode:
    try:
        return export_episode(bag, folder, settings, progress or count_frames)
    except OSError as error:
        raise DatasetError(f"cannot write to {folder}: {error.strerror or error}") from None


def _key(bag: Path, settings: ExportSettings) -> str:
    """Return a name that another bag, a changed bag, or other settings do not have."""
    about: dict[str, Any] = {"bag": str(bag), "settings": asdict(settings)}
    about["files"] = sorted(
        (file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in bag.iterdir()
    )
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    return f"{bag.name}_{digest[:12]}"


def _horizon(bag: Path) -> int:
    return parse_contract(read_record(bag).provenance.contract, str(bag)).action.horizon


def _absolute(shard: Shard) -> tuple[Array, Array]:
    states = shard.vector(STATE_KEY).astype(np.float64)
    actions = shard.vector(ACTION_KEY).astype(np.float64)
    if shard.source["actions"] == "relative":
        rows = zip(actions, states, strict=True)
        actions = np.concatenate([absolute_actions(row[None], state) for row, state in rows])
    return states, actions


def _splits(count: int, share: float, rng: np.random.Generator) -> dict[str, list[int]]:
    if not 0.0 <= share < 1.0:
        raise DatasetError(f"share for validation: got {share}; expected 0 to below 1")
    held = sorted(rng.permutation(count)[: round(share * count)].tolist())
    if share > 0.0 and not 0 < len(held) < count:
        raise DatasetError(
            f"{count} episodes with {share:.0%} for validation leave {len(held)} there and "
            f"{count - len(held)} for training; record more, or leave the validation out"
        )
    splits = {TRAIN: [place for place in range(count) if place not in held]}
    return splits | ({VALIDATION: held} if held else {})
