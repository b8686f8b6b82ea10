"""The newest picture of every camera, for somebody who looks now and then."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.messages.images import decode_image
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.polling import PolledSubscriber

_TYPES = {"raw": Image, "compressed": CompressedImage}


class PictureFeed:
    """Subscribes only while `follow` says so; only what is polled is taken and decoded."""

    def __init__(self, node: Node, contract: RobotContract) -> None:
        """Subscribe to nothing yet.

        Args:
            node: owner of the subscriptions.
            contract: names the cameras.
        """
        self._node, self._contract = node, contract
        self._sources: dict[str, PolledSubscriber] = {}
        self._newest: dict[str, Image | CompressedImage] = {}
        self._seen_s: dict[str, float] = {}

    def follow(self, wanted: bool) -> None:
        """Subscribe to every camera, or to none."""
        if wanted == bool(self._sources):
            return
        for source in self._sources.values():
            source.close()
        self._sources.clear()
        self._newest.clear()
        for name, camera in self._contract.cameras.items() if wanted else ():
            source = PolledSubscriber(
                self._node, _TYPES[camera.transport], camera.topic, qos.SENSOR
            )
            source.registerCallback(lambda message, name=name: self._take(name, message))
            self._sources[name] = source
            self._seen_s[name] = time.monotonic()

    def poll(self) -> Iterator[tuple[str, NDArray[np.uint8] | None, str]]:
        """Yield, per camera, a new picture (h, w, 3) RGB, or None and why there is none."""
        for name, source in self._sources.items():
            source.poll()
            message = self._newest.pop(name, None)
            if message is None:
                silent_s = time.monotonic() - self._seen_s[name]
                yield name, None, f"no picture for {silent_s:.0f} s" if silent_s > 1.0 else ""
                continue
            self._seen_s[name] = time.monotonic()
            try:
                yield name, decode_image(message), ""
            except MessageError as error:
                yield name, None, str(error)

    def _take(self, name: str, message: Image | CompressedImage) -> None:
        self._newest[name] = message
