"""The time a simulated robot lives in: where it is on its clock, and when it goes on."""

from __future__ import annotations

from wall_oss_ros.core.pacing import SECOND_NS, Pacer

# A clock that need not keep up does not run: loops that follow it shall not miss ticks.
_AT_ONCE = 2


class RobotTime:
    """Simulated time as the nodes know it.

    In wall time the robot's clock is the machine's, and what the machine was too slow to simulate
    is lost: it passed, and the robot did not live it. With a clock of its own nothing is lost: it
    passes as slowly as the machine needs.
    """

    def __init__(self, dt_s: float, *, own_clock: bool) -> None:
        """Begin at 0; see `begin`.

        Args:
            dt_s: of a simulation step [s].
            own_clock: whether nodes follow the robot's clock, or the machine's.
        """
        self.own_clock = own_clock
        self._dt_s, self._step_ns = dt_s, round(dt_s * SECOND_NS)
        self._pacer = Pacer(dt_s)
        self._epoch_ns = 0

    def begin(self, simulated_ns: int, now_ns: int) -> None:
        """Let it be this late by the nodes' clock at a time of the simulation [ns]."""
        self._pacer = Pacer(self._dt_s)
        self._epoch_ns = now_ns - simulated_ns

    def steps(self, monotonic_ns: int, free_ns: int, tempo: float) -> int:
        """Return how many simulation steps are due.

        Args:
            monotonic_ns: of the machine [ns].
            free_ns: how far a clock of its own may go on [ns].
            tempo: how fast it may pass, above 0 to 1.
        """
        if self.own_clock:
            self._pacer.tempo = tempo
            free = -(-free_ns // self._step_ns)
            return self._pacer.due(monotonic_ns, min(free, _AT_ONCE))
        before_ns = self._pacer.lost_ns
        steps = self._pacer.due(monotonic_ns)
        self._epoch_ns += self._pacer.lost_ns - before_ns
        return steps

    def stamp_ns(self, simulated_ns: int) -> int:
        """Return a time of the simulation on the clock of the nodes [ns]."""
        return self._epoch_ns + simulated_ns

    def passed_ns(self, simulated_ns: int) -> int:
        """Return how much time has passed for devices that need no simulation, as cameras [ns]."""
        return simulated_ns + (0 if self.own_clock else self._pacer.lost_ns)

    def jump(self, by_ns: int) -> None:
        """Set the clock of the nodes on or back [ns]: a fault."""
        self._epoch_ns += by_ns

    @property
    def lost_s(self) -> float:
        """How much was lost since `begin` [s]."""
        return 0.0 if self.own_clock else self._pacer.lost_ns / SECOND_NS

    def real_time_factor(self) -> float:
        """Return simulated time per wall time over the last seconds; 1.0 in the first second."""
        return self._pacer.real_time_factor()
