"""Motion time: the part of wall time in which the robot really followed its plan.

It passes at the speed scale while a chunk is followed and stands still while the robot holds. Rows
are due in motion time, so a row that was not followed is not over: a pause, a slower speed and a
wait for the first chunk consume nothing.
"""

from __future__ import annotations

import bisect

NANOSECONDS = 1_000_000_000


class MotionClock:
    """A piecewise linear map from wall time [ns] to motion time [s], remembered for some seconds.

    Motion time begins at 0 and never goes back, whatever the wall clock does. A wall clock that is
    set back starts the memory over: what was remembered had stamps of another time.
    """

    def __init__(self, now_ns: int, history_s: float) -> None:
        """Begin at motion time 0.

        Args:
            now_ns: wall time [ns].
            history_s: how far back `at` knows the way [s].
        """
        self._history_ns = round(history_s * NANOSECONDS)
        self._walls = [now_ns]
        self._motions = [0.0]
        self._rate = 0.0

    @property
    def now_ns(self) -> int:
        """Wall time of the last advance [ns]."""
        return self._walls[-1]

    @property
    def motion_s(self) -> float:
        """Motion time of the last advance [s]."""
        return self._motions[-1]

    def advance(self, now_ns: int, passed_s: float) -> None:
        """Go on to a wall time.

        Args:
            now_ns: wall time [ns].
            passed_s: motion time that passed since the last advance, 0 or more [s].
        """
        elapsed_ns = now_ns - self._walls[-1]
        motion_s = self._motions[-1] + passed_s
        if elapsed_ns <= 0:
            if elapsed_ns < 0:
                self._walls, self._motions = [], []
            else:
                del self._walls[-1], self._motions[-1]
            self._rate = 0.0
        else:
            self._rate = passed_s * NANOSECONDS / elapsed_ns
        self._walls.append(now_ns)
        self._motions.append(motion_s)
        # One mark before the beginning of the history is the beginning of its first piece.
        known = bisect.bisect_right(self._walls, now_ns - self._history_ns) - 1
        if known > 0:
            del self._walls[:known], self._motions[:known]

    def at(self, stamp_ns: int) -> float:
        """Return the motion time of a wall time [s].

        Ahead of the last advance the present rate goes on; before the history its first time holds.
        """
        later = bisect.bisect_right(self._walls, stamp_ns)
        if later == 0:
            return self._motions[0]
        wall, motion = self._walls[later - 1], self._motions[later - 1]
        since_s = (stamp_ns - wall) / NANOSECONDS
        if later == len(self._walls):
            return motion + since_s * self._rate
        piece_s = (self._walls[later] - wall) / NANOSECONDS
        return motion + (self._motions[later] - motion) * since_s / piece_s
