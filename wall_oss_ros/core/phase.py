"""When in its period a loop should tick, so that what it waits for comes shortly before.

A loop that ticks at any phase lets a chunk wait for half a period in the mean, and the supervisor's
a command. Where they come at a rate that divides the loop's, as chunks from cameras at 10 or 20 Hz
for a loop at 100 Hz, and commands from a loop at the same rate, they come at the same phase again
and again, and the deadlines can be moved there, so slowly that nobody notices.

Phases are directions: their mean is the direction of the mean of the unit vectors, and the length
of that mean tells how much they agree, 1 wholly, 0 not at all (Mardia and Jupp, "Directional
Statistics", 2000, chapter 2). Chunks at a rate that does not divide the loop's do not agree, and
nothing is moved.
"""

from __future__ import annotations

import cmath
import math

# The mean is taken over about so many arrivals; fewer than _FEWEST say nothing.
_MEMORY, _FEWEST = 50, 10
# Below this length the phases are as good as evenly spread: of 50 such, 95 % are below 0.25.
_AGREE = 0.25
# Where the tick should be, after the mean arrival, in parts of the period: arrivals scatter, and
# one that just misses its tick waits for a whole period.
_AFTER = 0.2
# The most that a deadline moves, in parts of the period.
_SLEW = 0.01


class PhaseLock:
    """Learns the phase of arrivals. One thread tells of them, another may ask for shifts."""

    def __init__(self, period_ns: int) -> None:
        """Begin without knowledge.

        Args:
            period_ns: of the loop [ns].
        """
        self._period_ns = period_ns
        self._mean = 0j
        self._count = 0

    @property
    def agreement(self) -> float:
        """How much the phases of arrivals agree, 0 to 1; 0 before there are enough."""
        return abs(self._mean) if self._count >= _FEWEST else 0.0

    def arrived(self, at_ns: int) -> None:
        """Take an arrival [ns, the clock of the deadlines]."""
        turn = cmath.exp(2j * math.pi * (at_ns % self._period_ns) / self._period_ns)
        self._count += 1
        # One assignment, for the thread that reads.
        self._mean += (turn - self._mean) / min(self._count, _MEMORY)

    def shift_ns(self, deadline_ns: int) -> int:
        """Return by how much a deadline should be later [ns], negative for earlier."""
        mean = self._mean
        if self._count < _FEWEST or abs(mean) < _AGREE:
            return 0
        wanted = cmath.phase(mean) / (2.0 * math.pi) + _AFTER
        off = wanted - (deadline_ns % self._period_ns) / self._period_ns
        off -= round(off)  # the nearer way round
        return round(max(-_SLEW, min(_SLEW, off)) * self._period_ns)
