"""Watches a running graph precisely: a thread of its own stamps every message when it arrives.

Messages are kept as bytes and read later, so that the thread has next to nothing to do.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import BringUpError
from wall_oss_ros.msg import (
    ActionChunk,
    CommittedPlan,
    ExecutorState,
    PolicyState,
    RobotCommand,
    SafetyState,
)
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.controller_outputs import INTERFACES
from wall_oss_ros.ros.listener import ListenerThread
from wall_oss_ros.ros.real_time import use_fifo_priority

TRUTH = "sim_robot/truth"
SAFETY, EXECUTOR, POLICY = "safety/state", "executor/state", "policy/state"
CHUNKS, PLANS, COMMANDS = "action_chunk", "committed_plan", "command"

# What the graph tells of itself; the largest come ten times a second.
WATCHED: dict[str, tuple[type, QoSProfile]] = {
    TRUTH: (JointState, qos.HISTORY),
    SAFETY: (SafetyState, qos.EVENTS),
    EXECUTOR: (ExecutorState, qos.EVENTS),
    CHUNKS: (ActionChunk, qos.EVENTS),
    PLANS: (CommittedPlan, qos.EVENTS),
    COMMANDS: (RobotCommand, qos.EVENTS),
}
POLICY_STATE: dict[str, tuple[type, QoSProfile]] = {POLICY: (PolicyState, qos.EVENTS)}
# At 200 Hz these are 30 s.
_KEPT = 6000


def controller_topics(contract: RobotContract) -> dict[str, tuple[type, QoSProfile]]:
    """Return type and profile of every topic that moves the robot."""
    topics: dict[str, str] = {
        each.topic: each.interface for each in contract.joint_controllers.values()
    }
    if contract.base is not None:
        topics[contract.base.controller.topic] = contract.base.controller.interface
    return {topic: (INTERFACES[interface], qos.EVENTS) for topic, interface in topics.items()}


class Arrival:
    """A message and when it arrived [ns, monotonic]."""

    __slots__ = ("_kind", "_message", "_raw", "ns")

    def __init__(self, ns: int, raw: bytes, kind: type) -> None:
        self.ns, self._raw, self._kind = ns, raw, kind
        self._message: Any = None

    @property
    def message(self) -> Any:
        """The message; read from its bytes when first asked for."""
        if self._message is None:
            self._message = deserialize_message(self._raw, self._kind)
        return self._message

    def copy(self) -> Any:
        """Return the message anew, to be changed."""
        return deserialize_message(self._raw, self._kind)


class _RawListener(ListenerThread):
    """A listener whose callbacks get bytes, and whose thread may have real-time priority."""

    def __init__(
        self, node: Node, on_error: Callable[[BaseException], None], priority: int
    ) -> None:
        super().__init__(node, "monitor", on_error)
        self._priority = priority

    def subscribe(
        self, kind: type, topic: str, callback: Callable[[Any], None], profile: QoSProfile
    ) -> None:
        super().subscribe(kind, topic, callback, profile)
        self._subscriptions[-1].raw = True

    def _run(self) -> None:
        refusal = use_fifo_priority(self._priority) if self._priority else None
        if refusal is not None:
            self._on_error(BringUpError(refusal))
            return
        super()._run()


class Monitor:
    """Arrivals by topic; use from any thread."""

    def __init__(
        self,
        topics: dict[str, tuple[type, QoSProfile]],
        namespace: str = "",
        priority: int = 0,
    ) -> None:
        """Listen.

        Args:
            topics: type and profile by topic.
            namespace: of the graph.
            priority: real-time priority of the listening thread (SCHED_FIFO); 0 for none.

        Raises:
            BringUpError: later, from `check`, if the priority is refused or listening ended.
        """
        self._arrivals: dict[str, deque[Arrival]] = {topic: deque(maxlen=_KEPT) for topic in topics}
        self._error: BaseException | None = None
        self._context = rclpy.Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node("monitor", namespace=namespace, context=self._context)
        self._listener = _RawListener(self._node, self._fail, priority)
        for topic, (kind, profile) in topics.items():
            self._listener.subscribe(kind, topic, self._keeper(topic, kind), profile)
        self._listener.start()

    def close(self) -> None:
        """Stop listening."""
        self._listener.stop()
        self._node.destroy_node()
        self._context.try_shutdown()

    def check(self) -> None:
        """Raise what ended the listening, if anything did.

        Raises:
            BringUpError: in words.
        """
        if self._error is not None:
            raise BringUpError(f"the monitor ended: {self._error}")

    def since(self, topic: str, ns: int) -> Sequence[Arrival]:
        """Return what arrived at or after a time [ns, monotonic], oldest first."""
        found: list[Arrival] = []
        try:
            for arrival in reversed(self._arrivals[topic]):
                if arrival.ns < ns:
                    break
                found.append(arrival)
        except RuntimeError:  # the listening thread added one meanwhile
            found = list(_newer(tuple(self._arrivals[topic]), ns))
        return found[::-1]

    def newest(self, topic: str) -> Arrival:
        """Return what arrived last.

        Raises:
            BringUpError: if nothing did.
        """
        try:
            return self._arrivals[topic][-1]
        except IndexError:
            raise BringUpError(f"nothing arrived on '{topic}' yet") from None

    def watches(self, topic: str) -> bool:
        """Return whether it listens to a topic."""
        return topic in self._arrivals

    def heard(self, topic: str) -> bool:
        """Return whether anything arrived yet."""
        return bool(self._arrivals[topic])

    def _keeper(self, topic: str, kind: type) -> Callable[[bytes], None]:
        keep = self._arrivals[topic].append
        return lambda raw: keep(Arrival(time.monotonic_ns(), raw, kind))

    def _fail(self, error: BaseException) -> None:
        self._error = error


def _newer(kept: Sequence[Arrival], ns: int) -> Iterator[Arrival]:
    for arrival in reversed(kept):
        if arrival.ns < ns:
            return
        yield arrival
