"""Rates and percentiles over a sliding window; what state messages and diagnostics report."""

from __future__ import annotations

from collections import deque

import numpy as np

SECOND_NS = 1_000_000_000


class RateMeter:
    """Events per second over the last `window_s` seconds."""

    def __init__(self, window_s: float = 3.0) -> None:
        self._window_ns = round(window_s * SECOND_NS)
        self._ticks: deque[int] = deque()
        self.total = 0

    def tick(self, now_ns: int) -> None:
        """Count one event."""
        if self._ticks and now_ns < self._ticks[-1]:
            self._ticks.clear()  # another clock (bag loop, simulation reset)
        self._ticks.append(now_ns)
        self.total += 1
        self._forget(now_ns)

    def rate_hz(self, now_ns: int) -> float:
        """Return the rate; 0 after the window has passed without events."""
        self._forget(now_ns)
        if len(self._ticks) < 2:
            return 0.0
        # Until the next event is overdue the mean period counts; afterwards the silence does.
        span = self._ticks[-1] - self._ticks[0]
        period = span / (len(self._ticks) - 1)
        silence = now_ns - self._ticks[-1]
        return (len(self._ticks) - 1) * SECOND_NS / (span + max(0.0, silence - period) or 1.0)

    def _forget(self, now_ns: int) -> None:
        while self._ticks and self._ticks[0] < now_ns - self._window_ns:
            self._ticks.popleft()


class Percentiles:
    """The last `capacity` measurements and their percentiles."""

    def __init__(self, capacity: int = 500) -> None:
        self._values: deque[float] = deque(maxlen=capacity)

    def add(self, value: float) -> None:
        """Take a measurement."""
        self._values.append(value)

    def at(self, *percents: float) -> tuple[float, ...]:
        """Return the percentiles (0 to 100); zeros before the first measurement."""
        if not self._values:
            return tuple(0.0 for _ in percents)
        return tuple(np.percentile(np.fromiter(self._values, float), percents).tolist())

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()
