"""Pins: what was written is read, also as LeRobot lays it out, and what is missing is an error."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_up_episodes import FACE, FORMAT, LENGTHS, STATE, TASKS, frames

from wall_oss_ros.core.errors import DatasetError
from wall_oss_ros.data.dataset_reader import Dataset, open_dataset
from wall_oss_ros.data.dataset_writer import WrittenDataset

# Shard of each episode of the fixture `written`.
SHARD_OF = (0, 2, 1)
# Of 255 levels, for the soft pictures of these tests; frames that follow differ by 10 and more.
MEAN_ERROR, LARGEST_ERROR = 5.0, 30
DATA = "data/chunk-000/file-000.parquet"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"
VIDEO = f"videos/{FACE}/chunk-000/file-000.mp4"


@pytest.fixture
def copied(written: WrittenDataset, tmp_path: Path) -> Path:
    """A dataset that a test may damage."""
    root = tmp_path / "copied"
    shutil.copytree(written.root, root)
    return root


def change_json(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def change_table(file: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(file)), file)


def read_all(dataset: Dataset) -> int:
    return sum(1 for episode in dataset.episodes for _ in dataset.frames(episode.index))


def test_vectors_come_back_exactly_and_pictures_within_the_codecs_error(
    written: WrittenDataset,
) -> None:
    dataset = open_dataset(written.root)
    assert dataset.format == FORMAT
    for episode, seed in zip(dataset.episodes, SHARD_OF, strict=True):
        pairs = zip(dataset.frames(episode.index), frames(seed, LENGTHS[seed]), strict=True)
        for place, (frame, (images, vectors)) in enumerate(pairs):
            assert frame.timestamp_s == pytest.approx(place / 30, abs=1e-6)
            for key, values in vectors.items():
                assert np.array_equal(frame.vectors[key], values)
            for key, picture in images.items():
                error = np.abs(frame.images[key].astype(int) - picture)
                assert error.mean() < MEAN_ERROR and error.max() <= LARGEST_ERROR


def test_episodes_know_their_task_and_their_split(written: WrittenDataset) -> None:
    dataset = open_dataset(written.root)
    assert [episode.task for episode in dataset.episodes] == [TASKS[seed] for seed in SHARD_OF]
    assert [episode.length for episode in dataset.episodes] == [LENGTHS[seed] for seed in SHARD_OF]
    assert dataset.splits == {"train": range(2), "val": range(2, 3)}
    assert set(dataset.tasks_of_frames(2)) == {TASKS[1]}


def test_what_is_read_cannot_be_changed(written: WrittenDataset) -> None:
    values = open_dataset(written.root).vectors(0)[STATE]
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 0


def as_lerobot_lays_it_out(root: Path) -> None:
    """Lists of any length, columns in another order, other row groups, tasks as pandas' index."""
    table = pq.read_table(root / DATA)
    lists = {key: table[key].cast(pa.list_(pa.float32())) for key in FORMAT.vectors}
    others = {name: table[name] for name in reversed(table.column_names) if name not in lists}
    pq.write_table(pa.table(others | lists), root / DATA, row_group_size=5)
    tasks = pq.read_table(root / "meta/tasks.parquet")
    pq.write_table(
        tasks.rename_columns(["task_index", "__index_level_0__"]), root / "meta/tasks.parquet"
    )


def test_a_dataset_laid_out_by_lerobot_holds_the_same(
    written: WrittenDataset, copied: Path
) -> None:
    as_lerobot_lays_it_out(copied)
    ours, theirs = open_dataset(written.root), open_dataset(copied)
    assert theirs.episodes == ours.episodes and theirs.tasks == ours.tasks
    for episode in ours.episodes:
        assert theirs.tasks_of_frames(episode.index) == ours.tasks_of_frames(episode.index)
        for key, values in ours.vectors(episode.index).items():
            assert np.array_equal(theirs.vectors(episode.index)[key], values)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("meta/info.json", "info.json is missing"),
        ("meta/tasks.parquet", "tasks.parquet is missing"),
        (EPISODES, "holds no table"),
        (DATA, "file-000.parquet is missing"),
        (VIDEO, "file-000.mp4 is missing"),
    ],
)
def test_a_missing_file_is_an_error(copied: Path, file: str, says: str) -> None:
    (copied / file).unlink()
    with pytest.raises(DatasetError, match=says):
        read_all(open_dataset(copied))


