"""The table of episodes of a dataset: where each one's frames are, and its own statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from numpy.typing import NDArray

from wall_oss_ros.data.dataset_format import EPISODES_PATH, DatasetFormat, file_indexes
from wall_oss_ros.data.dataset_statistics import STATISTICS, vector_statistics
from wall_oss_ros.data.episode_shard import Shard
from wall_oss_ros.data.rolling_parquet import RollingParquet
from wall_oss_ros.data.video_files import VideoPlace

# A row is some kB of statistics, so these files stay far below the 100 MB of the data files.
EPISODES_PER_FILE: Final = 1000


def episode_row(
    fmt: DatasetFormat,
    shard: Shard,
    number: int,
    begin: int,
    place: Mapping[str, int],
    videos: Mapping[str, VideoPlace],
    frames: Mapping[str, NDArray[Any]],
) -> dict[str, Any]:
    """Return the row of an episode.

    Args:
        fmt: of the dataset.
        shard: the episode.
        number: of the episode.
        begin: number of its first frame in the dataset.
        place: "chunk_index" and "file_index" of its data.
        videos: where its pictures are, by camera.
        frames: (N, D) by vector key, (N,) by counter.
    """
    row: dict[str, Any] = {
        "episode_index": number,
        "tasks": [shard.task],
        "length": shard.length,
        **{f"data/{key}": value for key, value in place.items()},
        "dataset_from_index": begin,
        "dataset_to_index": begin + shard.length,
    }
    for camera, video in videos.items():
        for key, value in file_indexes(video.file).items():
            row[f"videos/{camera}/{key}"] = value
        end = video.first_frame + shard.length
        row[f"videos/{camera}/from_timestamp"] = video.first_frame / fmt.fps
        row[f"videos/{camera}/to_timestamp"] = end / fmt.fps
    found = dict(shard.statistics) | {key: vector_statistics(frames[key]) for key in fmt.counters}
    for feature, statistics in found.items():
        for name in STATISTICS:
            row[f"stats/{feature}/{name}"] = statistics[name]
    for key, value in file_indexes(number // EPISODES_PER_FILE).items():
        row[f"meta/episodes/{key}"] = value
    return row


def write_episode_rows(root: Path, fmt: DatasetFormat, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows of all episodes, in their order.

    Raises:
        OSError: if the disk takes no more.
    """
    schema = _schema(fmt)
    # A new file for each table, whatever its size.
    with RollingParquet(root, EPISODES_PATH, schema, most_bytes=0) as file:
        for first in range(0, len(rows), EPISODES_PER_FILE):
            part = list(rows[first : first + EPISODES_PER_FILE])
            file.write(pa.Table.from_pylist(part, schema=schema))


def _schema(fmt: DatasetFormat) -> pa.Schema:
    columns: dict[str, pa.DataType] = {
        "episode_index": pa.int64(),
        "tasks": pa.list_(pa.string()),
        "length": pa.int64(),
        "data/chunk_index": pa.int64(),
        "data/file_index": pa.int64(),
        "dataset_from_index": pa.int64(),
        "dataset_to_index": pa.int64(),
    }
    for camera in fmt.cameras:
        columns[f"videos/{camera}/chunk_index"] = pa.int64()
        columns[f"videos/{camera}/file_index"] = pa.int64()
        columns[f"videos/{camera}/from_timestamp"] = pa.float64()
        columns[f"videos/{camera}/to_timestamp"] = pa.float64()
    numbers = pa.list_(pa.float64())
    for feature in [*fmt.cameras, *fmt.vectors, *fmt.counters]:
        nested = pa.list_(pa.list_(numbers)) if feature in fmt.cameras else numbers
        for name in STATISTICS:
            kind = pa.list_(pa.int64()) if name == "count" else nested
            columns[f"stats/{feature}/{name}"] = kind
    columns["meta/episodes/chunk_index"] = pa.int64()
    columns["meta/episodes/file_index"] = pa.int64()
    return pa.schema(list(columns.items()))
