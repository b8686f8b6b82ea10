"""Subscriptions that a loop thread reads itself, without the executor.

An rclpy executor rebuilds its wait set for every message, over all parameter and lifecycle services
of the node; at 200 Hz that is most of the node's work. A loop that runs anyway asks the middleware
for what has come in: no wake-up, no queue between threads.
"""

from __future__ import annotations

import time
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile

from wall_oss_ros.ros.filters import SimpleFilter


class NeverReady(CallbackGroup):
    """Keeps the executor's hands off: its entities are left out of every wait set."""

    def can_execute(self, entity: Any) -> bool:
        """Never."""
        return False

    def beginning_execution(self, entity: Any) -> bool:
        """Never."""
        return False

    def ending_execution(self, entity: Any) -> None:
        """Nothing was begun."""


class PolledSubscriber(SimpleFilter):
    """A topic as a source that speaks when it is asked. One thread polls it.

    Attributes:
        waited_ns: how long ago the message that is passed on reached this process [ns].
    """

    def __init__(self, node: Node, msg_type: type, topic: str, qos_profile: QoSProfile) -> None:
        """Subscribe.

        Args:
            node: owner.
            msg_type: message type.
            topic: relative topic name.
            qos_profile: its depth is how many messages are kept between two polls.
        """
        super().__init__()
        self._node = node
        self.waited_ns = 0
        self._subscription = node.create_subscription(
            msg_type, topic, self.signalMessage, qos_profile, callback_group=NeverReady()
        )

    def poll(self) -> None:
        """Pass on every message that has come in, oldest first."""
        subscription = self._subscription
        with subscription.handle:
            while True:
                taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
                if taken is None:
                    return
                # The middleware stamps with the clock of the system.
                self.waited_ns = time.time_ns() - taken[1]["received_timestamp"]
                self.signalMessage(taken[0])

    def close(self) -> None:
        """Subscribe no more."""
        self._node.destroy_subscription(self._subscription)


class OnDemandSubscriber(SimpleFilter):
    """A polled topic that is subscribed to only while it is wanted.

    A message that comes in costs, whether somebody looks at it or not.
    """

    def __init__(self, node: Node, msg_type: type, topic: str, qos_profile: QoSProfile) -> None:
        """Subscribe to nothing yet; see `PolledSubscriber`."""
        super().__init__()
        self._given = node, msg_type, topic, qos_profile
        self._source: PolledSubscriber | None = None

    @property
    def wanted(self) -> bool:
        """Whether it is subscribed to."""
        return self._source is not None

    def want(self, wanted: bool) -> None:
        """Subscribe, or no more; what has come in and was not polled is lost then."""
        if wanted and self._source is None:
            self._source = PolledSubscriber(*self._given)
            self._source.registerCallback(self.signalMessage)
        elif not wanted and self._source is not None:
            self._source.close()
            self._source = None

    def poll(self) -> None:
        """Pass on every message that has come in, oldest first; none while it is not wanted."""
        if self._source is not None:
            self._source.poll()
