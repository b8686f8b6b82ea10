"""Stand-ins for a robot's drivers: cameras that send JPEG, and joint states, each counted."""

from __future__ import annotations

import array
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import simplejpeg
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, JointState

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.stamps import to_stamp

# Different pictures in turns, so that none is like the one before.
_PICTURES = 8
_QUALITY = 85


class Drivers:
    """Publishes at the contract's rates between `start` and `stop`, on a thread of its own.

    Attributes:
        sent: messages by topic.
        last_ns: when the newest of them was sent [ns].
    """

    def __init__(self, node: Node, contract: RobotContract, px: int) -> None:
        """Create the publishers.

        Args:
            node: owner.
            contract: the robot; its cameras are compressed ones.
            px: side of the pictures.
        """
        rng = np.random.default_rng(0)
        pictures = [_jpeg(rng, px) for _ in range(_PICTURES)]
        self.picture_bytes = sum(map(len, pictures)) // _PICTURES
        self._streams: list[tuple[str, float, Any, Callable[[int], Any]]] = []
        for camera in contract.cameras.values():
            publisher = node.create_publisher(CompressedImage, camera.topic, qos.DRIVER)
            messages = []
            for picture in pictures:
                message = CompressedImage(format="rgb8; jpeg compressed bgr8", data=picture)
                message.header.frame_id = camera.frame
                messages.append(message)
            self._streams.append((camera.topic, camera.rate, publisher, _in_turns(messages)))
        names = list(contract.joint_names)
        joints = contract.joint_states
        state = JointState(name=names, position=[0.0] * len(names), velocity=[0.0] * len(names))
        publisher = node.create_publisher(JointState, joints.topic, qos.DRIVER)
        self._streams.append((joints.topic, joints.rate, publisher, lambda count: state))
        self.sent = {topic: 0 for topic, *_ in self._streams}
        self.last_ns = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def heard(self) -> bool:
        """Whether somebody subscribes to everything."""
        return all(publisher.get_subscription_count() for _, _, publisher, _ in self._streams)

    def start(self) -> None:
        """Begin to publish, counting from 0."""
        self.sent = dict.fromkeys(self.sent, 0)
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="drivers", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop; afterwards `sent` stays."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        begin = time.monotonic()
        while not self._stopping.is_set():
            due = [
                (begin + self.sent[t] / rate, i) for i, (t, rate, *_) in enumerate(self._streams)
            ]
            when, which = min(due)
            if (left := when - time.monotonic()) > 0:
                time.sleep(left)
            topic, _, publisher, message_of = self._streams[which]
            message = message_of(self.sent[topic])
            self.last_ns = time.time_ns()
            message.header.stamp = to_stamp(self.last_ns)
            publisher.publish(message)
            self.sent[topic] += 1


def _in_turns(messages: list[Any]) -> Callable[[int], Any]:
    return lambda count: messages[count % len(messages)]


def _jpeg(rng: np.random.Generator, px: int) -> array.array[int]:
    """Return a picture with about as much in it as one of a camera."""
    coarse = rng.integers(0, 255, (px // 16 + 1, px // 16 + 1, 3), dtype=np.uint8)
    pixels = np.kron(coarse, np.ones((16, 16, 1), np.uint8))[:px, :px]
    noisy = pixels.astype(np.int16) + rng.integers(-12, 12, pixels.shape, dtype=np.int16)
    picture = np.clip(noisy, 0, 255).astype(np.uint8)
    return array.array("B", simplejpeg.encode_jpeg(picture, quality=_QUALITY))
