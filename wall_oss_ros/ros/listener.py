"""Topics and services that a thread of their own waits for, without the executor.

What must be answered at once may not queue behind timers and other callbacks, and an rclpy executor
rebuilds its wait set over every entity of the node for each message. This one waits for few.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from rclpy.guard_condition import GuardCondition
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.service import Service
from rclpy.subscription import Subscription

from wall_oss_ros.ros.filters import SimpleFilter
from wall_oss_ros.ros.polling import NeverReady

_NO_TIMEOUT = -1
SECOND_NS = 1_000_000_000


class ListenerThread:
    """Calls back on its own thread, one message after the other."""

    def __init__(self, node: Node, name: str, on_error: Callable[[BaseException], None]) -> None:
        """Create a thread that waits for nothing yet.

        Args:
            node: owner of the subscriptions and services.
            name: thread name.
            on_error: called once, on the thread, with what ended it.
        """
        self._node = node
        self._on_error = on_error
        self._subscriptions: list[Subscription[Any]] = []
        self._raw: list[tuple[Subscription[Any], Callable[[bytes, bytes, int], None]]] = []
        self._services: list[Service[Any, Any]] = []
        self._wake = GuardCondition(None, None, context=node.context)
        self._timeout_ns = _NO_TIMEOUT
        self._on_idle: Callable[[], None] = lambda: None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def subscribe(
        self, kind: type, topic: str, callback: Callable[[Any], None], profile: QoSProfile
    ) -> SimpleFilter:
        """Wait for a topic; only before `start`. Returns it as a filter, for more callbacks."""
        source = SimpleFilter()
        source.registerCallback(callback)
        self._subscriptions.append(
            self._node.create_subscription(
                kind, topic, source.signalMessage, profile, callback_group=NeverReady()
            )
        )
        return source

    def subscribe_raw(
        self,
        kind: type,
        topic: str,
        callback: Callable[[bytes, bytes, int], None],
        profile: QoSProfile,
    ) -> None:
        """Wait for a topic without deserializing it; only before `start`.

        Args:
            kind: message type.
            topic: its name.
            callback: gets the CDR bytes, who published them (an identifier), and that publisher's
                count of its messages, 1 for the first.
            profile: quality of service.
        """
        subscription = self._node.create_subscription(
            kind, topic, lambda message: None, profile, callback_group=NeverReady(), raw=True
        )
        self._raw.append((subscription, callback))

    def adopt(self, subscription: Subscription[Any]) -> None:
        """Take a subscription over from the executor; only before `start`."""
        # Its events, too: Fast DDS wakes whoever waits for one of them with every message.
        for entity in (subscription, *subscription.event_handlers):
            entity.callback_group = NeverReady()
        self._subscriptions.append(subscription)

    def serve(self, kind: type, name: str, callback: Callable[[Any, Any], Any]) -> None:
        """Answer a service; only before `start`."""
        self._services.append(
            self._node.create_service(kind, name, callback, callback_group=NeverReady())
        )

    def when_idle(self, after_s: float, callback: Callable[[], None]) -> None:
        """Call back whenever nothing came for `after_s` seconds; only before `start`."""
        self._timeout_ns = round(after_s * SECOND_NS)
        self._on_idle = callback

    def start(self) -> None:
        """Start waiting."""
        self._thread.start()

    def stop(self) -> None:
        """Stop waiting; safe to call twice, and before the start."""
        self._stopping.set()
        self._wake.trigger()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        try:
            context = self._node.context.handle
            assert context is not None
            services = self._services
            waited = [*self._subscriptions, *(subscription for subscription, _ in self._raw)]
            wait_set = rclpy_implementation.WaitSet(len(waited), 1, 0, 0, len(services), 0, context)
            while not self._stopping.is_set():
                wait_set.clear_entities()
                wait_set.add_guard_condition(self._wake.handle)
                for subscription in waited:
                    wait_set.add_subscription(subscription.handle)
                for service in services:
                    wait_set.add_service(service.handle)
                wait_set.wait(self._timeout_ns)
                if self._stopping.is_set():
                    return
                # Asking all of them costs less than asking which are ready.
                came = [self._take(subscription) for subscription in self._subscriptions]
                came += [self._take_raw(*raw) for raw in self._raw]
                came += [self._answer(service) for service in services]
                if not any(came):
                    self._on_idle()
        except BaseException as error:  # reported, never swallowed: nobody listens any more
            self._on_error(error)

    def _take(self, subscription: Subscription[Any]) -> int:
        """Pass on what has come; return how much."""
        count = 0
        while True:
            with subscription.handle:
                taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
            if taken is None:
                return count
            subscription.callback(taken[0])
            count += 1

    def _take_raw(
        self, subscription: Subscription[Any], callback: Callable[[bytes, bytes, int], None]
    ) -> int:
        """Pass on what has come as bytes; return how much."""
        count = 0
        while True:
            with subscription.handle:
                taken = subscription.handle.take_message(subscription.msg_type, True)
            if taken is None:
                return count
            data, info = taken
            # Jazzy does not say who published; its topics have one publisher each, or no gaps.
            publisher = info.get("publisher_gid", {"data": b""})["data"]
            callback(data, publisher, info["publication_sequence_number"])
            count += 1

    def _answer(self, service: Service[Any, Any]) -> int:
        """Answer what was asked; return how much."""
        count = 0
        while True:
            with service.handle:
                request, header = service.handle.service_take_request(service.srv_type.Request)
            if header is None:
                return count
            response = service.callback(request, service.srv_type.Response())
            service.send_response(response, header)
            count += 1
