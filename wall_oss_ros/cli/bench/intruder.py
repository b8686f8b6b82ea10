"""A node that publishes what it should not: chunks, commands, controller topics."""

from __future__ import annotations

import threading
import time
from typing import Any

from rclpy.context import Context
from rclpy.node import Node
from rclpy.serialization import serialize_message

from wall_oss_ros.cli.bench.monitor import CHUNKS, COMMANDS, controller_topics
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import BringUpError
from wall_oss_ros.msg import ActionChunk, RobotCommand
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.stamps import to_stamp

# Commands per second of a flood, how far they are off [rad] or [m]; how long a reader may take [s].
FLOOD_HZ = 1500.0
_OFF = 0.5
_DISCOVERED_S = 3.0


class Intruder:
    """Publishes beside the suite's own nodes, which must cope."""

    def __init__(self, context: Context, contract: RobotContract, namespace: str) -> None:
        """Join the graph; only chunks have a publisher from the start.

        Args:
            context: of the process.
            contract: names the controller topics.
            namespace: of the graph.
        """
        self.node = Node("intruder", namespace=namespace, context=context)
        self._contract = contract
        self._chunks = self.node.create_publisher(ActionChunk, CHUNKS, qos.NEWEST)
        self._other: Any = None
        self._flooding = threading.Event()
        self._thread: threading.Thread | None = None

    def close(self) -> None:
        """Leave the graph."""
        self.leave()
        self.node.destroy_node()

    def publish_chunk(self, chunk: ActionChunk) -> None:
        """Publish a chunk beside the policy's."""
        self._chunks.publish(chunk)

    def occupy(self, part: str) -> None:
        """Become a second publisher of a part's controller topic; say nothing on it."""
        topic = self._contract.joint_controllers[part].topic
        kind, _ = controller_topics(self._contract)[topic]
        self._other = self.node.create_publisher(kind, topic, qos.command())

    def flood(self, command: RobotCommand) -> None:
        """Publish commands as fast as told, all joints off, until `leave`.

        Args:
            command: a real one; its joints are put off and it is stamped anew.

        Raises:
            BringUpError: if nobody listens to commands.
        """
        command.joint_positions = [place + _OFF for place in command.joint_positions]
        self._other = self.node.create_publisher(RobotCommand, COMMANDS, qos.command())
        end = time.monotonic() + _DISCOVERED_S
        while self._other.get_subscription_count() < 2:  # the supervisor, and the monitor
            if time.monotonic() > end:
                raise BringUpError("nobody listens to commands")
            time.sleep(0.005)
        self._flooding.set()
        self._thread = threading.Thread(target=self._pour, args=(command,), daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """End the flood, give the occupied topic up."""
        self._flooding.clear()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._other is not None:
            self.node.destroy_publisher(self._other)
            self._other = None

    def _pour(self, command: RobotCommand) -> None:
        publisher, period_s = self._other, 1.0 / FLOOD_HZ
        raw, told_s = b"", 0.0
        next_s = time.monotonic()
        while self._flooding.is_set():
            now_s = time.monotonic()
            if now_s - told_s > 0.01:  # writing a message out costs more than sending its bytes
                command.header.stamp = to_stamp(self.node.get_clock().now().nanoseconds)
                raw, told_s = serialize_message(command), now_s
            publisher.publish(raw)
            next_s = max(next_s + period_s, now_s - 0.01)
            time.sleep(max(0.0, next_s - time.monotonic()))
