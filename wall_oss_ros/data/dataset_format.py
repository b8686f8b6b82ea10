"""What a LeRobot v3.0 dataset looks like: its features, paths and tables. Reads and writes nothing.

A dataset is a folder. Vectors are rows of Parquet files, one row a frame; pictures are frames of
MP4 files, found by their time; `meta/` says which rows and which times belong to which episode.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wall_oss_ros.core.errors import DatasetError
from wall_oss_ros.core.read_only import read_only

CODEBASE_VERSION: Final = "v3.0"
# Files per chunk folder; the format asks for a number, this is everyone's.
FILES_PER_CHUNK: Final = 1000
DATA_FILE_MB: Final = 100
VIDEO_FILE_MB: Final = 200

INFO_FILE: Final = Path("meta/info.json")
STATISTICS_FILE: Final = Path("meta/stats.json")
TASKS_FILE: Final = Path("meta/tasks.parquet")
SUBTASKS_FILE: Final = Path("meta/subtasks.parquet")
EPISODES_FOLDER: Final = Path("meta/episodes")
DATA_PATH: Final = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH: Final = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES_PATH: Final = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"

# Columns that every dataset has beside its vectors, with their types.
COUNTERS: Final[Mapping[str, str]] = read_only(
    {
        "timestamp": "float32",
        "frame_index": "int64",
        "episode_index": "int64",
        "index": "int64",
        "task_index": "int64",
    }
)
# The number of what is to be done next, in datasets that say so (LeRobot, "Using subtasks").
SUBTASK_INDEX: Final = "subtask_index"
# A key is part of a path and of column names, where "/" has a meaning.
_KEY: Final = re.compile(r"\w[\w-]*(\.[\w-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class DatasetFormat:
    """What every frame of a dataset holds.

    Attributes:
        fps: frames per second, a whole number [Hz].
        robot_type: name of the robot; empty where nobody said.
        cameras: (height, width) [px] by feature key, e.g. "observation.images.face_view".
        vectors: name of each dimension by feature key, e.g. of "observation.state" and "action".
        subtasks: whether every frame says in words what is to be done next.
    """

    fps: int
    robot_type: str
    cameras: Mapping[str, tuple[int, int]]
    vectors: Mapping[str, tuple[str, ...]]
    subtasks: bool = False

    def __post_init__(self) -> None:
        """Check and freeze.

        Raises:
            DatasetError: for a rate, a key or a size that no dataset can have.
        """
        if isinstance(self.fps, bool) or not isinstance(self.fps, int) or self.fps < 1:
            raise DatasetError(f"fps: got {self.fps!r}; expected a whole number from 1 up")
        for key in [*self.cameras, *self.vectors]:
            if not _KEY.fullmatch(key) or key in (*COUNTERS, SUBTASK_INDEX):
                raise DatasetError(
                    f"feature '{key}': not a usable key; expected letters, digits, '_' and '-' "
                    f"joined by dots, and none of {', '.join((*COUNTERS, SUBTASK_INDEX))}"
                )
        both = set(self.cameras) & set(self.vectors)
        if both:
            raise DatasetError(f"feature '{min(both)}' is a camera and a vector; give it two keys")
        for key, size in self.cameras.items():
            if len(size) != 2 or min(size) < 1:
                raise DatasetError(f"camera '{key}': size {size}; expected (height, width) [px]")
        for key, names in self.vectors.items():
            if not names:
                raise DatasetError(f"vector '{key}' has no dimensions; leave it out or name them")
        cameras = {key: (int(size[0]), int(size[1])) for key, size in self.cameras.items()}
        vectors = {key: tuple(names) for key, names in self.vectors.items()}
        object.__setattr__(self, "cameras", read_only(cameras))
        object.__setattr__(self, "vectors", read_only(vectors))

    @property
    def counters(self) -> Mapping[str, str]:
        """Columns beside the vectors, with their types."""
        return {**COUNTERS, SUBTASK_INDEX: "int64"} if self.subtasks else COUNTERS

    def features(self, codec: str) -> dict[str, dict[str, Any]]:
        """Return the features of info.json.

        Args:
            codec: of all videos, as FFmpeg names the format: "h264" or "av1".
        """
        found: dict[str, dict[str, Any]] = {}
        for key, (height, width) in self.cameras.items():
            found[key] = {
                "dtype": "video",
                "shape": [height, width, 3],
                "names": ["height", "width", "channels"],
                "info": {
                    "video.height": height,
                    "video.width": width,
                    "video.codec": codec,
                    "video.pix_fmt": "yuv420p",
                    "video.is_depth_map": False,
                    "video.fps": self.fps,
                    "video.channels": 3,
                    "has_audio": False,
                },
            }
        for key, names in self.vectors.items():
            found[key] = {"dtype": "float32", "shape": [len(names)], "names": list(names)}
        for key, dtype in self.counters.items():
            found[key] = {"dtype": dtype, "shape": [1], "names": None}
        return found

    def data_schema(self) -> pa.Schema:
        """Return the columns of a data file, with what Hugging Face's reader wants to know."""
        fields = [pa.field(key, _vector_type(len(names))) for key, names in self.vectors.items()]
        fields += [pa.field(key, _scalar_type(dtype)) for key, dtype in self.counters.items()]
        known: dict[str, Any] = {}
        for key, names in self.vectors.items():
            value = {"dtype": "float32", "_type": "Value"}
            one = len(names) == 1
            known[key] = value if one else {"feature": value, "length": len(names), "_type": "List"}
        for key, dtype in self.counters.items():
            known[key] = {"dtype": dtype, "_type": "Value"}
        return pa.schema(
            fields, metadata={"huggingface": json.dumps({"info": {"features": known}})}
        )

    def data_table(self, columns: Mapping[str, NDArray[Any]]) -> pa.Table:
        """Return frames as a table of `data_schema`.

        Args:
            columns: (N, D) float32 by vector key, (N,) by counter.
        """
        schema = self.data_schema()
        arrays = []
        for column in schema:
            values = columns[column.name]
            if pa.types.is_fixed_size_list(column.type):
                flat = pa.array(values.ravel(), pa.float32())
                arrays.append(pa.FixedSizeListArray.from_arrays(flat, column.type.list_size))
            else:
                arrays.append(pa.array(values.ravel(), column.type))
        return pa.Table.from_arrays(arrays, schema=schema)

    def timestamps(self, length: int) -> NDArray[np.float32]:
        """Return the times of an episode's frames from its beginning, (length,) [s]."""
        return (np.arange(length) / self.fps).astype(np.float32)


