"""What a dataset of ours says about the episodes it was made of (`meta/sources.json`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wall_oss_ros.core.episode import EpisodeLabel
from wall_oss_ros.core.errors import DatasetError, EpisodeError, choices
from wall_oss_ros.data.dataset_writer import SOURCES_FILE

_ACTIONS = {"absolute": False, "relative": True}


@dataclass(frozen=True, slots=True)
class EpisodeSource:
    """Where an episode came from; what nobody said is empty.

    Attributes:
        bag: name of the recorded episode.
        contract: schema hash of the robot that it was recorded with.
        policy: back end that made it.
        outcome: one of `core.episode.OUTCOMES`.
        progress: share of the task that was done, 0 to 1; None where nobody said.
        relative: whether its action rows are relative to their own frame's state.
    """

    bag: str = ""
    contract: str = ""
    policy: str = ""
    outcome: str = "unlabelled"
    progress: float | None = None
    relative: bool = False


def read_sources(root: Path, episodes: int) -> tuple[EpisodeSource, ...]:
    """Return the source of each episode; of a dataset without the file, empty ones.

    Args:
        root: the dataset's folder.
        episodes: how many it has.

    Raises:
        DatasetError: if the file is damaged, or of another number of episodes.
    """
    file = root / SOURCES_FILE
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return (EpisodeSource(),) * episodes
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file} cannot be read: {error}; copy it again") from None
    try:
        entries = {entry["episode_index"]: dict(entry["source"]) for entry in json.loads(text)}
    except (ValueError, TypeError, KeyError) as error:
        raise DatasetError(
            f"{file} is damaged: {type(error).__name__} {error}; copy it again"
        ) from (None)
    if sorted(entries) != list(range(episodes)):
        raise DatasetError(
            f"{file} is of {len(entries)} episodes and the dataset has {episodes}; write the "
            "dataset again, or give the file an entry for each, above all 'actions': 'absolute' "
            "or 'relative'"
        )
    return tuple(
        _source(entries[number], f"{file}: episode {number}") for number in sorted(entries)
    )


def _source(entry: dict[str, Any], where: str) -> EpisodeSource:
    actions, progress = entry.get("actions", "absolute"), entry.get("progress", "")
    if actions not in _ACTIONS:
        raise DatasetError(f"{where}: actions: got '{actions}'; valid: {choices(_ACTIONS)}")
    try:
        label = EpisodeLabel(
            outcome=entry.get("outcome", "unlabelled"),
            progress=None if progress == "" else float(progress),
        )
    except (EpisodeError, TypeError, ValueError) as error:
        raise DatasetError(f"{where}: {error}; correct it") from None
    return EpisodeSource(
        bag=str(entry.get("bag", "")),
        contract=str(entry.get("contract", "")),
        policy=str(entry.get("policy", "")),
        outcome=label.outcome,
        progress=label.progress,
        relative=_ACTIONS[actions],
    )
