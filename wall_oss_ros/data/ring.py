"""The last seconds of all topics, for the case that something happens which nobody recorded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from wall_oss_ros.data.intake import Arrival

_SECOND_NS = 1_000_000_000


class Ring:
    """Forgets what is too old, and the oldest where it would become too large.

    Args:
        seconds: how far it reaches back; 0 keeps nothing.
        most_bytes: what it may hold [byte].
    """

    def __init__(self, seconds: float, most_bytes: int) -> None:
        self._reach_ns = round(seconds * _SECOND_NS)
        self._most = most_bytes
        self._kept: deque[Arrival] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Arrival]:
        return iter(self._kept)

    def add(self, arrival: Arrival) -> None:
        """Keep a message, and none that is too old beside it."""
        if self._reach_ns == 0:
            return
        self._kept.append(arrival)
        self._bytes += len(arrival.data)
        oldest_ns = arrival.stamp_ns - self._reach_ns
        # A clock that was set back leaves messages of the future; they are of no use.
        while self._kept and (
            not oldest_ns <= self._kept[0].stamp_ns <= arrival.stamp_ns or self._bytes > self._most
        ):
            self._bytes -= len(self._kept.popleft().data)
