"""Reads LeRobot v3.0 datasets without LeRobot, whoever wrote them.

Nothing that is missing is filled in: a file, a column, a row or a picture that is not there is an
error when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core.errors import DatasetError
from wall_oss_ros.data.dataset_format import (
    EPISODES_FOLDER,
    INFO_FILE,
    SUBTASK_INDEX,
    SUBTASKS_FILE,
    TASKS_FILE,
    DatasetFormat,
)
from wall_oss_ros.data.dataset_info import check_version, format_of, item, read_json
from wall_oss_ros.data.parquet_table import column_names, read_table, vector_rows
from wall_oss_ros.data.video import read_pictures

_EPISODE_COLUMNS: Final = (
    "episode_index",
    "tasks",
    "length",
    "data/chunk_index",
    "data/file_index",
    "dataset_from_index",
    "dataset_to_index",
)
_VIDEO_COLUMNS: Final = ("chunk_index", "file_index", "from_timestamp")


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode of a dataset.

    Attributes:
        index: its number.
        tasks: what the robot was told, one text or several.
        length: its number of frames.
        first_frame: number of its first frame in the dataset.
    """

    index: int
    tasks: tuple[str, ...]
    length: int
    first_frame: int

    @property
    def task(self) -> str:
        """What the robot was told from the first frame to the last.

        Raises:
            DatasetError: if that changed on the way; `Dataset.tasks_of_frames` says where.
        """
        if len(self.tasks) > 1:
            raise DatasetError(
                f"episode {self.index} has {len(self.tasks)} tasks; read the task of each frame"
            )
        return self.tasks[0]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame.

    Attributes:
        timestamp_s: from the beginning of its episode [s].
        images: (height, width, 3) RGB by camera.
        vectors: (D,) float32 by feature.
    """

    timestamp_s: float
    images: Mapping[str, NDArray[np.uint8]]
    vectors: Mapping[str, NDArray[np.float32]]


class Dataset:
    """A dataset on the disk; get one with `open_dataset`.

    Attributes:
        root: its folder.
        format: what its frames hold.
        episodes: by their number.
        tasks: texts, by their number.
        subtasks: likewise, of what is to be done next; empty where frames do not say.
        splits: numbers of the episodes of each split, by name.
    """

    def __init__(
        self,
        root: Path,
        info: Mapping[str, Any],
        rows: Sequence[Mapping[str, Any]],
        tasks: tuple[str, ...],
        subtasks: tuple[str, ...],
    ) -> None:
        """Take what `open_dataset` read.

        Raises:
            DatasetError: if info.json lacks something.
        """
        where = root / INFO_FILE
        self.root = root
        self.format: DatasetFormat = format_of(info, where)
        self.tasks, self.subtasks = tasks, subtasks
        self.splits = {
            name: _range(text, f"{where}: split '{name}'", len(rows))
            for name, text in item(info, "splits", dict, where).items()
        }
        self.episodes = tuple(
            Episode(
                row["episode_index"], tuple(row["tasks"]), row["length"], row["dataset_from_index"]
            )
            for row in rows
        )
        self._rows = rows
        self._data_path: str = item(info, "data_path", str, where)
        self._video_path: str = item(info, "video_path", str, where) if self.format.cameras else ""

    def vectors(self, episode: int) -> dict[str, NDArray[np.float32]]:
        """Return the vectors of an episode, (length, D) by feature, read-only.

        Raises:
            DatasetError: if the episode, its file or a column is missing, damaged, or of another
                shape than info.json says.
        """
        table, file = self._table(episode, self.format.vectors)
        return {
            key: vector_rows(table[key], len(names), f"{file}: '{key}' of episode {episode}")
            for key, names in self.format.vectors.items()
        }

    def tasks_of_frames(self, episode: int) -> tuple[str, ...]:
        """Return what the robot was told at each frame of an episode.

        Raises:
            DatasetError: as `vectors`, and for a number without a task.
        """
        return self._texts(episode, "task_index", self.tasks, TASKS_FILE)

    def subtasks_of_frames(self, episode: int) -> tuple[str, ...]:
        """Return what was to be done next at each frame of an episode.

        Raises:
            DatasetError: as `tasks_of_frames`, and if frames do not say.
        """
        return self._texts(episode, SUBTASK_INDEX, self.subtasks, SUBTASKS_FILE)

    def frames(self, episode: int, cameras: Sequence[str] | None = None) -> Iterator[Frame]:
        """Yield the frames of an episode in their order, decoding one after the other.

        Args:
            episode: its number.
            cameras: features whose pictures are decoded; None for all.

        Raises:
            DatasetError: as `vectors`, and if a video is missing or damaged or lacks a picture.
        """
        vectors = self.vectors(episode)
        table, _ = self._table(episode, ["timestamp"])
        times_s = table["timestamp"].to_numpy().astype(np.float64)  # (N,)
        row = self._row(episode)
        decoded: dict[str, Iterator[NDArray[np.uint8]]] = {}
        for key in self.format.cameras if cameras is None else cameras:
            chunk, number, begin_s = (row[f"videos/{key}/{name}"] for name in _VIDEO_COLUMNS)
            path = self._video_path.format(video_key=key, chunk_index=chunk, file_index=number)
            pictures = read_pictures(self.root / path, begin_s + times_s, self.format.fps)
            decoded[key] = self._sized(pictures, key, self.root / path)
        for place, time_s in enumerate(times_s):
            yield Frame(
                timestamp_s=float(time_s),
                images={key: next(pictures) for key, pictures in decoded.items()},
                vectors={key: values[place] for key, values in vectors.items()},
            )

    def _sized(
        self, pictures: Iterator[NDArray[np.uint8]], camera: str, file: Path
    ) -> Iterator[NDArray[np.uint8]]:
        expected = (*self.format.cameras[camera], 3)
        for picture in pictures:
            if picture.shape != expected:
                raise DatasetError(f"{file}: pictures {picture.shape}; info.json says {expected}")
            yield picture

    def _texts(
        self, episode: int, column: str, texts: tuple[str, ...], where: Path
    ) -> tuple[str, ...]:
        """Return the text of each frame of an episode, by its number in a column."""
        table, file = self._table(episode, [column])
        numbers = table[column].to_pylist()
        if not all(0 <= number < len(texts) for number in numbers):
            raise DatasetError(
                f"{file}: {column} of episode {episode} from {min(numbers)} to {max(numbers)}; "
                f"{where} has {len(texts)} texts"
            )
        return tuple(texts[number] for number in numbers)

    def _row(self, episode: int) -> Mapping[str, Any]:
        if not 0 <= episode < len(self._rows):
            raise DatasetError(
                f"{self.root} has no episode {episode}; it has 0 to {len(self._rows) - 1}"
            )
        return self._rows[episode]

    def _table(self, episode: int, columns: Sequence[str] | Mapping[str, Any]) -> tuple[Any, Path]:
        """Return columns of an episode's frames, checked to be all of them, and their file."""
        row = self._row(episode)
        file = self.root / self._data_path.format(
            chunk_index=row["data/chunk_index"], file_index=row["data/file_index"]
        )
        wanted = [*columns, "frame_index"]
        table = read_table(file, wanted, [("episode_index", "=", episode)])
        if table["frame_index"].to_pylist() != list(range(row["length"])):
            raise DatasetError(
                f"{file}: {len(table)} frames of episode {episode}, or in another order; expected "
                f"0 to {row['length'] - 1}. Copy or write the dataset again"
            )
        return table, file


