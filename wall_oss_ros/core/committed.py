"""What the robot already follows, in the terms of the next chunk: rows by time, poses by new state.

A new chunk is asked for while the old one is still being followed, so its first rows overlap motion
that is decided. Which rows those are is a matter of motion time (one timeline, `chunk.ActionChunk`,
stretched by the speed scale), what they hold is a matter of the new anchor (`relative`). A row that
the old plan does not reach does not exist here: it is not in the answer, and nothing is put in its
place. Which plan that is, `plan_in_force` decides.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wall_oss_ros.core import action_space, rotation
from wall_oss_ros.core.chunk import ActionChunk
from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.join import fade
from wall_oss_ros.core.motion import GRIPPER_COLUMNS, LINEAR_COLUMNS
from wall_oss_ros.core.relative import relative_actions
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.core.spline import natural_spline

# Times are whole nanoseconds; this much of a row beside a row is that row.
_SAME_ROW = 1e-6

# Grippers and base twist are commands, not places: between two rows there is nothing.
_STEPPED_COLUMNS = [
    *GRIPPER_COLUMNS,
    *range(*action_space.BASE.indices(action_space.ACTION_DIM)),
]


def plan_of(chunk: ActionChunk, speed_scale: float) -> CommittedPlan:
    """Return a chunk that was only just published as if it were followed from its capture time.

    Args:
        chunk: what was published.
        speed_scale: rows per dt that pass at present, 0 to 1.
    """
    return CommittedPlan(
        stamp_ns=chunk.stamp_ns,
        following=True,
        seq=chunk.seq,
        epoch=chunk.epoch,
        dt=chunk.dt,
        place=-1.0,
        speed_scale=speed_scale,
        actions=chunk.actions,
    )


def rows_from(plan: CommittedPlan, stamp_ns: int, dt: float, horizon: int) -> Array:
    """Return what is reached when the rows of a chunk with another stamp are.

    Row j of the new chunk is due j + 1 of its rows of motion time after its capture. A capture from
    before the plan was begun counts from the beginning: while the robot stood still no motion time
    passed.

    Args:
        plan: what is followed.
        stamp_ns: capture time of the new observation [ns].
        dt: time between rows of the new chunk [s].
        horizon: rows of the new chunk.

    Returns:
        (V, 26) absolute, V <= horizon: the first rows, as many as the plan has. Rows after its last
        one are left out.
    """
    start = max(plan.place_at(stamp_ns), -1.0)
    place: Array = start + np.arange(1.0, horizon + 1.0) * (dt / plan.dt)
    place = np.where(abs(place - np.rint(place)) < _SAME_ROW, np.rint(place), place)
    return _at(plan.actions, place[place <= len(plan.actions) - 1])


def carried_over(
    plan: CommittedPlan, stamp_ns: int, state: ArrayLike, dt: float, horizon: int
) -> Array:
    """Return the plan as the first rows of a new chunk, poses relative to the new state.

    Composing them with the state gives what the plan says at those times, wherever the robot is
    measured now: a robot that lags behind its plan does not move the plan.

    Args:
        plan: what is followed.
        stamp_ns: capture time of the new observation [ns].
        state: (26,) its state.
        dt: time between rows of the new chunk [s].
        horizon: rows of the new chunk.

    Returns:
        (V, 26), V <= horizon; none where the plan has run out.
    """
    return relative_actions(rows_from(plan, stamp_ns, dt, horizon), state)


def committed_rows(motion_s: float, dt: float, valid_rows: int) -> int:
    """Return how many first rows of a new chunk will be over, or begun, when it arrives.

    Never more than there are: where the old plan ends sooner, or there is none, the rest of the
    new chunk is free.

    Args:
        motion_s: motion time from the capture of the observation until its chunk is followed, not
            only while the model takes [s].
        dt: time between rows of the new chunk [s].
        valid_rows: what the old plan still has, the length of `carried_over`.

    Raises:
        ValueError: for a negative or infinite time, or no time between rows.
    """
    if not (0.0 <= motion_s < math.inf and dt > 0.0):
        raise ValueError(f"latency {motion_s} s at {dt} s per row")
    # A latency of three rows is three, however the division rounds.
    return min(math.ceil(motion_s / dt - _SAME_ROW), valid_rows)


def leaving(
    actions: Array, rows: Array, delay: int, count: int, mask: NDArray[np.bool_] | None = None
) -> Array:
    """Return a chunk that does what is committed and from there leaves it gradually.

    A policy never goes on from committed rows exactly, and a chunk that does what is committed and
    from the next row on what the policy says has a kink there, which is a greater jerk than that of
    two chunks that know nothing of each other. Here the difference falls to zero at rest over some
    rows, as in `join`, which has nothing left to do then.

    Grippers and base twist are commands, not places: behind the committed rows they are the new
    chunk's own.

    Args:
        actions: (H, 26) new rows; poses relative to the same state as those of `rows`.
        rows: (V, 26) the running motion in its place, from `carried_over`.
        delay: rows that are committed, at most V.
        count: how many rows behind them still keep something of it.
        mask: (26,) commanded dimensions; the others are returned as they are. None for all.

    Raises:
        ValueError: where a rotation is none.
    """
    used = np.ones(action_space.ACTION_DIM, np.bool_) if mask is None else mask
    left = actions.copy()
    left[:delay, used] = rows[:delay, used]
    last = min(delay + count, len(rows), len(actions))
    if last <= delay:
        return left
    span = float(last - delay + 1)
    weight = np.array([fade(row + 1.0, span)[0] for row in range(last - delay)])
    old, new = rows[delay:last], actions[delay:last]
    columns = LINEAR_COLUMNS[used[LINEAR_COLUMNS]]
    left[delay:last, columns] = old[:, columns] + weight[:, None] * (new - old)[:, columns]
    for side in action_space.SIDES:
        turn = action_space.ROTATION[side]
        if used[turn].all():
            arc = rotation.slerp(
                rotation.matrix_from_rot6d(old[:, turn]),
                rotation.matrix_from_rot6d(new[:, turn]),
                weight,
            )
            left[delay:last, turn] = rotation.rot6d_from_matrix(arc)
    return left


def _at(actions: Array, place: Array) -> Array:
    """Return rows (n, 26) at places (n,) from 0 to H - 1, counted in rows of `actions` (H, 26).

    Positions, lift and head are on the spline that the executor puts through the rows (a straight
    line would bend at every row, and the new chunk would learn the bend); orientations on the
    shortest arc, which differs from its spline by some thousandths of a radian at most; grippers
    and base are those of the row in progress, as in `chunk_trajectory`.
    """
    before, in_progress = np.floor(place).astype(int), np.ceil(place).astype(int)
    start, end, part = actions[before], actions[in_progress], place - before
    rows: Array = np.empty((len(place), action_space.ACTION_DIM))
    rows[:, _STEPPED_COLUMNS] = end[:, _STEPPED_COLUMNS]
    rows[:, LINEAR_COLUMNS] = start[:, LINEAR_COLUMNS]
    between = part > 0.0
    if between.any():
        knots = actions[:, LINEAR_COLUMNS]
        begin = 2.0 * knots[0] - knots[min(1, len(knots) - 1)]  # where the executor begins it
        pieces = natural_spline(np.vstack([begin, knots]))
        # Piece i + 1 leads from row i to the next; piece 0 is the one to the first row.
        powers = part[between, None] ** np.arange(4.0)
        rows[np.ix_(between, LINEAR_COLUMNS)] = np.einsum(
            "np,npk->nk", powers, pieces[before[between] + 1]
        )
    for side in action_space.SIDES:
        columns = action_space.ROTATION[side]
        arc = rotation.slerp(
            rotation.matrix_from_rot6d(start[:, columns]),
            rotation.matrix_from_rot6d(end[:, columns]),
            part,
        )
        rows[:, columns] = rotation.rot6d_from_matrix(arc)
    return rows
