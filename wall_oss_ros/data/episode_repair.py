"""Makes a bag of what a crash left: every message up to the last flush, under its final name."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mcap.data_stream import EndOfFile
from mcap.exceptions import McapError
from mcap.records import Channel as McapChannel
from mcap.records import Message, Schema
from mcap.stream_reader import StreamReader
from rosbags.typesys.store import Typestore

from wall_oss_ros.core.episode import EpisodeRecord
from wall_oss_ros.core.errors import EpisodeError
from wall_oss_ros.data.episode_writer import PARTIAL, RECORD_FILE, Channel, EpisodeWriter

_SUFFIX = "_repaired"


@dataclass(frozen=True, slots=True)
class Repaired:
    """A bag that was made of a partial one.

    Attributes:
        path: where it is now.
        messages: how many it holds.
        seconds: from its first to its last message.
    """

    path: Path
    messages: int
    seconds: float


def unfinished(root: Path) -> tuple[Path, ...]:
    """Return the partial bags of a folder of episodes, by name; a repair of before is none."""
    found = {path.name: path for path in (root / PARTIAL).glob("*") if path.is_dir()}
    return tuple(
        found[name]
        for name in sorted(found)
        if name.removesuffix(_SUFFIX) not in found or not name.endswith(_SUFFIX)
    )


def repair(partial: Path, root: Path, types: Typestore) -> Repaired:
    """Make a whole bag of a partial one; the partial one goes when that is on the disk.

    Args:
        partial: one of `unfinished`; nobody writes to it any more.
        root: folder of the episodes.
        types: knows the types of its topics.

    Raises:
        EpisodeError: if nothing can be read of it; it stays as it is.
    """
    record = _record(partial)
    files = sorted(partial.glob("*.mcap"))
    if not files:
        raise EpisodeError(f"{partial} holds no .mcap file; delete it")
    # Twice through the file rather than all of it in memory.
    channels: dict[str, Channel] = {}
    count, first_ns, last_ns = 0, 0, 0
    for schema, channel, message in read_prefix(files[0]):
        latched = "transient_local" in channel.metadata.get("offered_qos_profiles", "")
        channels.setdefault(channel.topic, Channel(channel.topic, schema.name, latched))
        first_ns = min(first_ns, message.log_time) if count else message.log_time
        last_ns, count = max(last_ns, message.log_time), count + 1
    if not count:
        raise EpisodeError(f"{files[0]} holds no message that can be read; delete {partial}")
    places = {topic: place for place, topic in enumerate(channels)}
    ending = record.ending or "the recorder ended without finishing it; repaired"
    record = replace(record, ending=ending, end_ns=last_ns)
    # An attempt that was itself interrupted is begun anew.
    again = root / PARTIAL / (partial.name + _SUFFIX)
    shutil.rmtree(again, ignore_errors=True)
    writer = EpisodeWriter(root, partial.name + _SUFFIX, tuple(channels.values()), types, record)
    for _, channel, message in read_prefix(files[0]):
        writer.write(places[channel.topic], message.log_time, message.data)
    path = writer.finish(record)
    shutil.rmtree(partial)
    return Repaired(path, count, (last_ns - first_ns) * 1e-9)


def read_prefix(file: Path) -> Iterator[tuple[Schema, McapChannel, Message]]:
    """Yield the messages of a possibly truncated MCAP file, up to where it can be read."""
    schemas: dict[int, Schema] = {}
    channels: dict[int, McapChannel] = {}
    with file.open("rb") as stream:
        try:
            for record in StreamReader(stream).records:
                if isinstance(record, Schema):
                    schemas[record.id] = record
                elif isinstance(record, McapChannel):
                    channels[record.id] = record
                elif isinstance(record, Message):
                    channel = channels[record.channel_id]
                    yield schemas[channel.schema_id], channel, record
        except (EndOfFile, McapError, KeyError, ValueError, struct.error):
            return  # in the middle of a record


def _record(partial: Path) -> EpisodeRecord:
    try:
        text = (partial / RECORD_FILE).read_text(encoding="utf-8")
        return EpisodeRecord.from_custom_data(json.loads(text))
    except (OSError, ValueError) as error:
        raise EpisodeError(f"{partial / RECORD_FILE} cannot be read: {error}") from None
