"""What the robot already follows, in the terms of the next chunk: rows by time, poses by new state.

A new chunk is asked for while the old one is still being followed, so its first rows overlap motion
that is decided. Which rows those are is a matter of time (one timeline, `chunk.ActionChunk`), what
they hold is a matter of the new anchor (`relative`). A row that the old chunk does not reach does
not exist here: it is not in the answer, and nothing is put in its place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from wall_oss_ros.core import action_space, rotation
from wall_oss_ros.core.chunk import NANOSECONDS
from wall_oss_ros.core.motion import GRIPPER_COLUMNS, LINEAR_COLUMNS
from wall_oss_ros.core.pose import frozen_array
from wall_oss_ros.core.rates import Percentiles
from wall_oss_ros.core.relative import absolute_actions, neutral_row, relative_actions
from wall_oss_ros.core.rotation import Array

# Times are whole nanoseconds; this much of a row beside a row is that row.
_SAME_ROW = 1e-6

# Grippers and base twist are commands, not places: between two rows there is nothing.
_STEPPED_COLUMNS = [
    *GRIPPER_COLUMNS,
    *range(*action_space.BASE.indices(action_space.ACTION_DIM)),
]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The chunk being followed: row i is due at ``stamp_ns + (i + 1) * dt``.

    Attributes:
        stamp_ns: capture time of the observation it was made from [ns].
        dt: time between rows [s].
        actions: (H, 26) absolute, see `action_space`; finite in every column, also where the
            policy commands nothing.
    """

    stamp_ns: int
    dt: float
    actions: Array

    def __post_init__(self) -> None:
        actions = frozen_array(self.actions)
        if actions.ndim != 2 or not len(actions) or actions.shape[1] != action_space.ACTION_DIM:
            raise ValueError(f"plan of shape {actions.shape}, expected (1 or more, 26)")
        if not np.all(np.isfinite(actions)):
            raise ValueError("plan with numbers that are not finite")
        if not 0.0 < self.dt < math.inf:
            raise ValueError(f"plan with dt {self.dt} s, expected more than 0")
        object.__setattr__(self, "actions", actions)

    @staticmethod
    def of(
        relative: ArrayLike,
        anchor: ArrayLike,
        stamp_ns: int,
        dt: float,
        mask: ArrayLike | None = None,
    ) -> Plan:
        """Return the plan that a policy's answer is.

        Args:
            relative: (H, 26) rows, poses relative to the anchor.
            anchor: (26,) state of the observation.
            stamp_ns: its capture time [ns].
            dt: time between rows [s].
            mask: (26,) bool, commanded dimensions; what stands in the others is not read, as in
                `chunk.chunk_from_output`. None for all.

        Raises:
            ValueError: if a commanded number is not finite or a 6-D rotation means no rotation.
        """
        if mask is not None:
            relative = np.where(mask, relative, neutral_row())
        return Plan(stamp_ns, dt, absolute_actions(relative, anchor))

    def rows_from(self, stamp_ns: int, horizon: int) -> Array:
        """Return what is due when the rows of a chunk with another stamp are due.

        Args:
            stamp_ns: of the new observation [ns].
            horizon: rows of the new chunk.

        Returns:
            (V, 26) absolute, V <= horizon: the first rows, as many as this plan has. Rows due after
            its last one are left out; none are left where the observation is older than the plan's
            own, as after a jump of the clock.
        """
        shift = (stamp_ns - self.stamp_ns) / NANOSECONDS / self.dt
        place: Array = shift + np.arange(horizon, dtype=np.float64)
        place = np.where(abs(place - np.rint(place)) < _SAME_ROW, np.rint(place), place)
        reached = (place <= len(self.actions) - 1) & (place[:1] >= 0)
        return self._at(place[reached])

    def distance(
        self, stamp_ns: int, state: ArrayLike, sides: Iterable[str] = action_space.SIDES
    ) -> tuple[float, float]:
        """Return how far the tools are from where the plan has them: [m], [rad], the farthest one.

        A robot that follows is behind by its lag. One that is far off does something else: it was
        stopped, held, or never took the plan up; going on from the plan would make it jump.

        Args:
            stamp_ns: when the state was measured [ns]; the ends of the plan hold before and after.
            state: (26,).
            sides: arms that the plan commands.
        """
        state = np.asarray(state, np.float64)
        place = (stamp_ns - self.stamp_ns) / NANOSECONDS / self.dt - 1.0
        due = self._at(np.clip([place], 0.0, len(self.actions) - 1.0))[0]
        far, wide = 0.0, 0.0
        for side in sides:
            position, turn = action_space.POSITION[side], action_space.ROTATION[side]
            far = max(far, float(np.linalg.norm(state[position] - due[position])))
            arc = rotation.matrix_from_rot6d(state[turn]) @ rotation.matrix_from_rot6d(due[turn]).T
            wide = max(wide, float(np.linalg.norm(rotation.rotation_vector_from_matrix(arc))))
        return far, wide

    def _at(self, place: Array) -> Array:
        """Return rows (n, 26) at places (n,) between 0 and H - 1, counted in rows.

        Positions, lift and head lie on the line between two rows, orientations on the shortest arc
        (within a fraction of a millimetre of the executor's spline, which bends between rows);
        grippers and base are those of the row in progress, as in `motion.ChunkTrajectory`.
        """
        before, in_progress = np.floor(place).astype(int), np.ceil(place).astype(int)
        start, end, part = self.actions[before], self.actions[in_progress], place - before
        rows: Array = np.empty((len(place), action_space.ACTION_DIM))
        rows[:, _STEPPED_COLUMNS] = end[:, _STEPPED_COLUMNS]
        rows[:, LINEAR_COLUMNS] = (1.0 - part)[:, None] * start[:, LINEAR_COLUMNS]
        rows[:, LINEAR_COLUMNS] += part[:, None] * end[:, LINEAR_COLUMNS]
        for side in action_space.SIDES:
            columns = action_space.ROTATION[side]
            arc = rotation.slerp(
                rotation.matrix_from_rot6d(start[:, columns]),
                rotation.matrix_from_rot6d(end[:, columns]),
                part,
            )
            rows[:, columns] = rotation.rot6d_from_matrix(arc)
        return rows


