"""Which episodes a person means by some folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wall_oss_ros.core.errors import EpisodeError
from wall_oss_ros.data.bag_metadata import METADATA, read_record


def chosen_bags(paths: Sequence[Path], outcomes: Sequence[str]) -> tuple[Path, ...]:
    """Return the episodes in some folders, each a bag or a folder of bags, by name.

    Args:
        paths: as a person gives them.
        outcomes: only episodes with these; empty: all.

    Raises:
        EpisodeError: for a folder without bags, or when no episode has such an outcome.
    """
    bags: list[Path] = []
    for path in paths:
        if not path.is_dir():
            raise EpisodeError(f"no folder {path}; give bags, or a folder of them")
        inside = (
            [path]
            if (path / METADATA).is_file()
            else sorted(item.parent for item in path.glob(f"*/{METADATA}"))
        )
        if not inside:
            raise EpisodeError(f"{path} is no bag and holds none (no {METADATA})")
        bags += [bag.resolve() for bag in inside]
    bags = list(dict.fromkeys(bags))
    if outcomes:
        found = {bag: read_record(bag).label.outcome for bag in bags}
        bags = [bag for bag in bags if found[bag] in outcomes]
        if not bags:
            raise EpisodeError(
                f"none of {len(found)} episodes has outcome {' or '.join(outcomes)}; they have "
                f"{', '.join(sorted(set(found.values())))}"
            )
    return tuple(bags)
