"""Pushes that move a tool off the expert's path, as a function of time.

A demonstration without mistakes shows nobody how to come back from one (the errors of a learned
policy add up, arXiv 1703.09327). A push carries the tool aside and leaves it there. The expert goes
on from where it was left: what it wants depends on what can be seen, and never on a path that only
it knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wall_oss_ros.core.rotation import Array


@dataclass(frozen=True, slots=True)
class DisturbanceSettings:
    """How much, how long, how often.

    Attributes:
        position_m: standard deviation of a push along x, y and z.
        turn_rad: likewise of the turn about the vertical.
        length_s: shortest and longest push.
        pause_s: time between the end of a push and the next one: at least, and mean of what comes
            on top (exponential). A chunk that is learnt from ends where the next push begins.
        first_s: mean time from the beginning of the motion to the next one (exponential).
        most_m: no push is larger.
        start_m: likewise of the first push, which comes at once and gives an episode a beginning of
            its own. From home alone, the tool's place would soon tell where it is going, and a
            policy would learn to go on rather than to look.
        start_s: shortest and longest time that this one takes.
        start_most_m: it is no larger.
        down: share of a push downwards that is kept, for below is the table.
        spared: share of the episodes without any.
    """

    position_m: float = 0.03
    turn_rad: float = 0.2
    length_s: tuple[float, float] = (0.2, 0.5)
    pause_s: tuple[float, float] = (0.6, 1.6)
    first_s: float = 1.2
    most_m: float = 0.06
    start_m: float = 0.09
    start_s: tuple[float, float] = (0.7, 1.1)
    start_most_m: float = 0.2
    down: float = 0.5
    spared: float = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Push:
    """One push: begins and ends at rest.

    Attributes:
        start_s: when it begins.
        length_s: how long it takes.
        offset: (3,) how far it goes [m].
        turn: about the vertical [rad].
    """

    start_s: float
    length_s: float
    offset: Array
    turn: float

    def done(self, time_s: float) -> float:
        """Return how much of it is done, 0 to 1."""
        part = min(max((time_s - self.start_s) / self.length_s, 0.0), 1.0)
        return part * part * (3.0 - 2.0 * part)


class Disturbance:
    """The pushes of one tool in one episode.

    Args:
        pushes: in any order; they may overlap.
    """

    def __init__(self, pushes: Sequence[Push]) -> None:
        self._pushes = tuple(pushes)

    def between(self, start_s: float, end_s: float) -> tuple[Array, float]:
        """Return how far (3,) [m] and round the vertical [rad] a tool is pushed between two times.

        Times are since the beginning of the episode.
        """
        offset, turn = np.zeros(3), 0.0
        for push in self._pushes:
            share = push.done(end_s) - push.done(start_s)
            offset += share * push.offset
            turn += share * push.turn
        return offset, turn

    def active(self, start_s: float, end_s: float) -> bool:
        """Return whether a push is on its way at any moment between two times."""
        return any(
            push.start_s < end_s and start_s < push.start_s + push.length_s for push in self._pushes
        )


def draw_disturbances(
    rng: np.random.Generator, settings: DisturbanceSettings, seconds: float, sides: Iterable[str]
) -> Mapping[str, Disturbance]:
    """Return the pushes of an episode by tool; none in a share of the episodes.

    All tools are pushed at the same times, each in a direction of its own, so that between the
    pushes there is time in which none is.

    Args:
        rng: source of all randomness.
        settings: see there.
        seconds: how long they go on.
        sides: names of the tools.
    """
    pushes: dict[str, list[Push]] = {side: [] for side in sides}
    if rng.random() < settings.spared:
        return {side: Disturbance(()) for side in pushes}

    def push(start_s: float, length_s: float, spread_m: float, most_m: float) -> None:
        for each in pushes.values():
            offset = rng.normal(0.0, spread_m, 3)
            offset[2] *= settings.down if offset[2] < 0 else 1.0
            offset *= min(1.0, most_m / max(float(np.linalg.norm(offset)), 1e-9))
            turn = float(rng.normal(0.0, settings.turn_rad))
            each.append(Push(start_s, length_s, offset, turn))

    end = float(rng.uniform(*settings.start_s))
    push(0.0, end, settings.start_m, settings.start_most_m)
    start = end + float(rng.exponential(settings.first_s))
    while start < seconds:
        length = float(rng.uniform(*settings.length_s))
        push(start, length, settings.position_m, settings.most_m)
        least, more = settings.pause_s
        start += length + least + float(rng.exponential(more))
    return {side: Disturbance(each) for side, each in pushes.items()}
