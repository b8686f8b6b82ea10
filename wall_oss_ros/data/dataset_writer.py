"""Puts shards together to a LeRobot v3.0 dataset, which has its final name only when it is whole.

Nothing is
encoded here: the shards' videos are joined as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wall_oss_ros.core.errors import DatasetError, first_line
from wall_oss_ros.data.dataset_format import (
    CODEBASE_VERSION,
    DATA_FILE_MB,
    DATA_PATH,
    FILES_PER_CHUNK,
    INFO_FILE,
    STATISTICS_FILE,
    SUBTASK_INDEX,
    SUBTASKS_FILE,
    TASKS_FILE,
    VIDEO_FILE_MB,
    VIDEO_PATH,
    DatasetFormat,
    file_indexes,
    tasks_table,
)
from wall_oss_ros.data.dataset_statistics import PictureHistogram, vector_statistics
from wall_oss_ros.data.durable import new_folder
from wall_oss_ros.data.episode_shard import Shard, read_shard
from wall_oss_ros.data.episode_table import episode_row, write_episode_rows
from wall_oss_ros.data.rolling_parquet import RollingParquet
from wall_oss_ros.data.video_files import VideoLimits, VideoPlace, join_videos, share_files

TRAIN = "train"
# Not part of the format: where each episode came from. Readers of LeRobot's leave it alone.
SOURCES_FILE = Path("meta/sources.json")
_DATA_FILE_BYTES = DATA_FILE_MB * 10**6
_VIDEO_LIMITS = VideoLimits()


@dataclass(frozen=True, slots=True)
class WrittenDataset:
    """What a dataset holds.

    Attributes:
        root: its folder.
        episodes: how many.
        frames: how many, of all episodes.
        tasks: texts, by their number.
        splits: first episode and the one after the last, by name.
    """

    root: Path
    episodes: int
    frames: int
    tasks: tuple[str, ...]
    splits: Mapping[str, tuple[int, int]]


def write_dataset(
    final: Path,
    fmt: DatasetFormat,
    shards: Sequence[Path],
    *,
    splits: Mapping[str, Sequence[int]] | None = None,
    data_file_bytes: int = _DATA_FILE_BYTES,
    video_limits: VideoLimits = _VIDEO_LIMITS,
    extra_files: Mapping[str, str] | None = None,
) -> WrittenDataset:
    """Write a dataset of whole shards. The vectors of all are held in memory once.

    Args:
        final: folder of the dataset, which must not be there.
        fmt: what every frame holds; every shard must say the same.
        shards: folders of the episodes.
        splits: places in `shards` by name of the split, each place in one split. Episodes are
            numbered split by split, "train" first. Without it all are "train".
        data_file_bytes: a data file gets no further episode that would make it larger.
        video_limits: likewise of videos.
        extra_files: texts by name, put into the dataset's folder.

    Raises:
        DatasetError: if the target is there or cannot be written to, a shard is incomplete or of
            another format or codec, or the splits do not divide the shards. Nothing is left then.
    """
    ranges, order = _numbering(splits or {TRAIN: range(len(shards))}, len(shards))
    episodes = [read_shard(shards[place]) for place in order]
    _check_same(episodes, fmt)
    try:
        with new_folder(final) as partial:
            videos = _write_videos(partial, fmt, episodes, video_limits)
            tasks = _fill(partial, fmt, episodes, ranges, videos, data_file_bytes)
            for name, text in (extra_files or {}).items():
                (partial / name).write_text(text, encoding="utf-8")
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"cannot write {final}: {first_line(error)}") from None
    frames = sum(episode.length for episode in episodes)
    return WrittenDataset(final, len(episodes), frames, tasks, ranges)


def _fill(
    root: Path,
    fmt: DatasetFormat,
    episodes: Sequence[Shard],
    ranges: Mapping[str, tuple[int, int]],
    videos: Mapping[str, Sequence[VideoPlace]],
    data_file_bytes: int,
) -> tuple[str, ...]:
    """Write everything but the videos, and return the tasks."""
    tasks: dict[str, int] = {}
    subtasks: dict[str, int] = {}
    rows: list[dict[str, Any]] = []
    columns: dict[str, list[NDArray[Any]]] = {key: [] for key in [*fmt.vectors, *fmt.counters]}
    begin = 0
    with RollingParquet(root, DATA_PATH, fmt.data_schema(), data_file_bytes) as data:
        for number, shard in enumerate(episodes):
            task = tasks.setdefault(shard.task, len(tasks))
            frames = {key: shard.vector(key) for key in fmt.vectors}
            frames |= _counters(fmt, number, begin, shard.length, task)
            if fmt.subtasks:
                numbers = [subtasks.setdefault(each, len(subtasks)) for each in shard.subtasks]
                frames[SUBTASK_INDEX] = np.array(numbers)
            place = data.write(fmt.data_table(frames))
            seen = {camera: places[number] for camera, places in videos.items()}
            rows.append(episode_row(fmt, shard, number, begin, place, seen, frames))
            for key, values in frames.items():
                columns[key].append(values)
            begin += shard.length
    write_episode_rows(root, fmt, rows)
    pq.write_table(tasks_table(list(tasks)), root / TASKS_FILE)
    if fmt.subtasks:
        pq.write_table(tasks_table(list(subtasks), "subtask"), root / SUBTASKS_FILE)
    _write_json(root / STATISTICS_FILE, _statistics(fmt, episodes, columns))
    _write_json(
        root / SOURCES_FILE,
        [{"episode_index": n, "source": dict(shard.source)} for n, shard in enumerate(episodes)],
    )
    info = {
        "codebase_version": CODEBASE_VERSION,
        "robot_type": fmt.robot_type,
        "total_episodes": len(episodes),
        "total_frames": begin,
        "total_tasks": len(tasks),
        "chunks_size": FILES_PER_CHUNK,
        "data_files_size_in_mb": DATA_FILE_MB,
        "video_files_size_in_mb": VIDEO_FILE_MB,
        "fps": fmt.fps,
        "splits": {name: f"{first}:{end}" for name, (first, end) in ranges.items()},
        "data_path": DATA_PATH,
        "video_path": VIDEO_PATH,
        "features": fmt.features(episodes[0].codec.name),
    }
    _write_json(root / INFO_FILE, info)
    return tuple(tasks)


def _write_videos(
    root: Path, fmt: DatasetFormat, episodes: Sequence[Shard], limits: VideoLimits
) -> dict[str, list[VideoPlace]]:
    """Write the videos, and return where each episode is, by camera."""
    lengths = [shard.length for shard in episodes]
    found = {}
    for camera in fmt.cameras:
        videos = [shard.video(camera) for shard in episodes]
        sizes = [video.stat().st_size for video in videos]
        places = found[camera] = share_files(lengths, sizes, fmt.fps, limits)
        parts: dict[int, list[Path]] = {}
        for place, video in zip(places, videos, strict=True):
            parts.setdefault(place.file, []).append(video)
        for number, files in parts.items():
            name = VIDEO_PATH.format(video_key=camera, **file_indexes(number))
            join_videos(files, root / name, fmt.fps)
    return found


def _counters(
    fmt: DatasetFormat, number: int, begin: int, length: int, task: int
) -> dict[str, NDArray[Any]]:
    return {
        "timestamp": fmt.timestamps(length),
        "frame_index": np.arange(length),
        "episode_index": np.full(length, number),
        "index": np.arange(begin, begin + length),
        "task_index": np.full(length, task),
    }


def _statistics(
    fmt: DatasetFormat, episodes: Sequence[Shard], columns: dict[str, list[NDArray[Any]]]
) -> dict[str, Any]:
    """Return the statistics of all frames; of pictures, of all that the shards counted."""
    found: dict[str, Any] = {
        camera: PictureHistogram.total(
            [shard.histograms[camera] for shard in episodes]
        ).statistics()
        for camera in fmt.cameras
    }
    for key, values in columns.items():
        found[key] = vector_statistics(np.concatenate(values))
    return found


def _numbering(
    splits: Mapping[str, Sequence[int]], count: int
) -> tuple[dict[str, tuple[int, int]], list[int]]:
    """Return the episodes of each split, and the place of the shard of each episode."""
    order: list[int] = []
    ranges: dict[str, tuple[int, int]] = {}
    # Whatever else there is keeps its order.
    for name in sorted(splits, key=lambda name: name != TRAIN):
        if splits[name]:
            ranges[name] = len(order), len(order) + len(splits[name])
            order += splits[name]
    if TRAIN not in ranges:
        raise DatasetError("a dataset without episodes to train on; give shards to 'train'")
    if sorted(order) != list(range(count)):
        raise DatasetError(
            f"splits hold shards {sorted(order)}; expected each of 0 to {count - 1} once"
        )
    return ranges, order


def _check_same(episodes: Sequence[Shard], fmt: DatasetFormat) -> None:
    for shard in episodes:
        if shard.format != fmt:
            raise DatasetError(
                f"{shard.folder} holds {shard.format}; expected {fmt}. Make the shard again"
            )
        if shard.codec != episodes[0].codec:
            raise DatasetError(
                f"{shard.folder} was encoded with {shard.codec}, {episodes[0].folder} with "
                f"{episodes[0].codec}; make all shards with the same codec"
            )


def _write_json(file: Path, content: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=2), encoding="utf-8")
