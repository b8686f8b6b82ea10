"""Pins: a dataset is whole or is not there; its tables and statistics are those of its frames."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from made_up_episodes import (
    ACTION,
    FACE,
    FORMAT,
    LENGTHS,
    STATE,
    TASKS,
    WRIST,
    frames,
    make_dataset,
    make_shard,
    make_shards,
    picture,
)

from wall_oss_ros.core.errors import DatasetError
from wall_oss_ros.data import dataset_writer
from wall_oss_ros.data.dataset_format import COUNTERS, DatasetFormat
from wall_oss_ros.data.dataset_reader import open_dataset
from wall_oss_ros.data.dataset_statistics import QUANTILES, STATISTICS
from wall_oss_ros.data.dataset_writer import SOURCES_FILE, WrittenDataset, write_dataset
from wall_oss_ros.data.shard_writer import ShardWriter
from wall_oss_ros.data.video import VideoCodec, VideoWriter, read_pictures
from wall_oss_ros.data.video_files import VideoLimits, join_videos, share_files

# One vector and no camera: enough where nothing is encoded.
SMALL = DatasetFormat(10, "robot", {}, {"action": ("a", "b")})
# Shard of each episode of the fixture `written`.
SHARD_OF = (0, 2, 1)


def small_shards(folder: Path, lengths: Sequence[int] = (3, 4)) -> list[Path]:
    return [
        make_shard(folder / f"{seed}", seed, length, "task", SMALL)
        for seed, length in enumerate(lengths)
    ]


def read_json(root: Path, name: str) -> Any:
    return json.loads((root / name).read_text())


def episode_rows(root: Path) -> list[dict[str, Any]]:
    table = pq.read_table(root / "meta/episodes/chunk-000/file-000.parquet")
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def test_the_description_counts_what_is_there(written: WrittenDataset) -> None:
    info = read_json(written.root, "meta/info.json")
    assert info["codebase_version"] == "v3.0"
    counts = info["total_episodes"], info["total_frames"], info["total_tasks"], info["fps"]
    assert counts == (3, sum(LENGTHS), 2, 30)
    assert (written.episodes, written.frames) == counts[:2]
    assert set(info["features"]) == {FACE, WRIST, STATE, ACTION, *COUNTERS}
    assert info["features"][FACE]["info"]["video.codec"] == "h264"


def test_training_episodes_come_first_whatever_the_order_of_the_splits(
    written: WrittenDataset,
) -> None:
    assert read_json(written.root, "meta/info.json")["splits"] == {"train": "0:2", "val": "2:3"}
    assert written.splits == {"train": (0, 2), "val": (2, 3)}
    assert [row["length"] for row in episode_rows(written.root)] == [LENGTHS[k] for k in SHARD_OF]
    sources = read_json(written.root, str(SOURCES_FILE))
    assert [item["source"]["bag"] for item in sources] == [f"bags/{k}" for k in SHARD_OF]


def test_episodes_of_the_same_task_share_its_number(written: WrittenDataset) -> None:
    assert written.tasks == (TASKS[0], TASKS[1])
    table = pq.read_table(written.root / "meta/tasks.parquet").to_pydict()
    assert table == {"task_index": [0, 1], "task": [TASKS[0], TASKS[1]]}
    numbers = pq.read_table(written.root / "data/chunk-000/file-000.parquet")["task_index"]
    expected = [0] * (LENGTHS[0] + LENGTHS[2]) + [1] * LENGTHS[1]
    assert numbers.to_pylist() == expected


def test_frames_are_numbered_without_a_gap_and_times_begin_with_each_episode(
    written: WrittenDataset,
) -> None:
    table = pq.read_table(written.root / "data/chunk-000/file-000.parquet").to_pydict()
    assert table["index"] == list(range(sum(LENGTHS)))
    lengths = [LENGTHS[k] for k in SHARD_OF]
    assert table["frame_index"] == [k for length in lengths for k in range(length)]
    assert table["timestamp"] == [np.float32(k / 30) for k in table["frame_index"]]
    rows = episode_rows(written.root)
    ends = np.cumsum(lengths).tolist()
    assert [row["dataset_to_index"] for row in rows] == ends
    assert [row["dataset_from_index"] for row in rows] == [0, *ends[:-1]]
    data = pq.ParquetFile(written.root / "data/chunk-000/file-000.parquet")
    assert data.num_row_groups == 3


def test_statistics_are_those_of_numpy_over_all_frames(written: WrittenDataset) -> None:
    statistics = read_json(written.root, "meta/stats.json")
    assert set(statistics) == {FACE, WRIST, STATE, ACTION, *COUNTERS}
    for key in (STATE, ACTION):
        rows = np.stack(
            [vectors[key] for seed in SHARD_OF for _, vectors in frames(seed, LENGTHS[seed])]
        ).astype(np.float64)
        expected = {
            "min": rows.min(0),
            "max": rows.max(0),
            "mean": rows.mean(0),
            "std": rows.std(0),
            **{name: np.quantile(rows, share, axis=0) for name, share in QUANTILES.items()},
        }
        for name, values in expected.items():
            np.testing.assert_allclose(statistics[key][name], values, rtol=1e-12, atol=1e-15)
    for feature in statistics.values():
        assert set(feature) == set(STATISTICS)
    assert statistics["index"]["max"] == [sum(LENGTHS) - 1]
    assert statistics[STATE]["count"] == [sum(LENGTHS)]


def test_statistics_of_pictures_are_exact_over_the_pixels_that_are_counted(
    written: WrittenDataset,
) -> None:
    found = read_json(written.root, "meta/stats.json")[FACE]
    pixels = [
        picture(seed, place, (64, 96))[::2, ::2].reshape(-1, 3) / 255
        for seed, length in enumerate(LENGTHS)
        for place in range(0, length, 10)
    ]
    everything = np.concatenate(pixels)
    assert found["count"] == [len(pixels)] == [3 + 1 + 5]
    assert np.shape(found["mean"]) == (3, 1, 1)
    np.testing.assert_allclose(np.ravel(found["mean"]), everything.mean(0))
    np.testing.assert_allclose(np.ravel(found["std"]), everything.std(0))
    np.testing.assert_allclose(np.ravel(found["q99"]), np.quantile(everything, 0.99, axis=0))


def test_each_episode_carries_its_own_statistics(written: WrittenDataset) -> None:
    for row, seed in zip(episode_rows(written.root), SHARD_OF, strict=True):
        actions = np.stack([vectors[ACTION] for _, vectors in frames(seed, LENGTHS[seed])])
        np.testing.assert_allclose(row[f"stats/{ACTION}/max"], actions.max(0))
        assert row[f"stats/{ACTION}/count"] == [LENGTHS[seed]]
        assert row["stats/frame_index/max"] == [LENGTHS[seed] - 1]
        assert np.shape(row[f"stats/{FACE}/mean"]) == (3, 1, 1)


def test_data_goes_on_in_a_new_file_before_one_becomes_too_large(tmp_path: Path) -> None:
    shards = small_shards(tmp_path, (50, 60, 70))
    written = write_dataset(tmp_path / "set", SMALL, shards, data_file_bytes=3000)
    rows = episode_rows(written.root)
    assert [row["data/file_index"] for row in rows] == [0, 1, 2]
    dataset = open_dataset(written.root)
    for seed, length in enumerate((50, 60, 70)):
        expected = np.stack([vectors["action"] for _, vectors in frames(seed, length, SMALL)])
        assert np.array_equal(dataset.vectors(seed)["action"], expected)


@pytest.mark.parametrize(
    ("splits", "says"),
    [
        ({"train": [0]}, r"splits hold shards \[0\]; expected each of 0 to 1 once"),
        ({"train": [0, 1], "val": [1]}, r"\[0, 1, 1\]"),
        ({"train": [0, 2]}, r"\[0, 2\]"),
        ({"val": [0, 1]}, "to train on"),
    ],
)
def test_splits_must_hold_every_shard_once(
    tmp_path: Path, splits: Mapping[str, Sequence[int]], says: str
) -> None:
    with pytest.raises(DatasetError, match=says):
        write_dataset(tmp_path / "set", SMALL, small_shards(tmp_path), splits=splits)
    assert not (tmp_path / "set").exists()


def test_no_shards_are_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="without episodes"):
        write_dataset(tmp_path / "set", SMALL, [])


@pytest.mark.parametrize("kind", ["folder", "empty folder", "file", "link to nowhere"])
def test_what_has_the_name_already_is_left_alone(tmp_path: Path, kind: str) -> None:
    final = tmp_path / "set"
    if kind == "file":
        final.write_text("mine")
    elif kind == "link to nowhere":
        final.symlink_to(tmp_path / "nowhere")
    else:
        final.mkdir()
        if kind == "folder":
            (final / "mine").write_text("mine")
    with pytest.raises(DatasetError, match="exists already"):
        write_dataset(final, SMALL, small_shards(tmp_path / "shards"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "shards"]
    assert final.is_symlink() or final.is_file() or len(list(final.iterdir())) < 2


def test_a_target_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot write"):
        write_dataset(tmp_path / "file" / "set", SMALL, small_shards(tmp_path / "shards"))


def test_an_error_on_the_way_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards = small_shards(tmp_path / "shards")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for step in ("write_episode_rows", "_write_json", "tasks_table"):
        with monkeypatch.context() as patch, pytest.raises(DatasetError, match="No space left"):
            patch.setattr(dataset_writer, step, full)
            write_dataset(tmp_path / "set", SMALL, shards)
        assert [path.name for path in tmp_path.iterdir()] == ["shards"]
    # What made room, or the same call again, needs no shard to be made again.
    assert write_dataset(tmp_path / "set", SMALL, shards).frames == 7


def test_an_interrupted_shard_is_no_episode(tmp_path: Path) -> None:
    shards = small_shards(tmp_path / "shards")
    (shards[1] / "shard.json").unlink()
    with pytest.raises(DatasetError, match="1 holds no whole shard"):
        write_dataset(tmp_path / "set", SMALL, shards)
    assert [path.name for path in tmp_path.iterdir()] == ["shards"]


def test_what_a_crash_left_is_not_in_the_way(tmp_path: Path) -> None:
    left = tmp_path / ".set.partial" / "data"
    left.mkdir(parents=True)
    (left / "half").write_text("")
    root = write_dataset(tmp_path / "set", SMALL, small_shards(tmp_path / "shards")).root
    assert not list(root.rglob("half")) and not left.exists()


def test_two_processes_do_not_write_the_same_dataset(tmp_path: Path) -> None:
    partial = tmp_path / ".set.partial"
    partial.mkdir()
    other = os.open(partial, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    try:
        with pytest.raises(DatasetError, match="another process"):
            write_dataset(tmp_path / "set", SMALL, small_shards(tmp_path / "shards"))
    finally:
        os.close(other)
    assert partial.is_dir()


def test_shards_of_another_format_or_codec_are_refused(tmp_path: Path) -> None:
    shards = small_shards(tmp_path / "small")
    other = DatasetFormat(20, "robot", {}, SMALL.vectors)
    with pytest.raises(DatasetError, match="fps=10.*expected.*fps=20"):
        write_dataset(tmp_path / "set", other, shards)
    camera = DatasetFormat(10, "robot", {"eye": (64, 64)}, {})
    mixed = [
        make_shard(tmp_path / name, 0, 2, "task", camera, VideoCodec(name))
        for name in ("h264", "av1")
    ]
    with pytest.raises(DatasetError, match="av1.*h264"):
        write_dataset(tmp_path / "set", camera, mixed)


@pytest.mark.parametrize("limits", [VideoLimits(seconds=1.1), VideoLimits(size_bytes=1)])
def test_pictures_are_the_same_whether_episodes_share_a_video_or_not(
    tmp_path: Path, limits: VideoLimits
) -> None:
    # Of the same shards: encoding twice need not give the same bits.
    shards = make_shards(tmp_path / "shards")
    splits = {"train": [0, 2], "val": [1]}
    apart = write_dataset(tmp_path / "set", FORMAT, shards, splits=splits, video_limits=limits)
    together = write_dataset(tmp_path / "together", FORMAT, shards, splits=splits)
    assert [row[f"videos/{FACE}/file_index"] for row in episode_rows(apart.root)] == [0, 1, 2]
    shared = episode_rows(together.root)
    assert [row[f"videos/{FACE}/file_index"] for row in shared] == [0, 0, 0]
    assert [row[f"videos/{FACE}/from_timestamp"] for row in shared] == [0, 23 / 30, 64 / 30]
    for episode in range(3):
        both = zip(
            open_dataset(together.root).frames(episode),
            open_dataset(apart.root).frames(episode),
            strict=True,
        )
        for one, other in both:
            for key, image in one.images.items():
                assert np.array_equal(image, other.images[key])


def test_episodes_fill_a_video_up_to_its_limits() -> None:
    def files(limits: VideoLimits) -> list[tuple[int, int]]:
        places = share_files([30, 60, 30, 300, 30], [10, 10, 10, 10, 10], 30, limits)
        return [(place.file, place.first_frame) for place in places]

    assert files(VideoLimits(seconds=4.0)) == [(0, 0), (0, 30), (0, 90), (1, 0), (2, 0)]
    assert files(VideoLimits(seconds=3.9)) == [(0, 0), (0, 30), (1, 0), (2, 0), (3, 0)]
    assert files(VideoLimits(size_bytes=20)) == [(0, 0), (0, 30), (1, 0), (1, 30), (2, 0)]


def test_videos_of_other_settings_are_not_joined(tmp_path: Path) -> None:
    for name, size in (("a", (32, 32)), ("b", (32, 64))):
        writer = VideoWriter(tmp_path / f"{name}.mp4", size, 30, VideoCodec())
        writer.add(picture(0, 0, size))
        writer.close()
    parts = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    with pytest.raises(DatasetError, match="other settings"):
        join_videos(parts, tmp_path / "joined.mp4", 30)


@pytest.mark.parametrize("codec", [VideoCodec(), VideoCodec("av1", 30)])
def test_joined_videos_hold_the_pictures_of_their_parts(tmp_path: Path, codec: VideoCodec) -> None:
    parts, pictures = [], []
    for number, length in enumerate((5, 1, 8)):
        parts.append(tmp_path / f"{number}.mp4")
        writer = VideoWriter(parts[-1], (64, 64), 7, codec)
        for place in range(length):
            writer.add(picture(number, place, (64, 64)))
        writer.close()
        pictures += list(read_pictures(parts[-1], np.arange(length) / 7, 7))
    join_videos(parts, tmp_path / "joined.mp4", 7)
    found = list(read_pictures(tmp_path / "joined.mp4", np.arange(14) / 7, 7))
    assert np.array_equal(np.stack(found), np.stack(pictures))


def test_a_dataset_needs_its_shards_no_longer(tmp_path: Path) -> None:
    root = make_dataset(tmp_path).root
    shutil.rmtree(tmp_path / "shards")
    assert sum(1 for episode in range(3) for _ in open_dataset(root).frames(episode)) == 71


def test_what_is_to_be_done_next_is_kept_for_every_frame_as_lerobot_keeps_it(
    tmp_path: Path,
) -> None:
    steps = ("reach for it", "lift it")
    fmt = replace(SMALL, subtasks=True)
    shards = []
    for seed in range(2):
        writer = ShardWriter(tmp_path / f"{seed}", fmt)
        for place in range(4):
            vectors = {"action": np.zeros(2, np.float32)}
            writer.add({}, vectors, steps[place > 1 + seed])
        writer.finish("pick it up", {})
        shards.append(writer.folder)
    write_dataset(tmp_path / "set", fmt, shards)
    dataset = open_dataset(tmp_path / "set")
    assert dataset.format == fmt and dataset.subtasks == steps
    assert dataset.subtasks_of_frames(0) == (steps[0],) * 2 + (steps[1],) * 2
    assert dataset.subtasks_of_frames(1) == (steps[0],) * 3 + (steps[1],)
    info = read_json(tmp_path / "set", "meta/info.json")
    assert info["features"]["subtask_index"] == {"dtype": "int64", "shape": [1], "names": None}
    table = pq.read_table(tmp_path / "set/meta/subtasks.parquet").to_pydict()
    assert table == {"subtask_index": [0, 1], "subtask": list(steps)}


def test_a_frame_without_its_next_step_is_refused_and_one_where_there_is_none_too(
    tmp_path: Path,
) -> None:
    vectors = {"action": np.zeros(2, np.float32)}
    with pytest.raises(DatasetError, match="frame 0: subtask ''; expected words"):
        ShardWriter(tmp_path / "a", replace(SMALL, subtasks=True)).add({}, vectors)
    with pytest.raises(DatasetError, match="subtask 'lift it'; expected none"):
        ShardWriter(tmp_path / "b", SMALL).add({}, vectors, "lift it")


def test_a_dataset_that_does_not_say_has_no_subtasks(written: WrittenDataset) -> None:
    dataset = open_dataset(written.root)
    assert dataset.subtasks == () and not dataset.format.subtasks
    with pytest.raises(DatasetError, match="subtask_index"):
        dataset.subtasks_of_frames(0)
