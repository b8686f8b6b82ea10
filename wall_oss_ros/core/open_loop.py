"""How far a policy's rows are from what was done, per dimension: error, scale, saturation.

Each is blind to what the others see. An error is small where little happened; the scale tells a
policy that moves half as far (wrong statistics, a poor training) from one that is merely noisy; the
share at the limits tells one whose answers are cut off. Both compared with standing still.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core import action_space
from wall_oss_ros.core.relative import neutral_row
from wall_oss_ros.core.rotation import Array, matrix_from_rot6d, rotation_vector_from_matrix

# Where less than this was done [m, 1, rad, m/s], there is no scale.
_STILL = 1e-3
# Values this near their own extreme, in parts of their range, are at it.
_EXTREME = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredChunk:
    """A policy's answer beside what was done.

    Attributes:
        stamp_ns: observation it was made from [ns].
        state: (26,) state of that observation.
        rows: (H, 26) the answer, poses relative to the state; NaN where it commands nothing.
        done: (H, 26) executed at the time of each row, in the same terms; NaN where nothing was.
        took_ms: time of the inference.
    """

    stamp_ns: int
    state: Array
    rows: Array
    done: Array
    took_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class DimensionFigures:
    """One column, or one tool, over all rows of all chunks; NaN where there is nothing to tell.

    Attributes:
        name: of the column, or e.g. "left tool [m]".
        count: rows that were compared.
        mean, p95, largest: of the absolute error, in the unit of the column.
        still: mean error of a policy that answers "stay where you are".
        scale: how far it goes, as a share of how far was gone: least squares through the origin,
            both counted from standing still. 1 is right.
        at_limits: share of its values that are as small or as large as any.
        done_at_limits: the same of what was done.
    """

    name: str
    count: int
    mean: float
    p95: float
    largest: float
    still: float
    scale: float
    at_limits: float
    done_at_limits: float


def column_figures(name: str, column: int, chunks: list[AnsweredChunk]) -> DimensionFigures:
    """Return the figures of one column of the action space."""
    rows = np.concatenate([chunk.rows[:, column] for chunk in chunks])
    done = np.concatenate([chunk.done[:, column] for chunk in chunks])
    rest = np.concatenate(
        [np.full(len(chunk.rows), standing_still(chunk.state)[column]) for chunk in chunks]
    )
    both = np.isfinite(rows) & np.isfinite(done)
    rows, done, rest = rows[both], done[both], rest[both]
    return _figures(
        name,
        np.abs(rows - done),
        np.abs(rest - done),
        _slope(rows - rest, done - rest),
        (_at_limits(rows), _at_limits(done)),
    )


def tool_figures(side: str, chunks: list[AnsweredChunk]) -> tuple[DimensionFigures, ...]:
    """Return the figures of a tool's place [m] and turn [rad]; none if it was not compared."""
    place, turn = action_space.POSITION[side], action_space.ROTATION[side]
    rows = np.concatenate([chunk.rows for chunk in chunks])
    done = np.concatenate([chunk.done for chunk in chunks])
    both = np.isfinite(rows[:, place.start]) & np.isfinite(done[:, place.start])
    if not both.any():
        return ()
    rows, done = rows[both], done[both]
    turned, was_turned = matrix_from_rot6d(rows[:, turn]), matrix_from_rot6d(done[:, turn])
    nothing = (np.nan, np.nan)
    return (
        _figures(
            f"{side} tool [m]",
            np.linalg.norm(rows[:, place] - done[:, place], axis=1),
            np.linalg.norm(done[:, place], axis=1),
            _slope(rows[:, place], done[:, place]),
            nothing,
        ),
        _figures(
            f"{side} tool [rad]",
            _angles(turned @ np.swapaxes(was_turned, 1, 2)),
            _angles(was_turned),
            _slope(rotation_vector_from_matrix(turned), rotation_vector_from_matrix(was_turned)),
            nothing,
        ),
    )


def error_by_row(side: str, chunks: list[AnsweredChunk]) -> Array:
    """Return the mean error of a tool's place [m] by row, (H,); NaN where nothing was compared."""
    place = action_space.POSITION[side]
    horizon = max(len(chunk.rows) for chunk in chunks)
    errors = np.full((len(chunks), horizon), np.nan)
    for number, chunk in enumerate(chunks):
        gaps = np.linalg.norm(chunk.rows[:, place] - chunk.done[:, place], axis=1)
        errors[number, : len(gaps)] = gaps
    known = np.isfinite(errors)
    total = np.where(known, errors, 0.0).sum(axis=0)
    mean: Array = np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)
    return mean


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """Chunks as one motion, sampled every dt.

    Attributes:
        times_s: (N,) [s].
        places: (N, 3) of a tool [m].
        taken_over: indices of the samples with which a new chunk begins.
    """

    times_s: Array
    places: Array
    taken_over: tuple[int, ...]


def followed(stamps_s: list[float], chunks: list[Array], dt: float, end_s: float) -> Followed:
    """Follow the newest chunk whose first row is due, linear between rows.

    Args:
        stamps_s: observations the chunks were made from [s]; row i is due (i + 1) dt later.
        chunks: (H, 3) each, absolute [m]; each ends no earlier than the next one's first row.
        dt: time between rows [s].
        end_s: where to end at the latest [s].
    """
    begins = np.array(stamps_s) + dt
    end_s = min(end_s, stamps_s[-1] + len(chunks[-1]) * dt)
    times = np.arange(begins[0], end_s + 1e-6 * dt, dt)
    owners = np.searchsorted(begins, times, side="right") - 1
    places = np.empty((len(times), 3))
    for owner in np.unique(owners):
        mine = owners == owner
        due = begins[owner] + dt * np.arange(len(chunks[owner]))
        for axis in range(3):
            places[mine, axis] = np.interp(times[mine], due, chunks[owner][:, axis])
    taken_over = tuple((np.flatnonzero(np.diff(owners)) + 1).tolist())
    return Followed(times, places, taken_over)


def standing_still(state: Array) -> Array:
    """Return the row (26,), in the terms of an answer, that leaves everything where it is."""
    row = neutral_row()
    for field in action_space.FIELDS:
        if not field.relative:
            row[field.columns] = state[field.columns]
    row[action_space.BASE] = 0.0
    return row


def _figures(
    name: str, errors: Array, still: Array, scale: float, at_limits: tuple[float, float]
) -> DimensionFigures:
    if not len(errors):
        nan = float("nan")
        return DimensionFigures(name, 0, nan, nan, nan, nan, nan, nan, nan)
    return DimensionFigures(
        name,
        len(errors),
        float(errors.mean()),
        float(np.percentile(errors, 95)),
        float(errors.max()),
        float(still.mean()),
        scale,
        *at_limits,
    )


def _slope(given: Array, wanted: Array) -> float:
    square = float(np.sum(wanted**2))
    if not wanted.size or np.abs(wanted).max() < _STILL:
        return float("nan")
    return float(np.sum(given * wanted)) / square


def _at_limits(values: Array) -> float:
    if not len(values):
        return float("nan")
    low, high = float(values.min()), float(values.max())
    if high - low < _STILL:
        return float("nan")
    margin = _EXTREME * (high - low)
    out: NDArray[np.bool_] = (values <= low + margin) | (values >= high - margin)
    return float(out.mean())


def _angles(turns: Array) -> Array:
    angles: Array = np.linalg.norm(rotation_vector_from_matrix(turns), axis=-1)
    return angles
