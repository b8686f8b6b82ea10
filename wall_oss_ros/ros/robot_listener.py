"""Listens to a robot's topics for a while, without being part of any graph, and says what came."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import rclpy
from nav_msgs.msg import Odometry
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image, JointState

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.stream_check import StreamSeen
from wall_oss_ros.messages.images import check_image, decode_image
from wall_oss_ros.messages.stamps import to_ns
from wall_oss_ros.ros import qos

_TYPES = {"raw": Image, "compressed": CompressedImage}
_SUPERVISOR = "safety_supervisor"
_DECODED = 3  # pictures of each camera that are decoded


class RobotListener:
    """Subscribes to everything an observation needs, and looks at the controllers.

    Attributes:
        cameras: what came, by camera name.
        joints, odometry: likewise.
    """

    def __init__(self, node: Node, contract: RobotContract) -> None:
        """Subscribe.

        Args:
            node: owner.
            contract: names the topics.
        """
        self._node, self._contract = node, contract
        self.cameras = {name: StreamSeen() for name in contract.cameras}
        self.joints, self.odometry = StreamSeen(), StreamSeen()
        self._topics: dict[str, StreamSeen] = {}
        self._first: dict[str, float] = {}
        for name, camera in contract.cameras.items():
            self._listen(
                _TYPES[camera.transport],
                camera.topic,
                self.cameras[name],
                self._look_at,
                qos.SENSOR,
            )
        stream = contract.joint_states
        self._listen(JointState, stream.topic, self.joints, self._read_names, qos.HISTORY)
        if contract.odometry is not None:
            self._listen(
                Odometry,
                contract.odometry.topic,
                self.odometry,
                lambda seen, message: None,
                qos.HISTORY,
            )

    def listen(self, executor: SingleThreadedExecutor, seconds: float) -> None:
        """Take messages for some time."""
        begin = time.monotonic()
        while (left := begin + seconds - time.monotonic()) > 0:
            executor.spin_once(timeout_sec=min(left, 0.1))
        end = time.monotonic()
        for topic, seen in self._topics.items():
            seen.seconds = end - self._first.get(topic, begin)
            seen.publishers = self._node.count_publishers(topic)

    def controllers(self) -> tuple[dict[str, int], dict[str, list[str]]]:
        """Return who listens to and, beside the supervisor, who publishes on controller topics."""
        listeners, strangers = {}, {}
        for topic in self._contract.controller_topics:
            listeners[topic] = self._node.count_subscribers(topic)
            strangers[topic] = [
                info.node_name
                for info in self._node.get_publishers_info_by_topic(topic)
                if info.node_name != _SUPERVISOR
            ]
        return listeners, strangers

    def _listen(
        self,
        kind: type,
        topic: str,
        seen: StreamSeen,
        look: Callable[[StreamSeen, Any], None],
        profile: Any,
    ) -> None:
        def take(message: Any) -> None:
            self._first.setdefault(topic, time.monotonic())
            seen.count += 1
            now_ns = self._node.get_clock().now().nanoseconds
            seen.ages_s.append((now_ns - to_ns(message.header.stamp)) * 1e-9)
            seen.frames.add(message.header.frame_id)
            look(seen, message)

        self._topics[topic] = seen
        self._node.create_subscription(kind, topic, take, profile)

    @staticmethod
    def _look_at(seen: StreamSeen, message: Any) -> None:
        if seen.count > _DECODED:
            return
        try:
            check_image(message)
            pixels = decode_image(message)
        except MessageError as error:
            seen.troubles.add(str(error))
            return
        seen.sizes.add((pixels.shape[1], pixels.shape[0]))
        seen.encodings.add(getattr(message, "encoding", "") or message.format)

    @staticmethod
    def _read_names(seen: StreamSeen, message: JointState) -> None:
        seen.names = tuple(message.name)


@contextmanager
def listening(contract: RobotContract, namespace: str) -> Iterator[tuple[RobotListener, Any]]:
    """Give a listener of its own and the executor it runs on."""
    rclpy.init()
    node = Node("wall_oss_doctor", namespace=namespace or None)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        yield RobotListener(node, contract), executor
    finally:
        executor.shutdown(timeout_sec=1.0)
        node.destroy_node()
        rclpy.try_shutdown()
