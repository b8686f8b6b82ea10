"""Reads a recorded episode: what it is, and its messages in the order in which they came."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rosbags.highlevel import AnyReader, AnyReaderError

from wall_oss_ros.core.contract import RobotContract, parse_contract
from wall_oss_ros.core.episode import EpisodeRecord
from wall_oss_ros.core.errors import ContractError, EpisodeError
from wall_oss_ros.core.recorded_topics import COMPRESSED_SUFFIX, recorded_topics
from wall_oss_ros.data.bag_index import damaged, message_counts
from wall_oss_ros.data.bag_metadata import read_record


class Received(NamedTuple):
    """A message of an episode.

    Attributes:
        topic: relative name, as in the contract, also where raw pictures were recorded as JPEG.
        received_ns: when the recorder got it [ns].
        message: with the fields of its type; arrays are numpy's.
    """

    topic: str
    received_ns: int
    message: Any


@dataclass(frozen=True, slots=True)
class RecordedEpisode:
    """An episode on the disk.

    Attributes:
        path: folder of the bag.
        record: what is known of it.
        contract: the robot's.
        names: name in the bag by relative topic; of those that the recorder knows.
    """

    path: Path
    record: EpisodeRecord
    contract: RobotContract
    names: dict[str, str]

    def messages(self, topics: Collection[str]) -> Iterator[Received]:
        """Yield the messages of some topics, in the order in which they were received.

        They are read as the bag itself defines their types.

        Raises:
            EpisodeError: if the bag is damaged.
        """
        relative = {self.names[topic]: topic for topic in topics if topic in self.names}
        try:
            with AnyReader([self.path]) as reader:
                wanted = [item for item in reader.connections if item.topic in relative]
                if not wanted:
                    return
                for connection, received_ns, data in reader.messages(wanted):
                    message = reader.deserialize(data, connection.msgtype)
                    yield Received(relative[connection.topic], received_ns, message)
        except (AnyReaderError, OSError, KeyError, ValueError) as error:
            raise damaged(self.path, error) from None


def open_episode(path: Path) -> RecordedEpisode:
    """Open an episode.

    Args:
        path: folder of the bag.

    Raises:
        EpisodeError: if this is no episode, it is damaged, was changed, or its contract is not the
            one that it was recorded with.
    """
    record = read_record(path)
    try:
        contract = parse_contract(record.provenance.contract, f"contract in {path}")
    except ContractError as error:
        raise EpisodeError(
            f"{error}; it was recorded with version {record.provenance.version} of this package"
        ) from None
    if contract.schema_hash != record.provenance.schema:
        raise EpisodeError(
            f"{path}: its contract means {contract.schema_hash} to this version of the package and "
            f"meant {record.provenance.schema} to version {record.provenance.version}, which "
            "recorded it; export it with that one"
        )
    counts = message_counts(path)
    written = {account.topic: account.written for account in record.accounts}
    if written and counts != written:
        wrong = next(
            name for name in {**counts, **written} if counts.get(name) != written.get(name)
        )
        raise EpisodeError(
            f"{path}: it holds {counts.get(wrong, 0)} messages of {wrong}, the recorder wrote "
            f"{written.get(wrong, 0)}: it was changed, or holds more than one episode; export the "
            "bags as they were recorded, one per episode"
        )
    namespace = record.provenance.namespace
    prefix = f"/{namespace}/" if namespace else "/"
    names = {}
    for topic in recorded_topics(contract):
        for name in (prefix + topic.topic, prefix + topic.topic + COMPRESSED_SUFFIX):
            if name in counts:
                names[topic.topic] = name
    return RecordedEpisode(path, record, contract, names)
