"""Action chunks of a recorded bag (rosbag2: MCAP or SQLite), read without ROS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader, AnyReaderError

from wall_oss_ros.core.action_space import ACTION_DIM
from wall_oss_ros.core.errors import BagError
from wall_oss_ros.core.pose import frozen_array
from wall_oss_ros.core.rotation import Array

_TYPE = "wall_oss_ros/msg/ActionChunk"
_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class RecordedChunk:
    """A chunk as it was recorded.

    Attributes:
        stamp_ns: observation it was made from [ns].
        actions: (H, 26) as the policy gave them, poses relative to its observation.
        mask: (26,) bool, commanded dimensions.
        schema: hash of the contract it was made for.
    """

    stamp_ns: int
    actions: Array
    mask: NDArray[np.bool_]
    schema: str


def read_chunks(bag: Path) -> tuple[RecordedChunk, ...]:
    """Return every chunk of a bag, oldest observation first.

    Args:
        bag: folder of a rosbag2 bag.

    Raises:
        BagError: if it is no bag, or holds no chunks.
    """
    if not (bag / "metadata.yaml").is_file():
        raise BagError(f"'{bag}' is not a recorded bag: it has no metadata.yaml")
    chunks = []
    try:
        with AnyReader([bag]) as reader:
            wanted = [item for item in reader.connections if item.msgtype == _TYPE]
            for connection, _, raw in reader.messages(wanted):
                chunks.append(_chunk(reader.deserialize(raw, connection.msgtype)))
    except AnyReaderError as error:
        raise BagError(f"'{bag}' cannot be read: {error}") from None
    if not chunks:
        raise BagError(f"'{bag}' holds no messages of type {_TYPE}")
    return tuple(sorted(chunks, key=lambda chunk: chunk.stamp_ns))


def _chunk(message: object) -> RecordedChunk:
    stamp = message.header.stamp  # type: ignore[attr-defined]
    actions = np.asarray(message.raw_actions, np.float64)  # type: ignore[attr-defined]
    mask = np.array(message.action_mask, np.bool_)  # type: ignore[attr-defined]
    mask.setflags(write=False)
    return RecordedChunk(
        stamp_ns=stamp.sec * _SECOND_NS + stamp.nanosec,
        actions=frozen_array(actions.reshape(-1, ACTION_DIM)),
        mask=mask,
        schema=str(message.schema),  # type: ignore[attr-defined]
    )
