"""How a process ends: on a signal, or on an error that any of its threads met."""

from __future__ import annotations

import contextlib
import queue
import signal
from collections.abc import Iterator
from types import FrameType


class Ending:
    """Asked by the main loop; set by signal handlers and threads.

    No lock is held on the way: a handler that interrupts whoever holds it would wait for ever.
    """

    def __init__(self) -> None:
        self._requested = False
        # Its put may interrupt its get.
        self._told: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.error: BaseException | None = None

    @property
    def requested(self) -> bool:
        """Whether the process should end."""
        return self._requested

    def request(self) -> None:
        """End without an error."""
        self._requested = True
        self._told.put(None)

    def fail(self, error: BaseException) -> None:
        """End with an error; the first one counts."""
        if self.error is None:
            self.error = error
        self.request()

    def wait(self, timeout_s: float) -> bool:
        """Wait until the end is asked for; return whether it is. For one thread."""
        if not self._requested and timeout_s > 0.0:
            with contextlib.suppress(queue.Empty):
                self._told.get(timeout=timeout_s)
        return self._requested

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM ask for the end; restores the handlers afterwards."""

        def handle(number: int, frame: FrameType | None) -> None:
            self.request()

        previous = {
            number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
