"""A loop thread with absolute deadlines.

An rclpy timer waits behind every callback of its node and rebuilds the wait set at every tick; a
plain thread that sleeps until the next deadline does neither. `wall-oss bench loops` measures it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from wall_oss_ros.core.rates import Percentiles, RateMeter

SECOND_NS = 1_000_000_000


class DeadlineLoop:
    """Calls `tick` at a fixed rate on its own thread.

    A tick that overruns by more than a period is not made up for: the deadlines start again from
    now, and `missed` counts it.
    """

    def __init__(
        self,
        rate_hz: float,
        tick: Callable[[], None],
        on_error: Callable[[BaseException], None],
        name: str,
    ) -> None:
        """Create a stopped loop.

        Args:
            rate_hz: ticks per second.
            tick: called on the loop's thread.
            on_error: called once, on the loop's thread, with what ended it.
            name: thread name.
        """
        self.period_ns = round(SECOND_NS / rate_hz)
        self._tick = tick
        self._on_error = on_error
        self._name = name
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        # Written by the loop thread, read by whoever reports: single values, no lock needed.
        self.period_error_ms = Percentiles(1000)
        self.tick_ms = Percentiles(1000)
        self._meter = RateMeter()
        self.missed = 0

    def start(self) -> None:
        """Start the thread."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for it; safe to call twice and from the thread itself."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
            self._thread = None

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._thread is not None and not self._stopping.is_set()

    def measured_hz(self) -> float:
        """Return the rate of the last seconds."""
        return self._meter.rate_hz(time.monotonic_ns())

    def _run(self) -> None:
        try:
            deadline = last = time.monotonic_ns()
            while not self._stopping.is_set():
                deadline += self.period_ns
                wait = deadline - time.monotonic_ns()
                if wait > 0:
                    time.sleep(wait / SECOND_NS)
                elif -wait > self.period_ns:
                    self.missed += 1
                    deadline = time.monotonic_ns()
                if self._stopping.is_set():
                    return
                start = time.monotonic_ns()
                self.period_error_ms.add(abs(start - last - self.period_ns) / 1e6)
                last = start
                self._tick()
                self._meter.tick(start)
                self.tick_ms.add((time.monotonic_ns() - start) / 1e6)
        except BaseException as error:  # reported, never swallowed: the owner goes to FAULT
            self._on_error(error)
