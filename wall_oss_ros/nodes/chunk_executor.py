"""chunk_executor: action chunks in, one robot command per tick out."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticStatus
from std_srvs.srv import SetBool

from wall_oss_ros.core.admission import ChunkOutcome
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.executor import ChunkExecutor, ExecutorSettings, ExecutorStatus
from wall_oss_ros.kinematics import MinkKinematics
from wall_oss_ros.msg import ActionChunk, ExecutorState, RobotCommand, SafetyState
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.chunk_message import chunk_from
from wall_oss_ros.ros.command_message import command_message
from wall_oss_ros.ros.loop_node import LoopNode
from wall_oss_ros.ros.node import run
from wall_oss_ros.ros.parameters import declare, declare_settings
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
        self.build_loop(contract, self._command, self._executor.measure)
        self._publisher = self.create_lifecycle_publisher(RobotCommand, "command", qos.command())
        self._state_publisher = self.create_lifecycle_publisher(
            ExecutorState, "executor/state", qos.STATE
        )
        self.create_subscription(ActionChunk, "action_chunk", self._on_chunk, qos.NEWEST)
        self.create_subscription(SafetyState, "safety/state", self._on_safety, qos.STATE)
        self.create_service(SetBool, "~/enable", self._on_enable)
        self.create_timer(0.1, self._publish_state)

    def _command(self) -> None:
        with self.lock:
            command = self._executor.tick(self.now_ns(), self.period_s)
        self._publisher.publish(command_message(command, self._contract))

    def _on_chunk(self, message: ActionChunk) -> None:
        try:
            chunk = chunk_from(message)
        except MessageError as error:
            self.get_logger().error(str(error), throttle_duration_sec=2.0)
            return
        with self.lock:
            outcome = self._executor.offer(chunk, self.now_ns())
        # Chunks on their way when motion was enabled are refused as a matter of course.
        if outcome not in (None, ChunkOutcome.ACCEPTED, ChunkOutcome.BEFORE_STOP):
            self.get_logger().warning(
                f"chunk {chunk.seq} refused: {outcome.value}", throttle_duration_sec=1.0
            )

    def _on_safety(self, message: SafetyState) -> None:
        reason = "; ".join(message.latched_causes) or "motion is enabled"
        with self.lock:
            self._executor.allow_motion(message.motion_enabled, reason)

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        with self.lock:
            self._executor.enable(request.data)
        response.success = True
        return response

    def _publish_state(self) -> None:
        now_ns = self.now_ns()
        period_error = self.loop.period_error_ms.at(50, 99, 100)
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
                speed_scale=1.0,
                rate=self.loop.measured_hz(),
                period_error_ms=period_error,
                solve_ms=self.loop.tick_ms.at(50, 99, 100),
            )
        message.header.stamp = to_stamp(now_ns)
        self._state_publisher.publish(message)

    def report(self) -> tuple[int, str, dict[str, str]]:
        """Return state, rates and loop jitter."""
        if not self.active:
            return super().report()
        with self.lock:
            status, reason = self._executor.status, self._executor.reason
            accepted, rejected = self._executor.accepted, self._executor.rejected
        level = {
            ExecutorStatus.STARVED: DiagnosticStatus.WARN,
            ExecutorStatus.FAULT: DiagnosticStatus.ERROR,
        }.get(status, DiagnosticStatus.OK)
        return (
            level,
            f"{status.name}: {reason}",
            {
                **self.loop_values(),
                "chunks accepted": str(accepted),
                "chunks refused": str(rejected),
            },
        )


def main() -> int:
    """Run the node."""
    return run(ChunkExecutorNode)
