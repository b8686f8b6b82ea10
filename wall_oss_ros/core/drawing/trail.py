"""Where the tools really were sent, and where one chunk took over from another."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import NANOSECONDS
from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.drawing.marks import Colour, Mark, MarkKind, by_time, one_colour

_FADED: Colour = (0.9, 0.9, 0.9, 0.15)
_FRESH: Colour = (0.9, 0.9, 0.9, 1.0)
_SEAM: Colour = (0.2, 0.9, 0.9, 0.9)
# [m]
_WIDTH, _BALL = 0.005, 0.012


class Sent(NamedTuple):
    """What went to the controllers at a time.

    Attributes:
        stamp_ns: when it was due [ns].
        places: where each commanded arm's tool was sent, in the arm's frame (3,) [m].
        chunk: epoch and seq of the chunk it comes from; seq 0: none.
    """

    stamp_ns: int
    places: Mapping[str, Sequence[float]]
    chunk: tuple[int, int]

    @classmethod
    def of(cls, command: RobotCommand) -> Sent:
        """Return what a trail needs of an executed command."""
        places = {side: pose.position.tolist() for side, pose in command.tools.items()}
        return cls(command.stamp_ns, places, (command.source_epoch, command.source_seq))


class Trail:
    """The last seconds of executed commands.

    Args:
        contract: the robot.
        seconds: how much is kept.
        most: samples that are kept at most.
    """

    def __init__(self, contract: RobotContract, seconds: float = 5.0, most: int = 500) -> None:
        self._frames = {side: contract.arms[side].frame for side in action_space.SIDES}
        self._keep_ns = round(seconds * NANOSECONDS)
        self._samples: deque[Sent] = deque(maxlen=most)

    def clear(self) -> None:
        """Forget everything."""
        self._samples.clear()

    def add(self, sent: Sent) -> None:
        """Take an executed command; one that is not newer than the last is left out."""
        if not sent.places:
            return
        if self._samples and sent.stamp_ns <= self._samples[-1].stamp_ns:
            if self._samples[-1].stamp_ns - sent.stamp_ns < NANOSECONDS:
                return
            self.clear()  # the clock went back
        self._samples.append(sent)
        while self._samples[0].stamp_ns < sent.stamp_ns - self._keep_ns:
            self._samples.popleft()

    def marks(self) -> list[Mark]:
        """Return a fading line per tool, and a ball where a new chunk took over."""
        marks = []
        for side in action_space.SIDES:
            samples = [sample for sample in self._samples if side in sample.places]
            if len(samples) < 2:
                continue
            points = np.array([sample.places[side] for sample in samples])
            colours = by_time(len(points), _FADED, _FRESH)
            frame = self._frames[side]
            marks.append(Mark(f"{side}/trail", 0, MarkKind.STRIP, frame, points, colours, _WIDTH))
            seams = [
                number
                for number, (before, after) in enumerate(pairwise(samples), 1)
                if after.chunk != before.chunk and after.chunk[1]
            ]
            if seams:
                balls, colour = points[seams], one_colour(_SEAM)
                marks.append(
                    Mark(f"{side}/seams", 0, MarkKind.SPHERES, frame, balls, colour, _BALL)
                )
        return marks