def file_indexes(number: int) -> dict[str, int]:
    """Return "chunk_index" and "file_index" of a file by its number from 0."""
    return {"chunk_index": number // FILES_PER_CHUNK, "file_index": number % FILES_PER_CHUNK}


def tasks_table(tasks: Sequence[str], name: str = "task") -> pa.Table:
    """Return tasks.parquet: the number of each task, with the tasks as pandas' index.

    Args:
        tasks: texts, by their number.
        name: "task", or "subtask" for subtasks.parquet.
    """
    text = {"pandas_type": "unicode", "numpy_type": "object"}
    pandas = {
        "index_columns": [name],
        "column_indexes": [
            {"name": None, "field_name": None, **text, "metadata": {"encoding": "UTF-8"}}
        ],
        "columns": [
            {
                "name": f"{name}_index",
                "field_name": f"{name}_index",
                "pandas_type": "int64",
                "numpy_type": "int64",
                "metadata": None,
            },
            {"name": name, "field_name": name, **text, "metadata": None},
        ],
        "creator": {"library": "pyarrow", "version": pa.__version__},
        # Of the layout of this very block, not of a pandas that would be needed.
        "pandas_version": "2.2.0",
    }
    table = pa.table(
        {
            f"{name}_index": pa.array(range(len(tasks)), pa.int64()),
            name: pa.array(list(tasks), pa.string()),
        }
    )
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})


def _vector_type(dimensions: int) -> pa.DataType:
    # LeRobot stores a feature of shape (1,) as a plain number, and expects to read one.
    return pa.float32() if dimensions == 1 else pa.list_(pa.float32(), dimensions)


def _scalar_type(dtype: str) -> pa.DataType:
    return {"float32": pa.float32(), "int64": pa.int64()}[dtype]
