"""Which episodes of a dataset a person means: numbers and ranges in one text."""

from __future__ import annotations

import re

from wall_oss_ros.core.errors import DatasetError

_PART = re.compile(r"(\d+)(?:-(\d+))?", re.ASCII)


def chosen_episodes(text: str, count: int) -> tuple[int, ...]:
    """Return episode numbers, rising, each once.

    Args:
        text: e.g. "0,3,5-9", ends included; empty: all.
        count: episodes that the dataset has.

    Raises:
        DatasetError: if the text is something else, or names an episode that is not there.
    """
    if not count:
        raise DatasetError("the dataset has no episode; give another one")
    if not text.strip():
        return tuple(range(count))
    chosen: set[int] = set()
    for part in text.split(","):
        found = _PART.fullmatch(part.strip())
        first, last = (int(n) for n in (found[1], found[2] or found[1])) if found else (1, 0)
        if first > last:
            raise DatasetError(
                f"--episodes: got '{text}'; expected numbers and ranges such as 0,3,5-9"
            )
        if last >= count:
            raise DatasetError(
                f"--episodes: got '{text}'; the dataset has {count} episodes, 0 to {count - 1}"
            )
        chosen.update(range(first, last + 1))
    return tuple(sorted(chosen))
