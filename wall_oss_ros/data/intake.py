"""Where messages wait for the thread that writes them, and where losses are counted."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

# Beyond this a jump in a publisher's numbers is another publisher, not a loss.
_BELIEVABLE_GAP = 100_000


class Arrival(NamedTuple):
    """One message as it came.

    Attributes:
        channel: its topic's place in the recorder's list.
        stamp_ns: when it was received [ns].
        data: CDR bytes with their header.
    """

    channel: int
    stamp_ns: int
    data: bytes


class Intake:
    """A queue from the threads that receive to the one that writes; never blocks the first.

    Args:
        channels: how many topics there are.
        most_bytes: what may wait [byte]; what comes beyond is dropped and counted.
    """

    def __init__(self, channels: int, most_bytes: int) -> None:
        self._most = most_bytes
        self._waiting: deque[Arrival] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self._last: dict[tuple[int, bytes], int] = {}
        self.received = [0] * channels
        self.lost = [0] * channels
        self.dropped = [0] * channels

    def offer(self, arrival: Arrival, publisher: bytes, number: int) -> None:
        """Take a message.

        Args:
            arrival: the message.
            publisher: who sent it; each counts for itself.
            number: that publisher's own count, 1 for its first message. What is missing between
                two of them was published and never came.
        """
        channel = arrival.channel
        with self._lock:
            before = self._last.get((channel, publisher))
            self._last[channel, publisher] = number
            if before is not None and 1 < number - before < _BELIEVABLE_GAP:
                self.lost[channel] += number - before - 1
            self.received[channel] += 1
            if self._bytes + len(arrival.data) > self._most:
                self.dropped[channel] += 1
                return
            self._bytes += len(arrival.data)
            self._waiting.append(arrival)

    def take(self) -> list[Arrival]:
        """Return all that waits, oldest first."""
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
            self._bytes = 0
        return taken
