"""What is known about an episode, in the metadata.yaml of its bag."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import yaml

from wall_oss_ros.core.episode import EpisodeLabel, EpisodeRecord
from wall_oss_ros.core.errors import EpisodeError

METADATA = "metadata.yaml"
_INFORMATION, _CUSTOM = "rosbag2_bagfile_information", "custom_data"


def read_record(bag: Path) -> EpisodeRecord:
    """Return what is known of a recorded episode.

    Raises:
        EpisodeError: if this is no bag, or no episode.
    """
    try:
        return EpisodeRecord.from_custom_data(_load(bag)[_INFORMATION][_CUSTOM] or {})
    except KeyError as error:
        raise EpisodeError(f"{bag / METADATA} has no {error}; is it a bag of rosbag2?") from None
    except EpisodeError as error:
        raise EpisodeError(f"{bag}: {error}") from None


def relabel(bag: Path, label: EpisodeLabel) -> EpisodeRecord:
    """Replace an episode's label; a crash leaves the old one or the new one.

    Raises:
        EpisodeError: if this is no episode, or cannot be written to.
    """
    record = read_record(bag).labelled(label)
    write_record(bag, record)
    return record


def write_record(bag: Path, record: EpisodeRecord) -> None:
    """Write what is known into a bag's metadata, in place of what was there.

    Raises:
        EpisodeError: if this is no bag, cannot be written to, or reads otherwise than written.
    """
    document = _load(bag)
    custom = document[_INFORMATION].get(_CUSTOM) or {}
    document[_INFORMATION][_CUSTOM] = {**custom, **record.to_custom_data()}
    beside = bag / f".{METADATA}.new"
    try:
        with beside.open("w", encoding="utf-8") as stream:
            # Not folded: ruamel.yaml, with which rosbags would write it, breaks a line within an
            # escaped backslash, and then the text is another one.
            yaml.safe_dump(document, stream, sort_keys=False, allow_unicode=True, width=math.inf)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(bag / METADATA)
    except OSError as error:
        raise EpisodeError(f"cannot write to {bag}: {error.strerror or error}") from None
    if read_record(bag) != record:
        raise EpisodeError(f"{bag / METADATA} reads otherwise than it was written")


def _load(bag: Path) -> dict[str, Any]:
    file = bag / METADATA
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise EpisodeError(
            f"cannot read {file}: {error.strerror or error}; expected the folder of a bag"
        ) from None
    except yaml.YAMLError as error:
        raise EpisodeError(f"{file} is damaged: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get(_INFORMATION), dict):
        raise EpisodeError(f"{file} has no '{_INFORMATION}'; is it a bag of rosbag2?")
    return document
