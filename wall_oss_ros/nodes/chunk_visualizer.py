"""chunk_visualizer: what the policy intends, what safety cut and what was executed, for RViz."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from nav_msgs.msg import Path
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory
from visualization_msgs.msg import MarkerArray

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import ActionChunk
from wall_oss_ros.core.chunk_targets import chunk_targets
from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.drawing import Mark, Trail, chunk_marks, plan_marks, safety_marks
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.joints import JointSelector
from wall_oss_ros.core.observation import JointSample
from wall_oss_ros.core.recorded_topics import EXECUTED
from wall_oss_ros.kinematics import MinkKinematics
from wall_oss_ros.messages.chunks import chunk_from
from wall_oss_ros.messages.commands import command_from
from wall_oss_ros.messages.joint_states import joint_sample
from wall_oss_ros.messages.stamps import SECOND_NS
from wall_oss_ros.msg import ActionChunk as ActionChunkMessage
from wall_oss_ros.msg import ChunkVerdict, RobotCommand, SafetyState
from wall_oss_ros.msg import CommittedPlan as CommittedPlanMessage
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.marker_message import MarkerBoard
from wall_oss_ros.ros.node import SuiteNode, run
from wall_oss_ros.ros.parameters import declare
from wall_oss_ros.ros.plan_message import plan_from
from wall_oss_ros.ros.polling import PolledSubscriber
from wall_oss_ros.ros.preview_messages import joint_preview, tool_path

# A chunk that is older than its rows and this is over [s].
_OVER_S = 0.5
_LIFETIME_S = 1.0


class ChunkVisualizerNode(SuiteNode):
    """Draws ten times a second, and only what somebody looks at.

    Everything is polled when it is drawn: a callback for each of a hundred commands a second would
    cost more than the drawing.
    """

    def __init__(self) -> None:
        super().__init__("chunk_visualizer")
        self._rate = declare(self, "rate", 10.0, "how often it is drawn [Hz]", low=1.0, high=60.0)
        self._trail_s = declare(
            self, "trail_s", 5.0, "how much of the executed motion is shown [s]", low=0.1, high=60.0
        )

    def build(self, contract: RobotContract) -> None:
        """Subscribe, and create what is drawn to."""
        self._contract = contract
        self._kinematics: MinkKinematics | None = None
        self._selector = JointSelector(contract.joint_names)
        self._trail = Trail(contract, self._trail_s)
        self._chunk: ActionChunk | None = None
        self._plan: CommittedPlan | None = None
        self._verdict: ChunkVerdict | None = None
        self._joints: JointSample | None = None
        self._safety: SafetyState | None = None
        self._previewed = self._refused = self._drawn = 0
        self._executed: PolledSubscriber | None = None
        self._inputs = [
            self._poll(ActionChunkMessage, "action_chunk", self._on_chunk, qos.NEWEST),
            self._poll(ChunkVerdict, "chunk_verdict", self._on_verdict, qos.EVENTS),
            self._poll(CommittedPlanMessage, "committed_plan", self._on_plan, qos.NEWEST),
            self._poll(SafetyState, "safety/state", self._on_safety, qos.STATE),
            self._poll(JointState, contract.joint_states.topic, self._on_joints, qos.MEASURED),
        ]
        self._intended = MarkerBoard(_LIFETIME_S)
        self._done = MarkerBoard(_LIFETIME_S)
        create = self.create_lifecycle_publisher
        self._chunk_markers = create(MarkerArray, "visualization/chunk", qos.NEWEST)
        self._done_markers = create(MarkerArray, "visualization/executed", qos.NEWEST)
        self._paths = {
            side: create(Path, f"visualization/{side}_path", qos.NEWEST)
            for side in action_space.SIDES
        }
        self._preview = create(JointTrajectory, "visualization/joint_preview", qos.NEWEST)
        self.create_timer(1.0 / self._rate, self._draw)

    def _poll(
        self, kind: type, topic: str, callback: Callable[[Any], None], profile: Any
    ) -> PolledSubscriber:
        source = PolledSubscriber(self, kind, topic, profile)
        source.registerCallback(callback)
        return source

    # -- what comes in ----------------------------------------------------------------------------

    def _on_chunk(self, message: ActionChunkMessage) -> None:
        try:
            self._chunk = chunk_from(message)
        except MessageError:
            self._refused += 1

    def _on_plan(self, message: CommittedPlanMessage) -> None:
        try:
            self._plan = plan_from(message)
        except MessageError:
            self._plan = None
            self._refused += 1

    def _on_verdict(self, message: ChunkVerdict) -> None:
        self._verdict = message

    def _on_safety(self, message: SafetyState) -> None:
        before, self._safety = self._safety, message
        if before is not None and before.motion_enabled and not message.motion_enabled:
            self._chunk = self._plan = None

    def _on_joints(self, message: JointState) -> None:
        try:
            self._joints = joint_sample(message, self._selector)
        except MessageError:
            self._joints = None

    def _on_executed(self, message: RobotCommand) -> None:
        try:
            self._trail.add(command_from(message))
        except MessageError:
            self._refused += 1

    # -- drawing ----------------------------------------------------------------------------------

    def _draw(self) -> None:
        if not self.active:
            return
        if not self._look_for_watchers():
            return
        for source in self._inputs:
            source.poll()
        if self._executed is not None:
            self._executed.poll()
        now_ns = self.now_ns()
        chunk = self._current(now_ns)
        if self._chunk_markers.get_subscription_count() > 0:
            self._chunk_markers.publish(self._intended.update(self._intents(chunk), now_ns))
            self._drawn += 1
        if self._executed is not None:
            self._done_markers.publish(self._done.update(self._trail.marks(), now_ns))
        if chunk is not None and chunk.seq != self._previewed:
            self._previewed = chunk.seq
            self._show_rows(chunk)

    def _look_for_watchers(self) -> bool:
        """Return whether somebody looks at anything.

        Executed commands are asked for only while somebody looks at them: the supervisor publishes
        them only then.
        """
        watched = self._done_markers.get_subscription_count() > 0
        if watched and self._executed is None:
            self._trail.clear()
            # One sample per picture: all hundred a second would cost more than they show.
            self._executed = self._poll(RobotCommand, EXECUTED, self._on_executed, qos.NEWEST)
        elif not watched and self._executed is not None:
            self._executed.close()
            self._executed = None
        others = (self._chunk_markers, self._preview, *self._paths.values())
        return watched or any(other.get_subscription_count() > 0 for other in others)

    def _current(self, now_ns: int) -> ActionChunk | None:
        """Return the newest chunk, if any row of it is still to come or was just now."""
        chunk = self._chunk
        if chunk is None:
            return None
        end_ns = chunk.due_ns(chunk.horizon - 1) + round(_OVER_S * SECOND_NS)
        return chunk if now_ns <= end_ns else None

    def _intents(self, chunk: ActionChunk | None) -> list[Mark]:
        marks: list[Mark] = []
        verdict = self._verdict
        if chunk is not None:
            judged = verdict is not None and (verdict.epoch, verdict.seq) == (
                chunk.epoch,
                chunk.seq,
            )
            if verdict is not None and judged:
                marks += chunk_marks(chunk, self._contract, verdict.safe_rows, verdict.reason)
            else:
                marks += chunk_marks(chunk, self._contract)
        if self._plan is not None:
            marks += plan_marks(self._plan, self._contract)
        safety = self._safety
        if safety is not None:
            gaps = [
                (safety.nearest_zone, safety.zone_distance),
                (safety.nearest_links, safety.arm_distance),
            ]
            marks += safety_marks(self._contract.base_frame, gaps, [*safety.latched_causes])
        return marks

    def _show_rows(self, chunk: ActionChunk) -> None:
        for side, publisher in self._paths.items():
            if publisher.get_subscription_count() > 0 and chunk.commands(f"{side}_arm"):
                publisher.publish(tool_path(chunk, side, self._contract.arms[side].frame))
        if self._preview.get_subscription_count() > 0 and self._joints is not None:
            if self._kinematics is None:
                self._kinematics = MinkKinematics(self._contract)
            targets, direct = chunk_targets(chunk, self._contract, 0, chunk.horizon)
            rows = self._kinematics.reach(self._joints.position_of(), targets, direct)
            self._preview.publish(joint_preview(chunk, [row.positions for row in rows]))

    def report(self) -> tuple[int, str, dict[str, str]]:
        """Return what was drawn."""
        if not self.active:
            return super().report()
        watched = self._chunk_markers.get_subscription_count()
        return (
            DiagnosticStatus.OK,
            "drawing" if watched else "nobody looks",
            {"pictures": str(self._drawn), "messages that could not be read": str(self._refused)},
        )


def main() -> int:
    """Run the node."""
    return run(ChunkVisualizerNode)
