"""Pins: a shard is whole or is none, and what was added is what is read."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_episodes import ACTION, FACE, FORMAT, STATE, WRIST, frames, make_shard, picture

from wall_oss_ros.core.errors import DatasetError
from wall_oss_ros.data.dataset_format import DatasetFormat
from wall_oss_ros.data.dataset_statistics import STATISTICS, vector_statistics
from wall_oss_ros.data.episode_shard import SHARD_FILE, VECTORS_FILE, has_shard, read_shard
from wall_oss_ros.data.shard_writer import ShardWriter
from wall_oss_ros.data.video import VideoCodec

# One vector and no camera: enough where nothing is encoded.
SMALL = DatasetFormat(10, "robot", {}, {"action": ("a", "b")})


def row(*values: float) -> dict[str, Any]:
    return {"action": np.array(values, np.float32)}


def test_a_shard_gives_back_what_was_added(tmp_path: Path) -> None:
    shard = read_shard(make_shard(tmp_path / "0", 5, 21, "stack", codec=VideoCodec(crf=30)))
    added = [vectors for _, vectors in frames(5, 21)]
    for key in (STATE, ACTION):
        stacked = np.stack([vectors[key] for vectors in added])
        assert np.array_equal(shard.vector(key), stacked)
        assert shard.statistics[key] == vector_statistics(stacked)
    assert (shard.format, shard.codec, shard.length) == (FORMAT, VideoCodec(crf=30), 21)
    assert (shard.task, shard.source) == ("stack", {"bag": "bags/5"})


def test_pictures_are_counted_as_they_were_before_the_codec(tmp_path: Path) -> None:
    shard = read_shard(make_shard(tmp_path / "0", 5, 21, "stack"))
    counted = np.stack([picture(5, place, (64, 96))[::2, ::2] for place in (0, 10, 20)]) / 255
    found = shard.statistics[FACE]
    assert set(found) == set(STATISTICS) and found["count"] == [3]
    np.testing.assert_allclose(np.ravel(found["mean"]), counted.mean((0, 1, 2)), atol=1e-12)
    np.testing.assert_allclose(
        np.ravel(found["q10"]), np.quantile(counted.reshape(-1, 3), 0.1, axis=0), atol=1e-12
    )


def test_a_shard_that_is_not_finished_is_not_read_and_is_begun_anew(tmp_path: Path) -> None:
    folder = tmp_path / "0"
    interrupted = ShardWriter(folder, FORMAT)
    for images, vectors in frames(0, 5):
        interrupted.add(images, vectors)
    assert (folder / f"{FACE}.mp4").exists() and not has_shard(folder)
    with pytest.raises(DatasetError, match="no whole shard"):
        read_shard(folder)
    make_shard(folder, 1, 4, "again")
    assert read_shard(folder).length == 4


def test_a_whole_shard_is_not_written_over(tmp_path: Path) -> None:
    folder = make_shard(tmp_path / "0", 0, 3, "first", SMALL)
    with pytest.raises(DatasetError, match="whole shard"):
        ShardWriter(folder, SMALL)
    assert read_shard(folder).task == "first"


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.mp4").write_text("mine")
    (tmp_path / VECTORS_FILE).write_text("mine, too")
    with pytest.raises(DatasetError, match="holiday.mp4"):
        ShardWriter(tmp_path, SMALL)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_discarded_shard_leaves_nothing(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path / "0", FORMAT)
    for images, vectors in frames(0, 2):
        writer.add(images, vectors)
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_camera_of_odd_size_leaves_nothing(tmp_path: Path) -> None:
    fmt = DatasetFormat(30, "robot", {"first": (32, 32), "second": (32, 33)}, {})
    with pytest.raises(DatasetError, match="33x32"):
        ShardWriter(tmp_path / "0", fmt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("vectors", "says"),
    [
        (row(1), r"float32 \(1,\); expected float32 \(2,\)"),
        ({"action": np.zeros(2)}, "float64"),
        (row(0, np.nan), "not a finite number in 'b'"),
        (row(np.inf, 0), "not a finite number in 'a'"),
        ({}, "got none; expected 'action'"),
        (row(0, 0) | {"more": np.zeros(2, np.float32)}, "'more'"),
    ],
)
def test_a_frame_that_is_not_as_promised_is_refused_with_its_whole_episode(
    tmp_path: Path, vectors: dict[str, Any], says: str
) -> None:
    writer = ShardWriter(tmp_path / "0", SMALL)
    writer.add({}, row(1, 2))
    with pytest.raises(DatasetError, match=f"frame 1.*{says}"):
        writer.add({}, vectors)
    writer.add({}, row(1, 2))
    with pytest.raises(DatasetError, match="refused"):
        writer.finish("task", {})
    assert not has_shard(tmp_path / "0")


def test_processes_make_shards_at_the_same_time(tmp_path: Path) -> None:
    folders = [tmp_path / str(seed) for seed in range(4)]
    # Not forked: threads of this process may hold locks that a fork would keep locked.
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        made = pool.map(make_shard, folders, range(4), (5, 6, 7, 8), ["task"] * 4)
        assert list(made) == folders
    for seed, folder in enumerate(folders):
        expected = np.stack([vectors[ACTION] for _, vectors in frames(seed, 5 + seed)])
        assert np.array_equal(read_shard(folder).vector(ACTION), expected)


def test_a_missing_picture_is_not_filled_in(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path / "0", FORMAT)
    ((images, vectors),) = frames(0, 1)
    with pytest.raises(DatasetError, match=f"images: got '{FACE}'; expected .*{WRIST}"):
        writer.add({FACE: images[FACE]}, vectors)
    writer.discard()


def test_a_feature_may_have_any_name(tmp_path: Path) -> None:
    fmt = DatasetFormat(10, "robot", {}, {"file": ("x",), "self": ("x",), "args.kwds-1": ("x",)})
    shard = read_shard(make_shard(tmp_path / "0", 2, 4, "task", fmt))
    expected = [vectors for _, vectors in frames(2, 4, fmt)]
    for key in fmt.vectors:
        assert np.array_equal(shard.vector(key), np.stack([row[key] for row in expected]))


def test_an_episode_needs_frames_and_a_task(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path / "0", SMALL)
    with pytest.raises(DatasetError, match="without frames"):
        writer.finish("task", {})
    writer.add({}, row(1, 2))
    with pytest.raises(DatasetError, match="without a task"):
        writer.finish(" ", {})
    assert not has_shard(tmp_path / "0")


def test_what_the_caller_does_to_an_array_afterwards_changes_nothing(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path / "0", SMALL)
    vectors = row(1, 2)
    for place in range(3):
        vectors["action"][0] = place
        writer.add({}, vectors)
    writer.finish("task", {})
    assert read_shard(tmp_path / "0").vector("action")[:, 0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("file", [VECTORS_FILE, f"{WRIST}.mp4"])
@pytest.mark.parametrize("keep", [None, 100])
def test_a_shard_that_lost_something_is_not_read(
    tmp_path: Path, file: str, keep: int | None
) -> None:
    folder = make_shard(tmp_path / "0", 0, 3, "task")
    content = (folder / file).read_bytes()
    (folder / file).unlink()
    if keep:
        (folder / file).write_bytes(content[:keep])
    with pytest.raises(DatasetError, match="missing|100 bytes"):
        read_shard(folder)


def test_damage_inside_the_vectors_is_found_when_they_are_read(tmp_path: Path) -> None:
    folder = make_shard(tmp_path / "0", 0, 3, "task", SMALL)
    content = bytearray((folder / VECTORS_FILE).read_bytes())
    place = content.index(read_shard(folder).vector("action").tobytes())
    content[place] ^= 1
    (folder / VECTORS_FILE).write_bytes(content)
    with pytest.raises(DatasetError, match="cannot be read"):
        read_shard(folder).vector("action")


def test_a_shard_of_another_version_is_not_read(tmp_path: Path) -> None:
    folder = make_shard(tmp_path / "0", 0, 3, "task", SMALL)
    content = json.loads((folder / SHARD_FILE).read_text())
    (folder / SHARD_FILE).write_text(json.dumps(content | {"shard_format": 2}))
    with pytest.raises(DatasetError, match="shard_format is 2; expected 1"):
        read_shard(folder)
