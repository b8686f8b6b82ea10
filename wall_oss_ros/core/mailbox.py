"""A single-slot mailbox: the newest item wins, and nobody waits to hand one over."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """One thread puts, another takes; an item that was not taken in time is replaced."""

    def __init__(self) -> None:
        self._item: Item | None = None
        self._filled = threading.Condition()
        self.replaced = 0

    def put(self, item: Item) -> None:
        """Leave an item, replacing one that nobody took."""
        with self._filled:
            self.replaced += self._item is not None
            self._item = item
            self._filled.notify()

    def take(self, timeout_s: float) -> Item | None:
        """Wait for an item at most `timeout_s` seconds and take it; None if there was none."""
        with self._filled:
            self._filled.wait_for(lambda: self._item is not None, timeout_s)
            item, self._item = self._item, None
            return item

    def clear(self) -> None:
        """Throw away what nobody took."""
        with self._filled:
            self._item = None
