"""Where the tools really were sent, and where one chunk took over from another."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import NANOSECONDS
from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.drawing.marks import Colour, Mark, MarkKind, by_time, one_colour
from wall_oss_ros.core.rotation import Array

_FADED: Colour = (0.9, 0.9, 0.9, 0.15)
_FRESH: Colour = (0.9, 0.9, 0.9, 1.0)
_SEAM: Colour = (0.2, 0.9, 0.9, 0.9)
# [m]
_WIDTH, _BALL = 0.005, 0.012


class _Sample(NamedTuple):
    """Where the tools were sent at a time [ns], and by which chunk (epoch, seq)."""

    stamp_ns: int
    places: dict[str, Array]
    chunk: tuple[int, int]


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
        self._samples: deque[_Sample] = deque(maxlen=most)

    def clear(self) -> None:
        """Forget everything."""
        self._samples.clear()

    def add(self, command: RobotCommand) -> None:
        """Take an executed command; one that is not newer than the last is left out."""
        if not command.tools:
            return
        if self._samples and command.stamp_ns <= self._samples[-1].stamp_ns:
            if self._samples[-1].stamp_ns - command.stamp_ns < NANOSECONDS:
                return
            self.clear()  # the clock went back
        places = {side: pose.position for side, pose in command.tools.items()}
        chunk = command.source_epoch, command.source_seq
        self._samples.append(_Sample(command.stamp_ns, places, chunk))
        while self._samples[0].stamp_ns < command.stamp_ns - self._keep_ns:
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
                for number in range(1, len(samples))
                if samples[number].chunk != samples[number - 1].chunk and samples[number].chunk[1]
            ]
            if seams:
                marks.append(
                    Mark(
                        f"{side}/seams", 0, MarkKind.SPHERES, frame, points[seams],
                        one_colour(_SEAM), _BALL,
                    )
                )  # fmt: skip
        return marks
