"""safety_supervisor: the last hop. Judges every command, alone publishes controller topics."""

from __future__ import annotations

import time

from diagnostic_msgs.msg import DiagnosticStatus
from std_msgs.msg import Bool, Header
from std_srvs.srv import SetBool, Trigger

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.safety import (
    Mode,
    SafetySettings,
    SafetySupervisor,
    rule_set,
)
from wall_oss_ros.core.safety.workspace import Workspace
from wall_oss_ros.kinematics import MinkKinematics
from wall_oss_ros.msg import RobotCommand, SafetyState
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.command_message import command_from
from wall_oss_ros.ros.controllers import ControllerOutput
from wall_oss_ros.ros.loop_node import LoopNode
from wall_oss_ros.ros.node import run
from wall_oss_ros.ros.parameters import declare_settings
from wall_oss_ros.ros.stamps import to_ns, to_stamp


class SafetySupervisorNode(LoopNode):
    """Wires a `SafetySupervisor`; the loop and the callbacks share its lock."""

    def __init__(self) -> None:
        super().__init__("safety_supervisor")
        self._settings = declare_settings(self, SafetySettings)

    def build(self, contract: RobotContract) -> None:
        """Create the supervisor, the controller publishers and the loop."""
        kinematics = MinkKinematics(contract)
        rules = rule_set(contract, kinematics, self._settings)
        self._workspace = next(rule for rule in rules.rules if isinstance(rule, Workspace))
        self._supervisor = SafetySupervisor(contract, kinematics, rules, self._settings)
        self._last_mode: tuple[Mode, bool, tuple[str, ...]] | None = None
        self.build_loop(contract, self._judge, self._supervisor.measure)
        self.poll(RobotCommand, "command", self._on_command, qos.command())
        self._output = ControllerOutput(self, contract, self.period_s)
        self._state_publisher = self.create_lifecycle_publisher(
            SafetyState, "safety/state", qos.STATE
        )
        self.create_subscription(Header, "heartbeat", self._on_heartbeat, qos.EVENTS)
        self.listen_to_people(Bool, "safety/estop_input", self._on_estop_input)
        self.create_service(Trigger, "~/estop", self._on_estop)
        self.create_service(Trigger, "~/reset", self._on_reset)
        self.create_service(SetBool, "~/enable_motion", self._on_enable)
        self.create_timer(0.1, self._publish_state)

    def stop(self) -> None:
        """Stop the loop, then the robot."""
        super().stop()
        now_ns = self.now_ns()
        with self.lock:
            self._supervisor.enable_motion(False, now_ns)
            still = self._supervisor.step(now_ns, self.period_s, time.monotonic_ns())
        if still is not None:
            self._output.send(still)

    def _judge(self) -> None:
        with self.lock:
            command = self._supervisor.step(self.now_ns(), self.period_s, time.monotonic_ns())
        if command is not None:
            self._output.send(command)
        self._announce()

    def _on_command(self, message: RobotCommand) -> None:
        try:
            command = command_from(message)
        except MessageError as error:
            self.get_logger().error(str(error), throttle_duration_sec=2.0)
            return
        with self.lock:
            self._supervisor.propose(command)

    def _on_heartbeat(self, message: Header) -> None:
        with self.lock:
            self._supervisor.heartbeat(message.frame_id, to_ns(message.stamp))

    def _on_estop_input(self, message: Bool) -> None:
        with self.lock:
            self._supervisor.estop_input("safety/estop_input", message.data, self.now_ns())

    def _on_estop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self.lock:
            self._supervisor.estop("service ~/estop was called", self.now_ns())
        response.success = True
        return response

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self.lock:
            blocker = self._supervisor.reset(self.now_ns())
        response.success, response.message = blocker is None, blocker or "e-stop is reset"
        return response

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        with self.lock:
            blocker = self._supervisor.enable_motion(request.data, self.now_ns())
        if not self.active:
            blocker = "the supervisor is not active"
        response.success, response.message = blocker is None, blocker or "done"
        return response

    def _announce(self) -> None:
        """Publish and log a change of mode at once, not with the next timer."""
        supervisor = self._supervisor
        now = (supervisor.mode, supervisor.motion_enabled, supervisor.latched_causes)
        if now == self._last_mode:
            return
        before, self._last_mode = self._last_mode, now
        self._publish_state()
        if before is not None and before[1] != now[1] or now[0] is Mode.ESTOP:
            what = "motion enabled" if now[1] else f"{now[0].name}: {'; '.join(now[2])}"
            self.get_logger().warning(what)

    def _publish_state(self) -> None:
        now_ns = self.now_ns()
        with self.lock:
            message = self._state(now_ns)
        message.header.stamp = to_stamp(now_ns)
        self._state_publisher.publish(message)

    def _state(self, now_ns: int) -> SafetyState:
        supervisor = self._supervisor
        verdict = supervisor.last_verdict
        blocker = supervisor.reset_blocker(now_ns)
        distances = [
            self._workspace.distance(side, tool)
            for side, tool in supervisor.measured_tools().items()
        ]
        return SafetyState(
            mode=int(supervisor.mode),
            motion_enabled=supervisor.motion_enabled,
            latched_causes=list(supervisor.latched_causes),
            last_rule=verdict.rule if verdict else "",
            last_reason=verdict.reason if verdict else "",
            rule_names=list(supervisor.counts),
            rule_limited=[count.limited for count in supervisor.counts.values()],
            rule_stopped=[count.stopped for count in supervisor.counts.values()],
            zone_distance=min(distances, default=float("nan")),
            arm_distance=supervisor.tool_distance(),
            reset_possible=blocker is None,
            reset_blocker=blocker or "",
            rate=self.loop.measured_hz(),
            period_error_ms=self.loop.period_error_ms.at(50, 99, 100),
        )

    def report(self) -> tuple[int, str, dict[str, str]]:
        """Return mode, causes and counters."""
        if not self.active:
            return super().report()
        with self.lock:
            state = self._state(self.now_ns())
        mode = Mode(state.mode)
        level = DiagnosticStatus.OK
        if mode is Mode.ESTOP:
            level = DiagnosticStatus.ERROR
        elif mode in (Mode.HOLD, Mode.STOPPED):
            level = DiagnosticStatus.WARN
        values = {
            f"{name} limited, stopped": f"{limited} {stopped}"
            for name, limited, stopped in zip(
                state.rule_names, state.rule_limited, state.rule_stopped, strict=True
            )
        }
        values.update(self.loop_values())
        causes = "; ".join(state.latched_causes)
        return level, f"{mode.name}{': ' + causes if causes else ''}", values


def main() -> int:
    """Run the node."""
    return run(SafetySupervisorNode)
