"""What nodes on simulated time measure jumps of their clock and pauses of their loops against."""

from __future__ import annotations


class SimulatedSteady:
    """A clock that never jumps, at the tempo of simulated time.

    It passes as simulated time does as long as that passes as slowly as wall time or slower, by as
    much as wall time where simulated time jumps ahead, and not at all where it goes back. What
    simulated time does beyond that is a jump.
    """

    def __init__(self) -> None:
        self._last: tuple[int, int] | None = None
        self._steady_ns = 0

    def at(self, simulated_ns: int, wall_ns: int) -> int:
        """Return its time [ns].

        Args:
            simulated_ns: simulated time [ns].
            wall_ns: a monotonic clock [ns].
        """
        if self._last is not None:
            passed_ns = simulated_ns - self._last[0]
            self._steady_ns += min(max(0, passed_ns), max(0, wall_ns - self._last[1]))
        self._last = simulated_ns, wall_ns
        return self._steady_ns
