"""Makes the shard of one episode: encodes pictures as they come, and says last that it is whole."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core.errors import DatasetError, choices
from wall_oss_ros.data.dataset_format import DatasetFormat
from wall_oss_ros.data.dataset_statistics import PictureHistogram, vector_statistics
from wall_oss_ros.data.durable import sync, write_whole
from wall_oss_ros.data.episode_shard import (
    SHARD_FILE,
    SHARD_FORMAT,
    VECTOR_PREFIX,
    VECTORS_FILE,
    has_shard,
    video_name,
)
from wall_oss_ros.data.video import VideoCodec, VideoWriter

# Pictures change little from one to the next, and pixels to theirs: of each tenth picture, every
# second pixel of every second row is counted.
_EVERY_PICTURE: Final = 10
_EVERY_PIXEL: Final = 2
_DEFAULT_CODEC: Final = VideoCodec()


class ShardWriter:
    """Writes one episode. Used by one thread; several writers may run in as many processes."""

    def __init__(
        self, folder: Path, fmt: DatasetFormat, *, codec: VideoCodec = _DEFAULT_CODEC
    ) -> None:
        """Begin a shard, in place of an incomplete one that an interrupted export left.

        Args:
            folder: for this shard alone; made if it is not there.
            fmt: what every frame holds.
            codec: how pictures are encoded.

        Raises:
            DatasetError: if there is a whole shard already, the folder holds other files or cannot
                be written to, or a camera's size is odd.
        """
        self.folder = folder
        self._format = fmt
        self._codec = codec
        self._vectors: dict[str, list[NDArray[np.float32]]] = {key: [] for key in fmt.vectors}
        self._histograms = {key: PictureHistogram() for key in fmt.cameras}
        self._subtasks: list[str] = []
        self._videos: dict[str, VideoWriter] = {}
        self._sound = True
        self.length = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._clear()
        except OSError as error:
            raise DatasetError(f"cannot write to {folder}: {error.strerror or error}") from None
        try:
            for key, size in fmt.cameras.items():
                file = folder / video_name(key)
                self._videos[key] = VideoWriter(file, size, fmt.fps, codec)
        except DatasetError:
            self.discard()
            raise

    def add(
        self,
        images: Mapping[str, NDArray[np.uint8]],
        vectors: Mapping[str, NDArray[np.float32]],
        subtask: str = "",
    ) -> None:
        """Append a frame.

        Args:
            images: (height, width, 3) RGB of every camera of the format, and of no other.
            vectors: (D,) of every vector of the format, and of no other; finite.
            subtask: what is to be done next, where the format has that, and only there.

        Raises:
            DatasetError: if something is missing, of another shape or type, or not finite; the
                frame is not part of the episode then and the shard cannot be finished.
        """
        # A camera may have got its picture of this frame when another one's is refused.
        sound, self._sound = self._sound, False
        where = f"{self.folder}, frame {self.length}"
        _same_keys(images, self._format.cameras, f"{where}: images")
        _same_keys(vectors, self._format.vectors, f"{where}: vectors")
        for key, names in self._format.vectors.items():
            _check_vector(vectors[key], names, f"{where}: '{key}'")
        if bool(subtask.strip()) != self._format.subtasks:
            expected = "words" if self._format.subtasks else "none, the format has no subtasks"
            raise DatasetError(f"{where}: subtask '{subtask}'; expected {expected}")
        for key, picture in images.items():
            self._videos[key].add(picture)
            if self.length % _EVERY_PICTURE == 0:
                self._histograms[key].add(picture[::_EVERY_PIXEL, ::_EVERY_PIXEL])
        for key, values in vectors.items():
            self._vectors[key].append(values.copy())
        self._subtasks.append(subtask)
        self.length += 1
        self._sound = sound

    def finish(self, task: str, source: Mapping[str, str]) -> None:
        """End the episode; only now it is a shard.

        Args:
            task: what the robot was told.
            source: where the episode came from, texts by name; kept in the dataset.

        Raises:
            DatasetError: if there is no frame or no task, or the disk takes no more; the folder
                holds no shard then.
        """
        if not self.length:
            raise DatasetError(f"{self.folder}: an episode without frames; leave it out")
        if not self._sound:
            raise DatasetError(f"{self.folder}: a frame was refused; discard the episode")
        if not task.strip():
            raise DatasetError(
                f"{self.folder}: an episode without a task; label it or leave it out"
            )
        stacked = {key: np.stack(rows) for key, rows in self._vectors.items()}  # (N, D) each
        for writer in self._videos.values():
            writer.close()
        files = [VECTORS_FILE, *map(video_name, self._format.cameras)]
        try:
            arrays: dict[str, Any] = {VECTOR_PREFIX + key: stacked[key] for key in stacked}
            np.savez(self.folder / VECTORS_FILE, **arrays)
            for name in files:
                sync(self.folder / name)
            sizes = {name: (self.folder / name).stat().st_size for name in files}
            content = self._content(stacked) | {"task": task, "source": dict(source)}
            if self._format.subtasks:
                content["subtasks"] = self._subtasks
            write_whole(self.folder / SHARD_FILE, json.dumps(content | {"bytes": sizes}))
        except OSError as error:
            raise DatasetError(
                f"cannot write to {self.folder}: {error.strerror or error}"
            ) from None

    def discard(self) -> None:
        """Throw the episode away."""
        for writer in self._videos.values():
            writer.discard()
        self._clear()
        self.folder.rmdir()

    def _content(self, vectors: Mapping[str, NDArray[np.float32]]) -> dict[str, Any]:
        statistics: dict[str, Any] = {
            key: vector_statistics(values) for key, values in vectors.items()
        }
        for key, histogram in self._histograms.items():
            statistics[key] = histogram.statistics()
        return {
            "shard_format": SHARD_FORMAT,
            "fps": self._format.fps,
            "robot_type": self._format.robot_type,
            "codec": {"name": self._codec.name, "crf": self._codec.crf},
            "features": self._format.features(self._codec.name),
            "length": self.length,
            "statistics": statistics,
            "histograms": {
                key: {"pictures": found.pictures, "counts": found.counts.tolist()}
                for key, found in self._histograms.items()
            },
        }

    def _clear(self) -> None:
        """Delete what an incomplete shard of this format consists of; whatever else is an error."""
        if has_shard(self.folder):
            raise DatasetError(
                f"{self.folder} holds a whole shard; use it, or delete it to make it again"
            )
        own = {VECTORS_FILE, SHARD_FILE + ".partial", *map(video_name, self._format.cameras)}
        files = sorted(self.folder.iterdir())
        for file in files:
            if file.name not in own:
                raise DatasetError(
                    f"{self.folder} holds '{file.name}', which is of no such shard; give another "
                    "folder"
                )
        for file in files:
            file.unlink()


def _same_keys(given: Mapping[str, object], expected: Mapping[str, object], where: str) -> None:
    if set(given) != set(expected):
        raise DatasetError(f"{where}: got {choices(given)}; expected {choices(expected)}")


def _check_vector(values: NDArray[np.float32], names: Sequence[str], where: str) -> None:
    if values.shape != (len(names),) or values.dtype != np.float32:
        raise DatasetError(
            f"{where}: got {values.dtype} {values.shape}; expected float32 ({len(names)},)"
        )
    wrong = [name for name, value in zip(names, values, strict=True) if not np.isfinite(value)]
    if wrong:
        raise DatasetError(f"{where}: not a finite number in {choices(wrong)}; leave the frame out")
