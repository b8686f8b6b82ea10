"""Keep simulated time beside wall time, or as far behind it as the machine needs."""

from __future__ import annotations

from collections import deque

SECOND_NS = 1_000_000_000
# Simulated time per wall time is never less, as long as anything is drawn at all.
SLOWEST = 0.02

# Pictures come about this long after their moment, as those of a camera do [s].
CAMERA_DELAY_S = 0.02
# How much the newest picture counts for the tempo.
_NEWEST = 0.3


class Pacer:
    """How many simulation steps are due.

    A short delay is caught up; a backlog beyond `catch_up_s` is dropped: simulated time then runs
    slower than wall time, which `real_time_factor` shows, instead of drifting ever further behind.

    Attributes:
        tempo: simulated time per wall time that is aimed at, above 0 to 1.
        lost_ns: simulated time that was dropped, at the tempo of then [ns].
    """

    def __init__(self, dt_s: float, catch_up_s: float = 0.05, window_s: float = 3.0) -> None:
        self._dt_ns = round(dt_s * SECOND_NS)
        self._catch_up = max(1, round(catch_up_s * SECOND_NS / self._dt_ns))
        self._window_ns = round(window_s * SECOND_NS)
        self._next_ns: int | None = None
        self._steps: deque[tuple[int, int]] = deque()
        self._done = 0
        self.tempo = 1.0
        self.lost_ns = 0

    def due(self, now_ns: int, at_most: int | None = None) -> int:
        """Return how many steps to take now.

        Args:
            now_ns: a monotonic clock [ns].
            at_most: steps that may be taken now, 0 or more; those beyond are dropped, too.
        """
        if self._next_ns is None:
            self._next_ns = now_ns
        step_ns = round(self._dt_ns / self.tempo)
        behind = (now_ns - self._next_ns) // step_ns + 1
        if behind <= 0:
            return 0
        most = self._catch_up if at_most is None else min(self._catch_up, at_most)
        dropped = max(0, behind - most)
        self.lost_ns += dropped * self._dt_ns
        self._next_ns += behind * step_ns
        behind -= dropped
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


class Tempo:
    """How fast simulated time may pass for pictures to come as soon as a camera's would.

    Where it passes faster, a busy machine draws ever more slowly, and what sees the pictures acts
    on what was long ago: the learned policy of pick_cube then loses cubes that it holds otherwise.

    Attributes:
        value: simulated time per wall time, above 0 to 1.
    """

    def __init__(self) -> None:
        """Begin at 1."""
        self._took_ns: float | None = None
        self.value = 1.0

    def drawn(self, took_ns: int) -> None:
        """Take note of how long the pictures of one moment took [ns of wall time]."""
        before = took_ns if self._took_ns is None else self._took_ns
        self._took_ns = before + _NEWEST * (took_ns - before)
        affordable = CAMERA_DELAY_S * SECOND_NS / max(self._took_ns, 1.0)
        self.value = min(1.0, max(SLOWEST, affordable))
