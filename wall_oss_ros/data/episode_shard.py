"""One episode of a dataset in a folder of its own, so that many processes can make them at once.

A shard holds an MP4 file per camera, the vectors, and `shard.json`, which is written last: a folder
without it is no shard. An interrupted export goes on with the shards that it finds. They are made
by `shard_writer`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core.errors import DatasetError
from wall_oss_ros.data.dataset_format import DatasetFormat
from wall_oss_ros.data.dataset_info import format_of, item, read_json
from wall_oss_ros.data.dataset_statistics import PictureHistogram
from wall_oss_ros.data.video import VideoCodec

SHARD_FILE: Final = "shard.json"
VECTORS_FILE: Final = "vectors.npz"
# A feature may be called as an argument of numpy's writer is.
VECTOR_PREFIX: Final = "vector."
SHARD_FORMAT: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """A whole episode on the disk.

    Attributes:
        folder: where it is.
        format: what its frames hold.
        codec: of its videos.
        length: its number of frames.
        task: what the robot was told.
        subtasks: what was to be done next at each frame, where the format has that; else empty.
        source: where it came from, texts by name.
        statistics: of each feature of the format, see `dataset_statistics`.
        histograms: of the pictures that were counted, by camera.
    """

    folder: Path
    format: DatasetFormat
    codec: VideoCodec
    length: int
    task: str
    subtasks: tuple[str, ...]
    source: Mapping[str, str]
    statistics: Mapping[str, Mapping[str, Any]]
    histograms: Mapping[str, PictureHistogram]

    def video(self, camera: str) -> Path:
        """Return the MP4 file of a camera."""
        return self.folder / video_name(camera)

    def vector(self, key: str) -> NDArray[np.float32]:
        """Return a vector of all frames, (length, D).

        Raises:
            DatasetError: if the file is damaged, or holds something else.
        """
        file = self.folder / VECTORS_FILE
        try:
            # A shard may come from anybody: numbers only, nothing that runs when it is read.
            with np.load(file, allow_pickle=False) as stored:
                values: NDArray[np.float32] = stored[VECTOR_PREFIX + key]
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise DatasetError(
                f"{file}: '{key}' cannot be read: {error}; make the shard again"
            ) from None
        shape = (self.length, len(self.format.vectors[key]))
        if values.shape != shape or values.dtype != np.float32:
            raise DatasetError(
                f"{file}: '{key}' is {values.dtype} {values.shape}; expected float32 {shape}. "
                "Make the shard again"
            )
        return values


def has_shard(folder: Path) -> bool:
    """Return whether a folder holds a whole shard, without reading it."""
    return (folder / SHARD_FILE).is_file()


def read_shard(folder: Path) -> Shard:
    """Return what is known about a whole shard; its frames stay on the disk.

    Raises:
        DatasetError: if the shard is incomplete or damaged, or of another version.
    """
    file = folder / SHARD_FILE
    if not file.is_file():
        raise DatasetError(f"{folder} holds no whole shard: no {SHARD_FILE}; make it again")
    content = read_json(file)
    if content.get("shard_format") != SHARD_FORMAT:
        raise DatasetError(
            f"{file}: shard_format is {content.get('shard_format')!r}; expected {SHARD_FORMAT}. "
            "Delete the folder and make the shard again"
        )
    for name, size in item(content, "bytes", dict, file).items():
        path = folder / name
        found = path.stat().st_size if path.is_file() else None
        if found != size:
            raise DatasetError(
                f"{path}: {'missing' if found is None else f'{found} bytes'}; expected {size} "
                f"bytes. Delete {folder} and make the shard again"
            )
    codec = item(content, "codec", dict, file)
    fmt, length = format_of(content, file), item(content, "length", int, file)
    subtasks = tuple(item(content, "subtasks", list, file)) if fmt.subtasks else ()
    if fmt.subtasks and len(subtasks) != length:
        raise DatasetError(
            f"{file}: {len(subtasks)} subtasks for {length} frames; make the shard again"
        )
    return Shard(
        folder=folder,
        format=fmt,
        codec=VideoCodec(item(codec, "name", str, file), item(codec, "crf", int, file)),
        length=length,
        task=item(content, "task", str, file),
        subtasks=subtasks,
        source=item(content, "source", dict, file),
        statistics=item(content, "statistics", dict, file),
        histograms={
            key: PictureHistogram(np.array(found["counts"], np.int64), found["pictures"])
            for key, found in item(content, "histograms", dict, file).items()
        },
    )


def video_name(camera: str) -> str:
    """Return the name of a camera's file in a shard."""
    return f"{camera}.mp4"
