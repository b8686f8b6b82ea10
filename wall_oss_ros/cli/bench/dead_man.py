"""A person's thumb on the dead-man switch: says ten times a second whether it is held."""

from __future__ import annotations

import threading

from rclpy.node import Node
from std_msgs.msg import Bool

from wall_oss_ros.ros import qos

_PERIOD_S = 0.1


class DeadManSwitch:
    """Publishes `safety/dead_man` on a thread of its own.

    Attributes:
        held: what it says; None for nothing, as if its cable were cut.
    """

    def __init__(self, node: Node) -> None:
        """Begin to say that it is held."""
        self.held: bool | None = True
        self._publisher = node.create_publisher(Bool, "safety/dead_man", qos.EVENTS)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dead_man", daemon=True)
        self._thread.start()

    def set(self, held: bool | None) -> None:
        """Hold it, release it (said at once), or cut its cable."""
        self.held = held
        self._say()

    def close(self) -> None:
        """Say nothing any more."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(_PERIOD_S):
            self._say()

    def _say(self) -> None:
        held = self.held
        if held is not None:
            self._publisher.publish(Bool(data=held))
