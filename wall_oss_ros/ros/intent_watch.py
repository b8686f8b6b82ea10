"""What is intended and what was executed, as marks: polled when somebody draws it.

What was executed is read off the supervisor's state, ten times a second. All hundred commands a
second would cost more than the drawing, and the supervisor's loop would have to publish them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node

from wall_oss_ros.core.chunk import ActionChunk
from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.drawing import Mark, Trail, chunk_marks, plan_marks, safety_marks
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.messages.chunks import chunk_from
from wall_oss_ros.messages.stamps import SECOND_NS
from wall_oss_ros.messages.states import sent_of
from wall_oss_ros.msg import ActionChunk as ActionChunkMessage
from wall_oss_ros.msg import ChunkVerdict, SafetyState
from wall_oss_ros.msg import CommittedPlan as CommittedPlanMessage
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.plan_message import plan_from
from wall_oss_ros.ros.polling import OnDemandSubscriber

# A chunk that is older than its rows and this is over [s].
_OVER_S = 0.5


class IntentWatch:
    """Listens to chunks, verdicts, plans and the supervisor, if asked.

    Attributes:
        refused: messages that could not be read.
    """

    def __init__(self, node: Node, contract: RobotContract, trail_s: float) -> None:
        """Listen to nothing yet.

        Args:
            node: owner of the subscriptions.
            contract: the robot.
            trail_s: how much of the executed motion is kept [s].
        """
        self._node, self._contract = node, contract
        self._trail = Trail(contract, trail_s)
        self._sources = (
            self._source(ActionChunkMessage, "action_chunk", self._on_chunk, qos.DRAWN),
            self._source(ChunkVerdict, "chunk_verdict", self._on_verdict, qos.EVENTS),
            self._source(CommittedPlanMessage, "committed_plan", self._on_plan, qos.DRAWN),
            self._source(SafetyState, "safety/state", self._on_safety, qos.STATE),
        )
        self.refused = 0
        self._forget()

    def attend(self, attending: bool) -> None:
        """Listen, or no more; what was heard before is over then."""
        for source in self._sources:
            source.want(attending)
        if not attending:
            self._forget()

    def poll(self) -> None:
        """Take what has come."""
        for source in self._sources:
            source.poll()

    def chunk(self, now_ns: int) -> ActionChunk | None:
        """Return the newest chunk, if any row of it is still to come or was just now."""
        chunk = self._chunk
        if chunk is None:
            return None
        end_ns = chunk.due_ns(chunk.horizon - 1) + round(_OVER_S * SECOND_NS)
        return chunk if now_ns <= end_ns else None

    def intents(self, now_ns: int) -> list[Mark]:
        """Return the chunk, what was cut of it, and the motion in force."""
        marks: list[Mark] = []
        chunk, verdict = self.chunk(now_ns), self._verdict
        if chunk is not None:
            judged = (chunk.epoch, chunk.seq)
            if verdict is not None and (verdict.epoch, verdict.seq) == judged:
                marks += chunk_marks(chunk, self._contract, verdict.safe_rows, verdict.reason)
            else:
                marks += chunk_marks(chunk, self._contract)
        if self._plan is not None:
            marks += plan_marks(self._plan, self._contract)
        return marks

    def words(self) -> list[Mark]:
        """Return what the supervisor says, above the robot."""
        safety = self._safety
        if safety is None:
            return []
        gaps = [
            (safety.nearest_zone, safety.zone_distance),
            (safety.nearest_links, safety.arm_distance),
        ]
        return safety_marks(self._contract.base_frame, gaps, [*safety.latched_causes])

    def trail(self) -> list[Mark]:
        """Return what was executed."""
        return self._trail.marks()

    def _forget(self) -> None:
        self._chunk: ActionChunk | None = None
        self._plan: CommittedPlan | None = None
        self._verdict: ChunkVerdict | None = None
        self._safety: SafetyState | None = None
        self._trail.clear()

    def _source(
        self, kind: type, topic: str, callback: Callable[[Any], None], profile: Any
    ) -> OnDemandSubscriber:
        source = OnDemandSubscriber(self._node, kind, topic, profile)
        source.registerCallback(callback)
        return source

    def _on_chunk(self, message: ActionChunkMessage) -> None:
        try:
            self._chunk = chunk_from(message)
        except MessageError:
            self.refused += 1

    def _on_plan(self, message: CommittedPlanMessage) -> None:
        try:
            self._plan = plan_from(message)
        except MessageError:
            self._plan = None
            self.refused += 1

    def _on_verdict(self, message: ChunkVerdict) -> None:
        self._verdict = message

    def _on_safety(self, message: SafetyState) -> None:
        before, self._safety = self._safety, message
        if before is not None and before.motion_enabled and not message.motion_enabled:
            self._chunk = self._plan = None
        try:
            self._trail.add(sent_of(message))
        except MessageError:
            self.refused += 1
