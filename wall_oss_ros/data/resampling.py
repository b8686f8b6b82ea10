"""Frames at a fixed rate: for each the newest observation not later than it, never a later one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from wall_oss_ros.core.observation import Observation
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.data.recorded_actions import SECOND_NS, RecordedActions


@dataclass(frozen=True, slots=True)
class Grid:
    """Where frames are.

    Attributes:
        fps: frames per second [Hz].
        observation_age_s: oldest observation that a frame may show [s].
        action_age_s: oldest executed command that may be a frame's action [s].
        begin_ns: no frame before this [ns].
        end_ns: no frame after this [ns].
    """

    fps: int
    observation_age_s: float
    action_age_s: float
    begin_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class EpisodeFrame:
    """One frame.

    Attributes:
        number: its place on the grid; frames that follow one another have following numbers.
        time_ns: when it is [ns].
        observation: the newest one not later.
        action: (26,) absolute, where the robot was sent by the time of the next frame.
    """

    number: int
    time_ns: int
    observation: Observation
    action: Array


@dataclass(slots=True)
class Dropped:
    """Frames that could not be made, by reason."""

    reasons: Counter[str] = field(default_factory=Counter)


def frames(
    seen: Iterable[Observation], actions: RecordedActions, grid: Grid, dropped: Dropped
) -> Iterator[EpisodeFrame]:
    """Yield the frames of an episode; the grid begins with the first observation.

    The action of a frame at time t is the newest command that was due by t + 1 / fps: with chunks
    of rows, row i is due at t + (i + 1) * dt, as the policy's rows are.

    Args:
        seen: observations, oldest first.
        actions: what was executed.
        grid: where frames are.
        dropped: gets a count for every frame that is left out, and why.
    """
    step = SECOND_NS / grid.fps
    number, origin_ns, newest = 0, 0, None
    for observation in seen:
        if observation.stamp_ns < grid.begin_ns:
            continue
        if newest is None:
            origin_ns = observation.stamp_ns
        # What lies before this observation will not be seen any newer.
        while newest is not None:
            time_ns = origin_ns + round(number * step)
            if time_ns >= observation.stamp_ns or time_ns > grid.end_ns:
                break
            made = _frame(number, time_ns, newest, actions, grid, dropped)
            if made is not None:
                yield made
            number += 1
        newest = observation
    if newest is None:
        return
    # Of a time after the last observation nobody knows what would have been seen; of its own we do.
    time_ns = origin_ns + round(number * step)
    if time_ns == newest.stamp_ns and time_ns <= grid.end_ns:
        made = _frame(number, time_ns, newest, actions, grid, dropped)
        if made is not None:
            yield made


def _frame(
    number: int,
    time_ns: int,
    observation: Observation,
    actions: RecordedActions,
    grid: Grid,
    dropped: Dropped,
) -> EpisodeFrame | None:
    if time_ns - observation.stamp_ns > grid.observation_age_s * SECOND_NS:
        dropped.reasons["no observation so new"] += 1
        return None
    next_ns = time_ns + round(SECOND_NS / grid.fps)
    row = actions.at(next_ns, round(grid.action_age_s * SECOND_NS))
    if row is None:
        dropped.reasons["nothing was executed"] += 1
        return None
    # What a command leaves alone stays where it is.
    action = np.where(np.isfinite(row), row, observation.state)
    return EpisodeFrame(number, time_ns, observation, action)


def segments(made: Iterable[EpisodeFrame]) -> Iterator[tuple[int, EpisodeFrame]]:
    """Yield frames with the number of their run: after a gap another run begins."""
    run, before = 0, None
    for frame in made:
        if before is not None and frame.number != before + 1:
            run += 1
        before = frame.number
        yield run, frame