def open_dataset(root: Path) -> Dataset:
    """Open a dataset: what `meta/` says of it is read and checked; frames stay on the disk.

    Args:
        root: its folder.

    Raises:
        DatasetError: if it is none, of another version, or its `meta/` is damaged or contradicts
            itself.
    """
    where = root / INFO_FILE
    info = read_json(where)
    check_version(info, where)
    columns = list(_EPISODE_COLUMNS)
    for camera in format_of(info, where).cameras:
        columns += [f"videos/{camera}/{name}" for name in _VIDEO_COLUMNS]
    files = sorted((root / EPISODES_FOLDER).glob("*/*.parquet"))
    if not files:
        raise DatasetError(f"{root / EPISODES_FOLDER} holds no table; copy the dataset again")
    rows = [row for file in files for row in read_table(file, columns).to_pylist()]
    rows.sort(key=lambda row: row["episode_index"])
    if [row["episode_index"] for row in rows] != list(range(len(rows))):
        raise DatasetError(f"{root / EPISODES_FOLDER}: an episode is missing or there twice")
    for key, found in (
        ("total_episodes", len(rows)),
        ("total_frames", sum(row["length"] for row in rows)),
    ):
        expected = item(info, key, int, where)
        if found != expected:
            raise DatasetError(
                f"{where}: {key} is {expected}; {EPISODES_FOLDER} has {found}. Copy or write the "
                "dataset again"
            )
    if any(not row["tasks"] for row in rows):
        raise DatasetError(f"{root / EPISODES_FOLDER}: an episode without a task")
    there = SUBTASK_INDEX in item(info, "features", dict, where)
    subtasks = _numbered(root / SUBTASKS_FILE, "subtask") if there else ()
    return Dataset(root, info, rows, _numbered(root / TASKS_FILE, "task"), subtasks)


def _numbered(file: Path, name: str) -> tuple[str, ...]:
    """Return the texts of tasks.parquet or subtasks.parquet."""
    # LeRobot's own pandas has the texts in a column named as their index, where that has a name.
    index = f"{name}_index"
    text = name if name in column_names(file) else "__index_level_0__"
    table = read_table(file, [index, text]).sort_by(index)
    if table[index].to_pylist() != list(range(len(table))):
        raise DatasetError(f"{file}: the numbers of the {name}s are not 0 to {len(table) - 1}")
    return tuple(table[text].to_pylist())


def _range(text: object, where: str, episodes: int) -> range:
    first, colon, end = str(text).partition(":")
    if not (colon and first.isdigit() and end.isdigit() and int(first) <= int(end) <= episodes):
        raise DatasetError(f"{where} is {text!r}; expected 'FIRST:END' of {episodes} episodes")
    return range(int(first), int(end))
