"""Many demonstrations to one dataset: in parallel, resumable, and there only when it is whole."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from wall_oss_ros.collection.episode import Collector, CollectSettings, glances_of
from wall_oss_ros.core.action_space import FIELDS
from wall_oss_ros.core.contract import RobotContract, load_contract
from wall_oss_ros.core.errors import DatasetError
from wall_oss_ros.data.dataset_writer import TRAIN, WrittenDataset, write_dataset
from wall_oss_ros.data.episode_shard import has_shard, read_shard
from wall_oss_ros.data.export import CONFIG_FILE, NORM_STATS_FILE, VALIDATION
from wall_oss_ros.data.norm_stats import norm_stats, still_dimensions
from wall_oss_ros.data.shard_pool import count_frames, in_processes
from wall_oss_ros.data.training_config import ACTION_KEY, IMAGE_PREFIX, STATE_KEY, training_config

_FAILED = "failed"  # a file of this name: this seed's expert failed, do not try again


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection made.

    Attributes:
        dataset: what is on the disk.
        failed: seeds for which the expert did not finish the task; they are left out.
        still: action dimensions that never change in the data.
    """

    dataset: WrittenDataset
    failed: tuple[int, ...]
    still: tuple[str, ...]


def collect(
    robot: Path,
    final: Path,
    settings: CollectSettings,
    *,
    seeds: range,
    workers: int,
    validation: float,
    progress: Callable[[int, int], None] = lambda frames, episodes: None,
) -> Collected:
    """Make a dataset of demonstrations, one per seed.

    What an interrupted call has made is used again if robot and settings are the same.

    Args:
        robot: file of its contract.
        final: folder of the dataset, which must not be there.
        settings: what they are like.
        seeds: one per episode.
        workers: processes.
        validation: share of the episodes, the last ones, for the split "val"; 0 to below 1.
        progress: called now and then with frames made now and episodes that are done.

    Raises:
        DatasetError: if the target is there or cannot be written to, a camera is unknown, or
            nothing succeeded.
        ContractError: if the contract is wrong.
        SimulationError: if the simulator cannot be built or drawn.
    """
    contract = load_contract(robot)
    if final.exists():
        raise DatasetError(f"{final} exists already; choose another folder, or delete it")
    if not 0.0 <= validation < 1.0:
        raise DatasetError(f"share for validation: got {validation}; expected 0 to below 1")
    work = final.parent / f".{final.name}.shards"
    key = _key(contract, settings)
    places = {seed: work / f"{seed}_{key}" for seed in seeds}
    _make_shards(robot, settings, places, workers, progress)
    failed = tuple(seed for seed, place in places.items() if not has_shard(place))
    done = [place for seed, place in places.items() if seed not in failed]
    if not done:
        raise DatasetError(f"the expert finished none of {len(places)} episodes")
    shards = [read_shard(folder) for folder in done]
    rows = [
        (shard.vector(STATE_KEY).astype(np.float64), shard.vector(ACTION_KEY).astype(np.float64))
        for shard in shards
    ]
    stats = norm_stats(rows, contract.action.horizon)
    still = still_dimensions(stats)
    fmt = shards[0].format
    cameras = {camera: camera.removeprefix(IMAGE_PREFIX) for camera in fmt.cameras}
    extra = {
        NORM_STATS_FILE: json.dumps(stats, indent=1),
        CONFIG_FILE: training_config(
            str(final), cameras, _moving(still), contract.action.horizon, settings.image_size
        ),
    }
    held = round(validation * len(done))
    first, last = (
        _with_glances(each) for each in (done[: len(done) - held], done[len(done) - held :])
    )
    folders = first + last
    splits = {TRAIN: range(len(first))}
    if held:
        splits[VALIDATION] = range(len(first), len(folders))
    dataset = write_dataset(final, fmt, folders, splits=splits, extra_files=extra)
    shutil.rmtree(work, ignore_errors=True)
    return Collected(dataset, failed, still)


def _with_glances(demonstrations: Sequence[Path]) -> list[Path]:
    """Return the shards of demonstrations, each with its glances behind it where there are some."""
    both = [(shard, glances_of(shard)) for shard in demonstrations]
    return [folder for pair in both for folder in pair if has_shard(folder)]


def _moving(still: tuple[str, ...]) -> frozenset[str]:
    """Return the parts that move in the data."""
    return frozenset(
        field.part
        for field in FIELDS
        if not all(_name(field.name, index, field.size) in still for index in range(field.size))
    )


def _name(field: str, index: int, size: int) -> str:
    return field if size == 1 else f"{field}_{index}"


def _key(contract: RobotContract, settings: CollectSettings) -> str:
    """Return a name that another robot or other settings do not have."""
    about = json.dumps([contract.schema_hash, asdict(settings)], sort_keys=True)
    return hashlib.sha256(about.encode()).hexdigest()[:12]


def _make_shards(
    robot: Path,
    settings: CollectSettings,
    places: dict[int, Path],
    workers: int,
    progress: Callable[[int, int], None],
) -> None:
    wanted = {
        seed: place
        for seed, place in places.items()
        if not has_shard(place) and not (place / _FAILED).is_file()
    }
    if not wanted:
        return
    there = len(places) - len(wanted)
    in_processes(
        _work,
        list(wanted.items()),
        workers,
        lambda frames, done: progress(frames, there + done),
        begin=_begin,
        given=(robot, settings),
    )


_worker: list[Collector] = []


def _begin(robot: Path, settings: CollectSettings) -> None:
    _worker.append(Collector(load_contract(robot), settings))


def _work(seed: int, place: Path) -> None:
    try:
        if not _worker[0].collect(seed, place, count_frames):
            place.mkdir(parents=True, exist_ok=True)
            (place / _FAILED).touch()
    except OSError as error:
        raise DatasetError(f"cannot write to {place}: {error.strerror or error}") from None
