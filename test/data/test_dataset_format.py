"""Pins: what a dataset may hold, and that its description survives a file and another process."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from made_up_episodes import ACTION, FACE, FORMAT, STATE

from wall_oss_ros.core.errors import DatasetError
from wall_oss_ros.data.dataset_format import DatasetFormat, file_indexes, tasks_table
from wall_oss_ros.data.dataset_info import format_of

INFO: dict[str, Any] = {"fps": 30, "robot_type": "made_up", "features": FORMAT.features("h264")}
SIZE = (64, 96)


def test_a_format_is_read_back_from_the_features_it_makes() -> None:
    assert format_of(json.loads(json.dumps(INFO)), Path("info.json")) == FORMAT


def test_a_format_can_be_handed_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(FORMAT)) == FORMAT


@pytest.mark.parametrize(
    ("fps", "cameras", "vectors", "says"),
    [
        (0, {}, {}, "fps"),
        (29.97, {}, {}, "whole number"),
        (30, {"a/b": SIZE}, {}, "a/b"),
        (30, {"..": SIZE}, {}, "usable key"),
        (30, {}, {"index": ("x",)}, "index"),
        (30, {"action": SIZE}, {"action": ("x",)}, "two keys"),
        (30, {"face": (64, 0)}, {}, "face"),
        (30, {}, {"action": ()}, "no dimensions"),
    ],
)
def test_what_no_dataset_can_have_is_refused(
    fps: Any, cameras: dict[str, Any], vectors: dict[str, Any], says: str
) -> None:
    with pytest.raises(DatasetError, match=says):
        DatasetFormat(fps, "robot", cameras, vectors)


def test_a_vector_of_one_dimension_is_a_plain_number_as_lerobot_reads_it() -> None:
    fmt = DatasetFormat(30, "robot", {}, {"one": ("x",), "two": ("x", "y")})
    schema = fmt.data_schema()
    assert schema.field("one").type == pa.float32()
    assert schema.field("two").type == pa.list_(pa.float32(), 2)
    known = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert known["one"] == known["timestamp"]
    assert known["two"]["length"] == 2


def test_a_chunk_folder_holds_a_thousand_files() -> None:
    pairs = [tuple(file_indexes(number).values()) for number in (0, 999, 1000, 2001)]
    assert pairs == [(0, 0), (0, 999), (1, 0), (2, 1)]


def test_times_are_those_of_the_frames_rounded_once() -> None:
    times = FORMAT.timestamps(1000)
    assert times.dtype == np.float32
    assert np.array_equal(times, np.float32([k / 30 for k in range(1000)]))


def test_tasks_are_the_index_of_their_table() -> None:
    metadata = json.loads(tasks_table(["a", "b"]).schema.metadata[b"pandas"])
    assert metadata["index_columns"] == ["task"]


@pytest.mark.parametrize(
    ("feature", "change", "says"),
    [
        (FACE, {"dtype": "image"}, "single images"),
        (FACE, {"shape": [64, 96]}, "shape"),
        (FACE, {"shape": [64, 96, 4]}, "shape"),
        (STATE, {"shape": ["3"]}, "whole numbers"),
        (STATE, {"dtype": 3}, "dtype"),
        ("frame_index", None, "frame_index"),
    ],
)
def test_a_description_that_cannot_be_read_says_where(
    feature: str, change: dict[str, Any] | None, says: str
) -> None:
    info = copy.deepcopy(INFO)
    if change is None:
        del info["features"][feature]
    else:
        info["features"][feature].update(change)
    with pytest.raises(DatasetError, match=says):
        format_of(info, Path("info.json"))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "b", "c", "d"], ("a", "b", "c", "d")),
        ({"motors": ["a", "b", "c", "d"]}, ("a", "b", "c", "d")),
        (None, ("0", "1", "2", "3")),
    ],
)
def test_names_of_dimensions_are_found_as_lerobot_writes_them(
    names: object, expected: tuple[str, ...]
) -> None:
    info = copy.deepcopy(INFO)
    info["features"][ACTION]["names"] = names
    assert format_of(info, Path("info.json")).vectors[ACTION] == expected


def test_pictures_with_channels_first_have_the_same_size() -> None:
    info = copy.deepcopy(INFO)
    info["features"][FACE].update(shape=[3, 64, 96], names=["channels", "height", "width"])
    assert format_of(info, Path("info.json")).cameras[FACE] == SIZE
