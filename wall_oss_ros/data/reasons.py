"""Reasons that differ in their numbers only, told once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def grouped(reasons: Mapping[str, int]) -> list[tuple[int, str]]:
    """Return (count, reason), most frequent first; for each group its most frequent wording."""
    counts: Counter[str] = Counter()
    words: dict[str, str] = {}
    for reason, count in sorted(reasons.items(), key=lambda item: -item[1]):
        group = _NUMBER.sub("#", reason)
        counts[group] += count
        words.setdefault(group, reason)
    return [(count, words[group]) for group, count in counts.most_common()]