@pytest.mark.parametrize("file", ["meta/info.json", "meta/tasks.parquet", EPISODES, DATA, VIDEO])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_a_truncated_file_is_an_error(copied: Path, file: str, share: float) -> None:
    content = (copied / file).read_bytes()
    (copied / file).write_bytes(content[: int(share * len(content))])
    with pytest.raises(DatasetError, match=Path(file).name):
        read_all(open_dataset(copied))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"codebase_version": "v2.1"}, "codebase_version is 'v2.1'; expected v3"),
        ({"codebase_version": 3}, "expected str"),
        ({"total_frames": 70}, "total_frames is 70; .* has 71"),
        ({"total_episodes": 4}, "total_episodes is 4"),
        ({"fps": "30"}, "'fps' is '30'"),
        ({"features": []}, "features"),
        ({"splits": {"train": "0:4"}}, "split 'train' is '0:4'"),
        ({"splits": {"train": "all"}}, "split 'train'"),
    ],
)
def test_a_description_that_does_not_fit_is_an_error(
    copied: Path, values: dict[str, Any], says: str
) -> None:
    change_json(copied / "meta/info.json", **values)
    with pytest.raises(DatasetError, match=says):
        open_dataset(copied)


@pytest.mark.parametrize("key", ["codebase_version", "features", "fps", "data_path", "splits"])
def test_a_description_that_lacks_something_is_an_error(copied: Path, key: str) -> None:
    file = copied / "meta/info.json"
    info = json.loads(file.read_text())
    del info[key]
    file.write_text(json.dumps(info))
    with pytest.raises(DatasetError, match=f"has no '{key}'"):
        open_dataset(copied)


def shorter(table: pa.Table) -> pa.Table:
    return table.set_column(
        table.column_names.index(STATE),
        STATE,
        pa.array([row[:2] for row in table[STATE].to_pylist()], pa.list_(pa.float32(), 2)),
    )


def doubled(table: pa.Table) -> pa.Table:
    return table.set_column(
        table.column_names.index(STATE),
        STATE,
        table[STATE].cast(pa.list_(pa.float64(), 3)),
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda table: table.drop_columns([STATE]), f"has no column '{STATE}'"),
        (shorter, r"rows of \[2\]; expected 3"),
        (doubled, "double; expected float32"),
        (lambda table: table.slice(1), "22 frames of episode 0"),
        (lambda table: table.sort_by([("frame_index", "descending")]), "another order"),
    ],
)
def test_rows_that_are_not_as_described_are_an_error(
    copied: Path, change: Callable[[pa.Table], pa.Table], says: str
) -> None:
    change_table(copied / DATA, change)
    with pytest.raises(DatasetError, match=says):
        open_dataset(copied).vectors(0)


def test_a_lost_episode_is_an_error(copied: Path) -> None:
    change_table(copied / EPISODES, lambda table: table.slice(1))
    with pytest.raises(DatasetError, match="missing or there twice"):
        open_dataset(copied)


def test_pictures_of_another_size_are_an_error(copied: Path) -> None:
    info = json.loads((copied / "meta/info.json").read_text())
    info["features"][FACE]["shape"] = [64, 64, 3]
    change_json(copied / "meta/info.json", features=info["features"])
    with pytest.raises(DatasetError, match=r"\(64, 96, 3\); info.json says \(64, 64, 3\)"):
        read_all(open_dataset(copied))


@pytest.mark.parametrize("episode", [-1, 3])
def test_an_episode_that_is_not_there_is_an_error(written: WrittenDataset, episode: int) -> None:
    with pytest.raises(DatasetError, match=f"no episode {episode}; it has 0 to 2"):
        list(open_dataset(written.root).frames(episode))
