"""Keep simulated time beside wall time, and say so when the machine cannot."""

from __future__ import annotations

from collections import deque

SECOND_NS = 1_000_000_000


class Pacer:
    """How many simulation steps are due.

    A short delay is caught up; a backlog beyond `catch_up_s` is dropped: simulated time then runs
    slower than wall time, which `real_time_factor` shows, instead of drifting ever further behind.
    """

    def __init__(self, dt_s: float, catch_up_s: float = 0.05, window_s: float = 3.0) -> None:
        self._dt_ns = round(dt_s * SECOND_NS)
        self._catch_up = max(1, round(catch_up_s * SECOND_NS / self._dt_ns))
        self._window_ns = round(window_s * SECOND_NS)
        self._next_ns: int | None = None
        self._steps: deque[tuple[int, int]] = deque()
        self._done = 0
        self.lost_ns = 0

    def due(self, now_ns: int) -> int:
        """Return how many steps to take now.

        Args:
            now_ns: a monotonic clock [ns].
        """
        if self._next_ns is None:
            self._next_ns = now_ns
        behind = (now_ns - self._next_ns) // self._dt_ns + 1
        if behind <= 0:
            return 0
        if behind > self._catch_up:
            dropped = (behind - self._catch_up) * self._dt_ns
            self.lost_ns += dropped
            self._next_ns += dropped
            behind = self._catch_up
        self._next_ns += behind * self._dt_ns
        self._done += behind
        self._steps.append((now_ns, self._done))
        while self._steps[0][0] < now_ns - self._window_ns:
            self._steps.popleft()
        return int(behind)

    def real_time_factor(self) -> float:
        """Return simulated time per wall time over the last seconds; 1.0 in the first second."""
        steps = tuple(self._steps)
        if len(steps) < 2 or steps[-1][0] - steps[0][0] < SECOND_NS:
            return 1.0
        return (steps[-1][1] - steps[0][1]) * self._dt_ns / (steps[-1][0] - steps[0][0])
