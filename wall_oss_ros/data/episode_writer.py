"""Writes one episode: a rosbag2 bag (MCAP) that has its final name only when it is whole.

While it is written it lives in ``ROOT/.partial/NAME``, beside `episode.json`, which holds what the
metadata will. `episode_repair` makes a bag of what a crash leaves there.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.storage_mcap import McapWriter
from rosbags.typesys.store import Typestore

from wall_oss_ros.core.episode import EpisodeRecord
from wall_oss_ros.core.errors import EpisodeError
from wall_oss_ros.data.bag_index import message_counts
from wall_oss_ros.data.bag_metadata import write_record

PARTIAL = ".partial"
RECORD_FILE = "episode.json"
_BAG_VERSION: Final = 9
_NEVER = QosTime(0, 0)


@dataclass(frozen=True, slots=True)
class Channel:
    """A topic of a bag.

    Attributes:
        topic: full name, e.g. "/joint_states".
        kind: message type, e.g. "sensor_msgs/msg/JointState".
        latched: whether whoever plays the bag should offer the last message to late subscribers.
    """

    topic: str
    kind: str
    latched: bool = False


class EpisodeWriter:
    """One bag from its first message to its final name. Used by one thread at a time."""

    def __init__(
        self,
        root: Path,
        name: str,
        channels: Sequence[Channel],
        types: Typestore,
        record: EpisodeRecord,
    ) -> None:
        """Begin a bag.

        Args:
            root: folder of the episodes; made if it is not there.
            name: of the episode, a folder name.
            channels: its topics; messages are written by their place here.
            types: knows the types of all channels.
            record: what is known now, for the case that nobody ends the episode.

        Raises:
            EpisodeError: if the name is taken, or the folder cannot be written to.
        """
        self.path = root / name
        self._partial = root / PARTIAL / name
        if self.path.exists() or self._partial.exists():
            raise EpisodeError(f"episode '{name}' exists already in {root}; choose another name")
        # Not the `Writer` protocol's, for what must be on the disk before the end is McapWriter's.
        self._writer = Writer(
            self._partial, version=_BAG_VERSION, storage_plugin=StoragePlugin.MCAP
        )
        try:
            self._writer.open()
            _write_durably(self._partial / RECORD_FILE, json.dumps(record.to_custom_data()))
            self._connections = [self._connection(channel, types) for channel in channels]
        except OSError as error:
            raise EpisodeError(f"cannot write to {root}: {error.strerror or error}") from None
        self.counts = [0] * len(channels)
        self.written_bytes = 0

    def write(self, channel: int, stamp_ns: int, data: bytes | memoryview) -> None:
        """Write a message.

        Args:
            channel: its place in `channels`.
            stamp_ns: when it was received [ns].
            data: CDR bytes with their header.

        Raises:
            EpisodeError: if the disk takes no more.
        """
        try:
            self._writer.write(self._connections[channel], stamp_ns, data)
        except OSError as error:
            raise EpisodeError(f"cannot write to {self.path}: {error.strerror or error}") from None
        self.counts[channel] += 1
        self.written_bytes += len(data)

    def flush(self) -> None:
        """Hand everything written so far to the system, so that it outlives this process.

        Raises:
            EpisodeError: if the disk takes no more.
        """
        storage = self._storage()
        try:
            if storage.chunk.bio.tell():
                storage.close_chunk()
            storage.bio.flush()
        except OSError as error:
            raise EpisodeError(f"cannot write to {self.path}: {error.strerror or error}") from None

    def finish(self, record: EpisodeRecord) -> Path:
        """End the bag: metadata, check, sync, final name; return its folder.

        Args:
            record: what is known at the end.

        Raises:
            EpisodeError: if the disk takes no more, or the bag is not as it was written. What is
                there stays under its partial name.
        """
        try:
            self._writer.close()
            write_record(self._partial, record)
            check_bag(self._partial, dict(zip(self._topics(), self.counts, strict=True)))
            (self._partial / RECORD_FILE).unlink()
            settle(self._partial, self.path)
        except OSError as error:
            raise EpisodeError(
                f"cannot finish {self.path}: {error.strerror or error}; what is there stays in "
                f"{self._partial}"
            ) from None
        return self.path

    def discard(self) -> None:
        """Throw everything away."""
        self._storage().abort()
        shutil.rmtree(self._partial)

    def _storage(self) -> McapWriter:
        storage = self._writer.storage
        assert isinstance(storage, McapWriter)
        return storage

    def _topics(self) -> list[str]:
        return [connection.topic for connection in self._connections]

    def _connection(self, channel: Channel, types: Typestore) -> Connection:
        return self._writer.add_connection(
            channel.topic,
            channel.kind,
            typestore=types,
            offered_qos_profiles=[_qos(channel.latched)],
        )


def check_bag(bag: Path, counts: dict[str, int]) -> None:
    """Check by its own index that a bag holds what was written to it.

    Raises:
        EpisodeError: if it does not.
    """
    found = message_counts(bag)
    if found != counts:
        raise EpisodeError(f"{bag} holds {found}; written were {counts}")


def settle(partial: Path, final: Path) -> None:
    """Bring a whole bag to the disk, then give it its final name; a power cut leaves one of both.

    Raises:
        EpisodeError: if the final name is taken.
        OSError: if the disk takes no more.
    """
    if final.exists():
        raise EpisodeError(f"{final} exists already; what was recorded stays in {partial}")
    for file in partial.iterdir():
        _sync(file)
    _sync(partial)
    partial.rename(final)
    _sync(final.parent)


def _write_durably(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    _sync(file)


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _qos(latched: bool) -> Qos:
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=1 if latched else 10,
        reliability=QosReliability.RELIABLE,
        durability=QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        deadline=_NEVER,
        lifespan=_NEVER,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_NEVER,
        avoid_ros_namespace_conventions=False,
    )
