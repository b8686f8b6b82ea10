"""Pushes that move a tool off the expert's path and let it go again, as a function of time.

A demonstration without mistakes shows nobody how to come back from one (the errors of a learned
policy add up, arXiv 1703.09327). So what is sent to the robot is pushed aside for a while, and what
is written down stays what the expert wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.rotation import Array, matrix_from_rotation_vector


@dataclass(frozen=True, slots=True)
class DisturbanceSettings:
    """How much, how long, how often.

    Attributes:
        position_m: standard deviation of a push along x, y and z at its height.
        turn_rad: likewise of the turn about the vertical.
        length_s: shortest and longest push.
        pause_s: mean time between the end of a push and the next one; times are exponential.
        most_m: no push is larger; the expert takes a tool that is further off for held back.
        down: share of a push downwards that is kept, for below is the table.
        spared: share of the episodes without any.
    """

    position_m: float = 0.02
    turn_rad: float = 0.15
    length_s: tuple[float, float] = (0.4, 1.0)
    pause_s: float = 0.5
    most_m: float = 0.045
    down: float = 0.3
    spared: float = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Push:
    """One push: begins and ends at rest, and is largest in the middle.

    Attributes:
        start_s: when it begins.
        length_s: how long it takes.
        offset: (3,) at its height [m].
        turn: about the vertical at its height [rad].
    """

    start_s: float
    length_s: float
    offset: Array
    turn: float

    def strength(self, time_s: float) -> float:
        """Return 0 to 1."""
        part = (time_s - self.start_s) / self.length_s
        return float(np.sin(np.pi * part) ** 2) if 0.0 < part < 1.0 else 0.0


class Disturbance:
    """The pushes of one tool in one episode.

    Args:
        pushes: in any order; they may overlap.
    """

    def __init__(self, pushes: Sequence[Push]) -> None:
        self._pushes = tuple(pushes)

    def moved(self, pose: Pose, time_s: float) -> Pose:
        """Return a pose as it is pushed at a time since the beginning of the episode [s]."""
        offset, turn = np.zeros(3), 0.0
        for push in self._pushes:
            strength = push.strength(time_s)
            offset += strength * push.offset
            turn += strength * push.turn
        if not offset.any() and not turn:
            return pose
        spun = matrix_from_rotation_vector([0.0, 0.0, turn]) @ pose.rotation
        return Pose(pose.position + offset, spun)


def draw_disturbance(
    rng: np.random.Generator, settings: DisturbanceSettings, seconds: float
) -> Disturbance:
    """Return the pushes of an episode; none in a share of them.

    Args:
        rng: source of all randomness.
        settings: see there.
        seconds: how long they go on.
    """
    if rng.random() < settings.spared:
        return Disturbance(())
    pushes = []
    start = float(rng.exponential(settings.pause_s)) - settings.pause_s / 2
    while start < seconds:
        length = float(rng.uniform(*settings.length_s))
        offset = rng.normal(0.0, settings.position_m, 3)
        offset[2] *= settings.down if offset[2] < 0 else 1.0
        offset *= min(1.0, settings.most_m / max(float(np.linalg.norm(offset)), 1e-9))
        pushes.append(Push(start, length, offset, float(rng.normal(0.0, settings.turn_rad))))
        start += length + float(rng.exponential(settings.pause_s))
    return Disturbance(pushes)
