"""A loop thread with absolute deadlines.

An rclpy timer waits behind every callback of its node and rebuilds the wait set at every tick; a
plain thread that sleeps until the next deadline does neither. `wall-oss bench loops` measures it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic_ns

from wall_oss_ros.core.phase import PhaseLock
from wall_oss_ros.core.rates import Histogram, Percentiles, RateMeter
from wall_oss_ros.ros.passing_time import SECOND_NS, PassingTime, WallTime
from wall_oss_ros.ros.real_time import use_exact_timers

# Upper edges of the histogram of how late ticks begin [ms].
LATENESS_BOUNDS_MS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)


class DeadlineLoop:
    """Calls `tick` at a fixed rate on its own thread.

    Ticks that are more than a period late are not made up for: the deadlines start again from now,
    and `missed` counts the periods.

    Attributes:
        period_ns: the period [ns].
        time: what it paces itself by; every time and period below is of this clock, but for how
            long ticks take.
        phase: moves the deadlines, where one is set before the start.
        deadline_ns: when the present tick was due [ns]; None before the first since the start.
        period_error_ms: distance of ticks from one period after the last [ms].
        tick_ms: how long ticks take [ms of wall time].
        lateness_ms: how long after their deadlines ticks began, since the start [ms].
        missed: periods without a tick.
    """

    def __init__(
        self,
        rate_hz: float,
        tick: Callable[[], None],
        on_error: Callable[[BaseException], None],
        name: str,
        prepare: Callable[[], None] | None = None,
        time: PassingTime | None = None,
    ) -> None:
        """Create a stopped loop.

        Args:
            rate_hz: ticks per second.
            tick: called on the loop's thread.
            on_error: called once, on the loop's thread, with what ended it.
            name: thread name.
            prepare: called once on the loop's thread before the first tick.
            time: what it paces itself by; None: the machine's monotonic clock.
        """
        self.period_ns = round(SECOND_NS / rate_hz)
        self._tick = tick
        self._on_error = on_error
        self._name = name
        self._prepare = prepare
        self.time = time or WallTime()
        self.phase: PhaseLock | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        # Written by the loop thread, read by whoever reports: single values, no lock needed.
        self.period_error_ms = Percentiles(1000)
        self.tick_ms = Percentiles(1000)
        self.lateness_ms = Histogram(LATENESS_BOUNDS_MS)
        self.deadline_ns: int | None = None
        self._meter = RateMeter()
        self.missed = 0

    def start(self) -> None:
        """Start the thread; the histogram begins anew."""
        self._stopping.clear()
        self.deadline_ns = None
        self.lateness_ms.clear()
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
        """Whether it was started, was not stopped, and no error has ended it."""
        thread = self._thread
        return thread is not None and thread.is_alive() and not self._stopping.is_set()

    def measured_hz(self) -> float:
        """Return the rate of the last seconds."""
        return self._meter.rate_hz(self.time.now_ns())

    def _run(self) -> None:
        try:
            use_exact_timers()
            if self._prepare is not None:
                self._prepare()
            passing = self.time
            deadline = last = passing.now_ns()
            while not self._stopping.is_set():
                deadline += self.period_ns
                if self.phase is not None:
                    deadline += self.phase.shift_ns(deadline)
                passing.sleep_until(deadline, self._stopping.is_set)
                if self._stopping.is_set():
                    return
                start = passing.now_ns()
                late = start - deadline
                self.lateness_ms.add(late / 1e6)
                if late > self.period_ns:
                    self.missed += late // self.period_ns
                if abs(late) > self.period_ns:  # simulated time may go back, too
                    deadline = start
                self.deadline_ns = deadline
                self.period_error_ms.add(abs(start - last - self.period_ns) / 1e6)
                last = start
                begun = monotonic_ns()
                self._tick()
                self._meter.tick(start)
                self.tick_ms.add((monotonic_ns() - begun) / 1e6)
        except BaseException as error:  # reported, never swallowed: the owner goes to FAULT
            self._on_error(error)
