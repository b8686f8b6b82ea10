"""chunk_executor: action chunks in, one robot command per tick out."""

from __future__ import annotations

import time

from diagnostic_msgs.msg import DiagnosticStatus
from std_msgs.msg import Float64
from std_srvs.srv import SetBool

from wall_oss_ros.core.admission import ChunkOutcome
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.executor import ChunkExecutor, ExecutorSettings, ExecutorStatus
from wall_oss_ros.core.latency import LatencyStages
from wall_oss_ros.kinematics import MinkKinematics
from wall_oss_ros.messages.chunks import chunk_from
from wall_oss_ros.msg import (
    ActionChunk,
    ChunkVerdict,
    CommittedPlan,
    ExecutorState,
    RobotCommand,
    SafetyState,
)
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.command_message import command_message
from wall_oss_ros.ros.latency_message import latency_messages, latency_values
from wall_oss_ros.ros.loop_node import LoopNode
from wall_oss_ros.ros.node import run
from wall_oss_ros.ros.parameters import declare, declare_settings
from wall_oss_ros.ros.plan_message import plan_message
from wall_oss_ros.ros.stamps import to_stamp


class ChunkExecutorNode(LoopNode):
    """Wires a `ChunkExecutor`; the loop and the callbacks share its lock."""

    def __init__(self) -> None:
        super().__init__("chunk_executor")
        self._settings = declare_settings(self, ExecutorSettings)
        self._enabled = declare(
            self,
            "enabled",
            True,
            "whether it follows chunks from the start; motion itself is enabled at the safety "
            "supervisor",
        )

    def build(self, contract: RobotContract) -> None:
        """Create the executor, its topics and its loop."""
        self._contract = contract
        self._executor = ChunkExecutor(
            contract, MinkKinematics(contract), self._settings, enabled=self._enabled
        )
        self._latency = LatencyStages("chunk_to_command", "camera_to_command")
        # The newest chunk taken, (epoch, seq), and when it arrived [ns]; None once it is timed.
        self._arrived: tuple[tuple[int, int], int] | None = None
        self._following = False
        self.build_loop(contract, self._command, self._executor.measure)
        self._publisher = self.create_lifecycle_publisher(RobotCommand, "command", qos.command())
        self._plan_publisher = self.create_lifecycle_publisher(
            CommittedPlan, "committed_plan", qos.NEWEST
        )
        self._state_publisher = self.create_lifecycle_publisher(
            ExecutorState, "executor/state", qos.STATE
        )
        chunks = self.listener("chunks")
        # Every chunk gets its outcome, also one that another follows closely.
        chunks.subscribe(ActionChunk, "action_chunk", self._on_chunk, qos.EVENTS)
        chunks.subscribe(ChunkVerdict, "chunk_verdict", self._on_verdict, qos.EVENTS)
        chunks.subscribe(SafetyState, "safety/state", self._on_safety, qos.STATE)
        chunks.start()
        self.listen_to_people(Float64, "~/speed_scale", self._on_speed)
        self.create_service(SetBool, "~/enable", self._on_enable)
        self.create_timer(0.1, self._report)

    # -- the loop's thread ------------------------------------------------------------------------

    def _command(self) -> None:
        due = self.due()
        with self.lock:
            command = self._executor.tick(due.stamp_ns, self.period_s)
            following, arrived = self._executor.following, self._arrived
            first = arrived is not None and arrived[0] == (command.source_epoch, command.source_seq)
            if first:
                self._arrived = None
        self._publisher.publish(command_message(command, self._contract))
        if first and arrived is not None:
            now_ns = self.now_ns()
            self._latency.add("chunk_to_command", arrived[1], now_ns)
            self._latency.add("camera_to_command", command.source_stamp_ns, now_ns)
        if following != self._following:
            self._following = following
            self._publish_plan()

    # -- the thread that listens to chunks --------------------------------------------------------

    def _on_chunk(self, message: ActionChunk) -> None:
        arrived_ns = self.now_ns()
        try:
            chunk = chunk_from(message)
        except MessageError as error:
            self.get_logger().error(str(error), throttle_duration_sec=2.0)
            with self.lock:
                self._executor.refuse(message.seq, str(error))
            self._publish_plan()
            return
        with self.lock:
            outcome = self._executor.offer(chunk, self.now_ns())
            if outcome is ChunkOutcome.ACCEPTED:
                self._arrived = (chunk.epoch, chunk.seq), arrived_ns
                self.phase.arrived(time.monotonic_ns())
        if outcome is not None:
            self._publish_plan()
        # Chunks on their way when motion was enabled are refused as a matter of course.
        if outcome not in (None, ChunkOutcome.ACCEPTED, ChunkOutcome.BEFORE_STOP):
            self.get_logger().warning(
                f"chunk {chunk.seq} refused: {outcome.value}", throttle_duration_sec=1.0
            )

    def _on_verdict(self, message: ChunkVerdict) -> None:
        words = f"{message.rule}: {message.reason}" if message.rule else message.reason
        with self.lock:
            self._executor.judge(message.seq, message.epoch, message.safe_rows, words)
        if message.safe_rows < message.rows:
            self._publish_plan()

    def _on_safety(self, message: SafetyState) -> None:
        reason = "; ".join(message.latched_causes) or "motion is enabled"
        with self.lock:
            self._executor.allow_motion(message.motion_enabled, reason)

    # -- the executor's thread --------------------------------------------------------------------

    def _on_speed(self, message: Float64) -> None:
        try:
            with self.lock:
                self._executor.set_speed(message.data)
        except MessageError as error:
            self.get_logger().error(str(error))

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        with self.lock:
            self._executor.enable(request.data)
        response.success = True
        return response

    def _report(self) -> None:
        self._publish_plan()
        self._publish_state()

    def _publish_plan(self) -> None:
        with self.lock:
            plan = self._executor.committed(self.now_ns())
        self._plan_publisher.publish(plan_message(plan, self._contract.base_frame))

    def _publish_state(self) -> None:
        with self.lock:
            executor = self._executor
            chunk = executor.chunk
            message = ExecutorState(
                state=executor.status.value,
                reason=executor.reason,
                chunk_seq=chunk.seq if chunk else 0,
                epoch=chunk.epoch if chunk else 0,
                rows_left=executor.rows_left,
                accepted=executor.accepted,
                rejected=executor.rejected,
                last_rejection=executor.last_rejection,
                speed_scale=executor.speed_scale,
                speed_wanted=executor.speed_wanted,
                slowed_by=executor.slowed_by,
                safe_rows=executor.safe_rows,
                solve_ms=self.loop.tick_ms.at(50, 99, 100),
                latency=latency_messages(self._latency),
            )
        self.add_loop(message)
        message.header.stamp = to_stamp(self.now_ns())
        self._state_publisher.publish(message)

    def report(self) -> tuple[int, str, dict[str, str]]:
        """Return state, rates and loop jitter."""
        if not self.active:
            return super().report()
        with self.lock:
            status, reason = self._executor.status, self._executor.reason
            accepted, rejected = self._executor.accepted, self._executor.rejected
            speed = self._executor.speed_scale
        level = {
            ExecutorStatus.STARVED: DiagnosticStatus.WARN,
            ExecutorStatus.FAULT: DiagnosticStatus.ERROR,
        }.get(status, DiagnosticStatus.OK)
        return (
            level,
            f"{status.name}: {reason}",
            {
                **self.loop_values(),
                **latency_values(self._latency),
                "speed": f"{100.0 * speed:.0f} %",
                "chunks accepted": str(accepted),
                "chunks refused": str(rejected),
            },
        )


def main() -> int:
    """Run the node."""
    return run(ChunkExecutorNode)
