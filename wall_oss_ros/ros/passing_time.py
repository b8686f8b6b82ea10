"""The time by which a thread paces itself: the machine's, or the simulated one of /clock.

`use_sim_time` is for everything that a robot does, so a loop at 100 Hz has a hundred ticks in a
second of the robot, however long that second takes here. While the clock stands still, so does it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from rclpy.clock import JumpThreshold, ROSClock
from rclpy.duration import Duration
from rclpy.node import Node

SECOND_NS = 1_000_000_000
# How soon a sleeper whose clock stands still sees that it is to stop.
_LOOK_S = 0.05


class PassingTime(Protocol):
    """A clock to sleep by."""

    @property
    def simulated(self) -> bool:
        """Whether it is that of /clock."""

    def now_ns(self) -> int:
        """Return the time [ns]; only differences mean something."""

    def sleep_until(self, time_ns: int, stopping: Callable[[], bool]) -> None:
        """Return when the time has come, or has gone back, or soon after `stopping` is true."""


class WallTime:
    """The monotonic clock of the machine."""

    simulated = False

    def now_ns(self) -> int:
        """Return the time [ns]."""
        return time.monotonic_ns()

    def sleep_until(self, time_ns: int, stopping: Callable[[], bool]) -> None:
        """Sleep once; for periods that nobody minds waiting for."""
        wait_ns = time_ns - time.monotonic_ns()
        if wait_ns > 0 and not stopping():
            time.sleep(wait_ns / SECOND_NS)


class SimulatedTime:
    """The clock of a node that follows /clock.

    Args:
        node: its clock is asked; somebody has to take its messages of /clock.
    """

    simulated = True

    def __init__(self, node: Node) -> None:
        self._clock = node.get_clock()
        self._moved = threading.Condition()
        self._steps_back = 0
        every_step = JumpThreshold(
            min_forward=Duration(nanoseconds=1), min_backward=Duration(nanoseconds=-1)
        )
        self._handle = self._clock.create_jump_callback(
            every_step, post_callback=lambda jump: self._on_step(jump.delta.nanoseconds)
        )

    def now_ns(self) -> int:
        """Return the time [ns]."""
        return int(self._clock.now().nanoseconds)

    def sleep_until(self, time_ns: int, stopping: Callable[[], bool]) -> None:
        """Wait for the message of /clock that brings the time."""
        with self._moved:
            before = self._steps_back
            while self.now_ns() < time_ns and self._steps_back == before and not stopping():
                self._moved.wait(_LOOK_S)

    def _on_step(self, delta_ns: int) -> None:
        with self._moved:
            self._steps_back += delta_ns < 0
            self._moved.notify_all()


def passing_time(node: Node) -> PassingTime:
    """Return the time that a node's threads pace themselves by: that of its clock."""
    clock = node.get_clock()
    follows = isinstance(clock, ROSClock) and clock.ros_time_is_active
    return SimulatedTime(node) if follows else WallTime()
