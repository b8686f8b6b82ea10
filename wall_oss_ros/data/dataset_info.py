"""Reads the format of a dataset from its info.json, whoever wrote it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wall_oss_ros.core.errors import DatasetError, choices
from wall_oss_ros.data.dataset_format import COUNTERS, SUBTASK_INDEX, DatasetFormat

_VERSIONS = "v3."


def read_json(file: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        DatasetError: if it is missing, unreadable, or holds something else.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DatasetError(f"{file} is missing; give the folder of a whole dataset") from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{file} cannot be read: {error}; copy or write it again") from None
    if not isinstance(found, dict):
        raise DatasetError(f"{file} holds a {type(found).__name__}; expected an object of JSON")
    return found


def item(mapping: Mapping[str, Any], key: str, kind: type, where: object) -> Any:
    """Return a value of a mapping that was read from a file.

    Raises:
        DatasetError: if it is missing or of another type.
    """
    if key not in mapping:
        raise DatasetError(f"{where} has no '{key}'; it has {choices(mapping)}")
    value = mapping[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise DatasetError(f"{where}: '{key}' is {value!r}; expected {kind.__name__}")
    return value


def check_version(info: Mapping[str, Any], where: Path) -> None:
    """Check that a dataset is of a version that can be read here.

    Raises:
        DatasetError: if it is not.
    """
    version = item(info, "codebase_version", str, where)
    if not version.startswith(_VERSIONS):
        raise DatasetError(
            f"{where}: codebase_version is '{version}'; expected {_VERSIONS}*. Convert the dataset "
            "with lerobot's own script for its version"
        )


def format_of(info: Mapping[str, Any], where: Path) -> DatasetFormat:
    """Return the format that info.json describes.

    Vectors are the float32 features with one axis. What else a dataset may hold (flags, whole
    numbers, texts) is not part of the format and is left out.

    Args:
        info: contents of info.json.
        where: its path, for messages.

    Raises:
        DatasetError: if something is missing, or pictures are kept in another way than as video.
    """
    cameras, vectors = {}, {}
    features = item(info, "features", dict, where)
    for key in COUNTERS:
        item(features, key, dict, f"{where}: features")
    for key, feature in features.items():
        place = f"{where}: feature '{key}'"
        if not isinstance(feature, dict):
            raise DatasetError(f"{place} is {feature!r}; expected an object")
        dtype = item(feature, "dtype", str, place)
        shape = item(feature, "shape", list, place)
        if not all(isinstance(size, int) for size in shape):
            raise DatasetError(f"{place}: shape {shape}; expected whole numbers")
        if dtype == "image":
            raise DatasetError(
                f"{place} is kept as single images; expected 'video'. Convert the dataset with "
                "lerobot's own script"
            )
        if dtype == "video":
            cameras[key] = _picture_size(shape, feature.get("names"), place)
        elif dtype == "float32" and len(shape) == 1 and key not in COUNTERS:
            vectors[key] = _dimension_names(shape[0], feature.get("names"))
    return DatasetFormat(
        fps=item(info, "fps", int, where),
        robot_type=info.get("robot_type") or "",
        cameras=cameras,
        vectors=vectors,
        subtasks=SUBTASK_INDEX in features,
    )


def _picture_size(shape: list[int], names: object, place: str) -> tuple[int, int]:
    channels_first = isinstance(names, list) and names[:1] in (["channels"], ["channel"])
    size = shape[1:] if channels_first else shape[:2]
    if len(shape) != 3 or len(size) != 2 or 3 not in (shape[0], shape[2]):
        raise DatasetError(f"{place}: shape {shape}; expected [height, width, 3]")
    return size[0], size[1]


def _dimension_names(dimensions: int, names: object) -> tuple[str, ...]:
    if isinstance(names, dict) and len(names) == 1:
        # Older robots of lerobot: {"motors": [...]}.
        (names,) = names.values()
    if isinstance(names, list) and len(names) == dimensions:
        return tuple(str(name) for name in names)
    # The format lets dimensions be without names; their places are their names then.
    return tuple(str(place) for place in range(dimensions))