def carried_over(plan: Plan, stamp_ns: int, state: ArrayLike, horizon: int) -> Array:
    """Return the plan as the first rows of a new chunk, poses relative to the new state.

    Composing them with the state gives what the plan says at those times, wherever the robot is
    measured now: a robot that lags behind its plan does not move the plan.

    Args:
        plan: what is being followed.
        stamp_ns: capture time of the new observation [ns].
        state: (26,) its state.
        horizon: rows of the new chunk.

    Returns:
        (V, 26), V <= horizon; none where the plan has run out, or begins after the observation.
    """
    return relative_actions(plan.rows_from(stamp_ns, horizon), state)


def committed_rows(latency_s: float, dt: float, valid_rows: int) -> int:
    """Return how many first rows of a new chunk will be over, or begun, when it arrives.

    Never more than there are: where the old chunk ends sooner, or there is none, the rest of the
    new chunk is free.

    Args:
        latency_s: from the capture of the observation until its chunk is followed, not only the
            time the model takes [s].
        dt: time between rows [s].
        valid_rows: what the old chunk still has, the length of `carried_over`.

    Raises:
        ValueError: for a negative or infinite latency, or no time between rows.
    """
    if not (0.0 <= latency_s < math.inf and dt > 0.0):
        raise ValueError(f"latency {latency_s} s at {dt} s per row")
    # A latency of three rows is three, however the division rounds.
    return min(math.ceil(latency_s / dt - _SAME_ROW), valid_rows)


class DelayEstimate:
    """How long the next chunk will take, from how long the last ones took.

    Measured from an observation's capture until its chunk can be followed. The largest of the
    window by default: a chunk that arrives later than planned for is joined by force, one that
    arrives sooner costs a little freedom. Calls that are slow for reasons of their own (the first
    ones, which compile and allocate) are not to be given, or they count until the window forgets.
    """

    def __init__(self, initial_s: float, window: int = 50, percent: float = 100.0) -> None:
        """Begin with a guess.

        Args:
            initial_s: the estimate before the first measurement [s].
            window: how many measurements count.
            percent: which percentile of them is the estimate; 100 for the largest.

        Raises:
            ValueError: if one of them is out of range.
        """
        if not (0.0 <= initial_s < math.inf and window >= 1 and 0.0 <= percent <= 100.0):
            raise ValueError(f"initial_s {initial_s}, window {window}, percent {percent}")
        self._initial_s, self._percent = initial_s, percent
        self._measured = Percentiles(window)
        self.count = 0

    def add(self, latency_s: float) -> None:
        """Take a measurement [s]; a stamp ahead of the clock, a negative latency, is no delay.

        Raises:
            ValueError: if it is not finite.
        """
        if not math.isfinite(latency_s):
            raise ValueError(f"latency {latency_s} s")
        self._measured.add(max(latency_s, 0.0))
        self.count += 1

    @property
    def seconds(self) -> float:
        """The estimate [s]."""
        return self._measured.at(self._percent)[0] if self.count else self._initial_s
