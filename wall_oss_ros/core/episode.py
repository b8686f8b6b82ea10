"""What is known about an episode besides its messages: label, provenance, and what was lost.

It is kept as the custom data of the bag's metadata.yaml, a text per key, so that every ROS tool
that copies or converts bags carries it along.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, TypeVar

from wall_oss_ros.core.errors import EpisodeError, choices

OUTCOMES = ("unlabelled", "success", "failure", "aborted")
# Keys of the custom data; the rest of the key says which part it is.
PREFIX = "wall_oss_ros."
FORMAT = "1"

_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class EpisodeLabel:
    """What a person, or a task's rubric, says about an episode.

    Attributes:
        instruction: what the robot was told.
        outcome: one of `OUTCOMES`.
        progress: share of the task that was done, 0 to 1; None where nobody said.
        notes: anything else.
    """

    instruction: str = ""
    outcome: str = "unlabelled"
    progress: float | None = None
    notes: str = ""

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            EpisodeError: for an unknown outcome or a progress that is no share.
        """
        if self.outcome not in OUTCOMES:
            raise EpisodeError(f"outcome: got '{self.outcome}'; valid: {choices(OUTCOMES)}")
        if self.progress is not None and not 0.0 <= self.progress <= 1.0:
            raise EpisodeError(f"progress: got {self.progress}; expected 0 to 1")


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made an episode.

    Attributes:
        version: of this package.
        robot: name of the contract.
        schema: the contract's schema hash.
        contract: its text, so that the bag can be read without any other file.
        policy: back end; empty where none ran.
        checkpoint: what it loaded.
        checkpoint_hash: of the checkpoint's files, see `data.checkpoint_hash`.
        namespace: of the graph, "" or without slashes at the ends; topics of the bag begin with it.
        parameters: of all nodes, as text by "node.parameter".
    """

    version: str
    robot: str
    schema: str
    contract: str
    policy: str = ""
    checkpoint: str = ""
    checkpoint_hash: str = ""
    namespace: str = ""
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class TopicAccount:
    """What was received of a topic, and what was not.

    Attributes:
        topic: name in the bag.
        expected_hz: rate that the contract promises; 0 where it promises none.
        written: messages in the bag.
        lost: messages that were published meanwhile and did not arrive, by the gaps in the
            publishers' own counting.
        dropped: messages that arrived and were not written, because writing was too slow.
    """

    topic: str
    expected_hz: float = 0.0
    written: int = 0
    lost: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened during an episode, at a time [ns]."""

    stamp_ns: int
    what: str


@dataclass(frozen=True, slots=True)
class EpisodeRecord:
    """Everything that is known about one episode.

    Attributes:
        begin_ns: when it was started [ns].
        end_ns: when it was ended [ns]; 0 while it runs.
        label: what was said of it.
        provenance: what made it.
        accounts: per topic.
        marks: what happened, oldest first.
        ending: why it ended, in words; e.g. "stopped by the operator".
    """

    begin_ns: int
    label: EpisodeLabel
    provenance: Provenance
    end_ns: int = 0
    accounts: tuple[TopicAccount, ...] = ()
    marks: tuple[Mark, ...] = ()
    ending: str = ""

    def labelled(self, label: EpisodeLabel) -> EpisodeRecord:
        """Return the same episode with another label."""
        return replace(self, label=label)

    def to_custom_data(self) -> dict[str, str]:
        """Return it as texts by key."""
        parts = {
            "format": FORMAT,
            "begin_ns": str(self.begin_ns),
            "end_ns": str(self.end_ns),
            "ending": self.ending,
            "label": json.dumps(asdict(self.label)),
            "provenance": json.dumps(
                {
                    item.name: getattr(self.provenance, item.name)
                    for item in fields(Provenance)
                    if item.name != "parameters"
                }
                | {"parameters": dict(self.provenance.parameters)}
            ),
            "accounts": json.dumps([asdict(account) for account in self.accounts]),
            "marks": json.dumps([asdict(mark) for mark in self.marks]),
        }
        return {PREFIX + key: value for key, value in parts.items()}

    @staticmethod
    def from_custom_data(data: Mapping[str, str]) -> EpisodeRecord:
        """Return the episode of `to_custom_data`.

        Raises:
            EpisodeError: if these are no texts of an episode, or of a newer format.
        """
        own = {key.removeprefix(PREFIX): data[key] for key in data if key.startswith(PREFIX)}
        if own.get("format") != FORMAT:
            what = f"format {own['format']}" if "format" in own else "no episode"
            raise EpisodeError(
                f"its metadata holds {what}; expected format {FORMAT}, as the episode recorder of "
                "this package writes it"
            )
        try:
            provenance = json.loads(own["provenance"])
            return EpisodeRecord(
                begin_ns=int(own["begin_ns"]),
                end_ns=int(own["end_ns"]),
                ending=own["ending"],
                label=_part(EpisodeLabel, json.loads(own["label"])),
                provenance=_part(Provenance, provenance),
                accounts=tuple(_part(TopicAccount, a) for a in json.loads(own["accounts"])),
                marks=tuple(_part(Mark, mark) for mark in json.loads(own["marks"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise EpisodeError(f"its metadata is damaged: {type(error).__name__} {error}") from None


def _part(kind: type[_Part], values: dict[str, Any]) -> _Part:
    return kind(**values)
