"""Listens to what the running graph says about itself, without being part of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from std_msgs.msg import Header, String

from wall_oss_ros.core.view.snapshot import NodeNow, Snapshot
from wall_oss_ros.messages.states import executor_now, policy_now, recorder_now, safety_now
from wall_oss_ros.msg import EpisodeState, ExecutorState, PolicyState, SafetyState
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.polling import PolledSubscriber

Part = TypeVar("Part")
# A node that was not heard for so long is forgotten: somebody ended it on purpose [s].
_FORGET_S = 60.0


@dataclass(slots=True)
class _Heard(Generic[Part]):
    """The newest message of a kind, and when it came [s, monotonic]."""

    convert: Callable[[Any, float], Part]
    message: Any = None
    at_s: float = 0.0

    def take(self, message: Any) -> None:
        self.message, self.at_s = message, time.monotonic()

    def now(self, now_s: float) -> Part | None:
        """Return it as a core object; None before the first, or if it makes no sense."""
        if self.message is None:
            return None
        try:
            return self.convert(self.message, now_s - self.at_s)
        except ValueError:  # a number that no enumeration has: another version of the suite
            return None


@dataclass(slots=True)
class _NodeSeen:
    level: int = 0
    sentence: str = ""
    told_s: float = field(default_factory=time.monotonic)
    beat_s: float | None = None


class GraphWatch:
    """Polled from one thread, which also takes the snapshots.

    Topics are relative to the namespace of the node. Nothing here is a callback of an executor: ten
    polls a second cost a fraction of two hundred messages a second.
    """

    def __init__(self, node: Node) -> None:
        """Subscribe.

        Args:
            node: owner of the subscriptions.
        """
        self._namespace = node.get_namespace().strip("/")
        self._safety = _Heard(safety_now)
        self._executor = _Heard(executor_now)
        self._policy = _Heard(policy_now)
        self._recorder = _Heard(recorder_now)
        self._nodes: dict[str, _NodeSeen] = {}
        self._instruction = ""
        self._sources: list[PolledSubscriber] = []
        states: tuple[tuple[type, str, Callable[[Any], None]], ...] = (
            (SafetyState, "safety/state", self._safety.take),
            (ExecutorState, "executor/state", self._executor.take),
            (PolicyState, "policy/state", self._policy.take),
            (EpisodeState, "recorder/state", self._recorder.take),
            (String, "instruction", self._on_instruction),
        )
        for kind, topic, callback in states:
            self._listen(node, kind, topic, callback, qos.STATE)
        self._listen(node, String, "instruction", self._on_instruction, qos.VOLATILE_STATE)
        self._listen(node, Header, "heartbeat", self._on_heartbeat, qos.EVENTS)
        self._listen(node, DiagnosticArray, "/diagnostics", self._on_diagnostics, qos.EVENTS)

    def poll(self) -> None:
        """Take what has come; ten times a second or so."""
        for source in self._sources:
            source.poll()

    def snapshot(self) -> Snapshot:
        """Return what is known now."""
        now_s = time.monotonic()
        nodes = []
        for name, seen in sorted(self._nodes.items()):
            told_s = max(seen.told_s, seen.beat_s or 0.0)
            if now_s - told_s > _FORGET_S:
                continue
            beat_age_s = None if seen.beat_s is None else now_s - seen.beat_s
            age_s = now_s - seen.told_s
            nodes.append(NodeNow(name, seen.level, seen.sentence, age_s, beat_age_s))
        return Snapshot(
            safety=self._safety.now(now_s),
            executor=self._executor.now(now_s),
            policy=self._policy.now(now_s),
            recorder=self._recorder.now(now_s),
            nodes=tuple(nodes),
            instruction=self._instruction,
        )

    @property
    def safety(self) -> SafetyState | None:
        """The supervisor's newest state as it came."""
        return self._safety.message

    def _listen(
        self, node: Node, kind: type, topic: str, callback: Callable[[Any], None], profile: Any
    ) -> None:
        source = PolledSubscriber(node, kind, topic, profile)
        source.registerCallback(callback)
        self._sources.append(source)

    def _on_instruction(self, message: String) -> None:
        self._instruction = message.data

    def _on_heartbeat(self, message: Header) -> None:
        self._nodes.setdefault(message.frame_id, _NodeSeen()).beat_s = time.monotonic()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            namespace, _, name = status.name.rpartition("/")
            if status.hardware_id != "wall_oss_ros" or namespace != self._namespace:
                continue
            seen = self._nodes.setdefault(name, _NodeSeen())
            seen.level = int.from_bytes(status.level, "little")
            seen.sentence, seen.told_s = status.message, time.monotonic()
