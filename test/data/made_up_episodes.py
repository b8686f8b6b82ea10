"""Episodes that are cheap to make and smooth enough that a codec can keep them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.data.dataset_format import DatasetFormat
from wall_oss_ros.data.dataset_writer import WrittenDataset, write_dataset
from wall_oss_ros.data.shard_writer import ShardWriter
from wall_oss_ros.data.video import VideoCodec

FACE, WRIST = "observation.images.face_view", "observation.images.left_wrist_view"
STATE, ACTION = "observation.state", "action"
FORMAT = DatasetFormat(
    fps=30,
    robot_type="made_up",
    cameras={FACE: (64, 96), WRIST: (48, 48)},
    vectors={STATE: ("x", "y", "z"), ACTION: ("left", "right", "grip", "turn")},
)
LENGTHS = (23, 7, 41)
TASKS = ("pick up the red cube", "place the cube", "pick up the red cube")

Pictures = Mapping[str, NDArray[np.uint8]]
Vectors = Mapping[str, NDArray[np.float32]]


def picture(seed: int, place: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(height, width, 3): soft colours that drift, so that every frame differs from its next."""
    down, right = np.mgrid[0 : size[0], 0 : size[1]] / max(size)
    phase = place / 6 + seed
    waves = (np.sin(3 * right + phase), np.cos(2 * down - right + phase), np.sin(down * 4 - phase))
    return (127.5 + 110 * np.stack(waves, axis=-1)).astype(np.uint8)


def frames(
    seed: int, length: int, fmt: DatasetFormat = FORMAT
) -> Iterator[tuple[Pictures, Vectors]]:
    draw = np.random.default_rng(seed)
    for place in range(length):
        images = {key: picture(seed, place, size) for key, size in fmt.cameras.items()}
        vectors = {
            key: draw.normal(size=len(names)).astype(np.float32)
            for key, names in fmt.vectors.items()
        }
        yield images, vectors


def make_shard(
    folder: Path,
    seed: int,
    length: int,
    task: str,
    fmt: DatasetFormat = FORMAT,
    codec: VideoCodec | None = None,
) -> Path:
    writer = ShardWriter(folder, fmt, codec=codec or VideoCodec())
    for images, vectors in frames(seed, length, fmt):
        writer.add(images, vectors)
    writer.finish(task, {"bag": f"bags/{seed}"})
    return folder


def make_shards(folder: Path, fmt: DatasetFormat = FORMAT) -> list[Path]:
    return [
        make_shard(folder / f"{seed}", seed, length, task, fmt)
        for seed, (length, task) in enumerate(zip(LENGTHS, TASKS, strict=True))
    ]


def make_dataset(folder: Path, splits: Mapping[str, Sequence[int]] | None = None) -> WrittenDataset:
    return write_dataset(folder / "set", FORMAT, make_shards(folder / "shards"), splits=splits)
