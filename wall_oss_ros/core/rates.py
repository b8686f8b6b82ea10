"""Rates and percentiles over a sliding window; what state messages and diagnostics report."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence

SECOND_NS = 1_000_000_000


class RateMeter:
    """Events per second over the last `window_s` seconds.

    One thread ticks; another may read the rate at the same time.
    """

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
        while self._ticks[0] < now_ns - self._window_ns:
            self._ticks.popleft()

    def rate_hz(self, now_ns: int) -> float:
        """Return the rate; 0 after the window has passed without events."""
        ticks = [tick for tick in tuple(self._ticks) if tick >= now_ns - self._window_ns]
        if len(ticks) < 2:
            return 0.0
        # Until the next event is overdue the mean period counts; afterwards the silence does.
        span = ticks[-1] - ticks[0]
        silence = now_ns - ticks[-1]
        overdue = max(0.0, silence - span / (len(ticks) - 1))
        return (len(ticks) - 1) * SECOND_NS / (span + overdue or 1.0)


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
        # tuple() copies in one step, so another thread may add meanwhile. numpy's own percentiles
        # interpolate between neighbours the same way, and take ten times as long for so few.
        values = sorted(tuple(self._values))
        last = len(values) - 1
        return tuple(_between(values, last * percent / 100.0) for percent in percents)

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()


def _between(values: Sequence[float], place: float) -> float:
    low = int(place)
    return values[low] + (place - low) * (values[min(low + 1, len(values) - 1)] - values[low])


class Histogram:
    """Counts of measurements by size, since the last `clear`.

    Percentiles of a window forget a rare bad value within seconds; a histogram does not. One
    thread adds; another may read at the same time.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        """Create an empty histogram.

        Args:
            bounds: upper edges of the bins, ascending; a value on an edge counts below it. One
                more bin takes what is larger than the last edge.

        Raises:
            ValueError: if there are no bounds or they do not ascend.
        """
        self.bounds = tuple(float(bound) for bound in bounds)
        if not self.bounds or any(
            not low < high for low, high in zip(self.bounds, self.bounds[1:], strict=False)
        ):
            raise ValueError(f"bounds {self.bounds} of a histogram must ascend")
        self._counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Count a measurement; one that is not a number counts as larger than every edge."""
        place = bisect_left(self.bounds, value) if value == value else len(self.bounds)
        self._counts[place] += 1

    @property
    def counts(self) -> tuple[int, ...]:
        """Measurements per bin, one more than there are bounds."""
        return tuple(self._counts)

    def share_within(self, bound: float) -> float:
        """Return the share (0..1) of measurements up to one of the bounds; 1 before the first.

        Raises:
            ValueError: if it is none of the bounds.
        """
        counts = self.counts
        total = sum(counts)
        within = sum(counts[: self.bounds.index(bound) + 1])
        return within / total if total else 1.0

    def clear(self) -> None:
        """Forget everything."""
        self._counts = [0] * len(self._counts)
