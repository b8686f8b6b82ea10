"""safety_supervisor: the last hop. Judges every command, alone publishes controller topics."""

from __future__ import annotations

import threading
import traceback

from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Header
from std_srvs.srv import SetBool, Trigger

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.joints import JointSelector
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
from wall_oss_ros.ros.joint_states import joint_sample
from wall_oss_ros.ros.loop import DeadlineLoop
from wall_oss_ros.ros.node import SuiteNode, run
from wall_oss_ros.ros.parameters import declare, declare_settings
from wall_oss_ros.ros.polling import PolledSubscriber
from wall_oss_ros.ros.stamps import to_ns, to_stamp


class SafetySupervisorNode(SuiteNode):
    """Wires a `SafetySupervisor`; its loop runs on a deadline thread, callbacks share its lock."""

    def __init__(self) -> None:
        super().__init__("safety_supervisor")
        self._settings = declare_settings(self, SafetySettings)
        self._rate = declare(self, "rate", 100.0, "judgements per second [Hz]", low=10, high=1000)

    def build(self, contract: RobotContract) -> None:
        """Create the supervisor, the controller publishers and the loop."""
        self._contract = contract
        self._selector = JointSelector(contract.joint_names)
        kinematics = MinkKinematics(contract)
        rules = rule_set(contract, kinematics, self._settings)
        self._workspace = next(rule for rule in rules.rules if isinstance(rule, Workspace))
        self._supervisor = SafetySupervisor(contract, kinematics, rules.rules, rules.preconditions)
        self._lock = threading.Lock()
        self._loop = DeadlineLoop(self._rate, self._tick, self._on_loop_error, "safety")
        self._last_mode: tuple[Mode, bool, tuple[str, ...]] | None = None
        self._output = ControllerOutput(self, contract, 1.0 / self._rate)
        self._state_publisher = self.create_lifecycle_publisher(
            SafetyState, "safety/state", qos.STATE
        )
        joints = PolledSubscriber(self, JointState, contract.joint_states.topic, qos.MEASURED)
        joints.registerCallback(self._on_joints)
        commands = PolledSubscriber(self, RobotCommand, "command", qos.command())
        commands.registerCallback(self._on_command)
        self._polled = [joints, commands]
        self.create_subscription(Header, "heartbeat", self._on_heartbeat, qos.EVENTS)
        self.listen_to_people(Bool, "safety/estop_input", self._on_estop_input)
        self.create_service(Trigger, "~/estop", self._on_estop)
        self.create_service(Trigger, "~/reset", self._on_reset)
        self.create_service(SetBool, "~/enable_motion", self._on_enable)
        self.create_timer(0.1, self._publish_state)

    def start(self) -> None:
        """Start the loop; motion stays off until a person enables it."""
        self._loop.start()

    def stop(self) -> None:
        """Stop the robot, then the loop."""
        self._loop.stop()
        now_ns = self.now_ns()
        with self._lock:
            self._supervisor.enable_motion(False, now_ns)
            still = self._supervisor.step(now_ns, 1.0 / self._rate)
        if still is not None:
            self._output.send(still)

    def _tick(self) -> None:
        for source in self._polled:
            source.poll()
        now_ns = self.now_ns()
        with self._lock:
            command = self._supervisor.step(now_ns, 1.0 / self._rate)
        if command is not None:
            self._output.send(command)
        self._announce()

    def _on_loop_error(self, error: BaseException) -> None:
        self.get_logger().fatal("".join(traceback.format_exception(error)))
        self.fail(error)

    def _on_command(self, message: RobotCommand) -> None:
        try:
            command = command_from(message)
        except MessageError as error:
            self.get_logger().error(str(error), throttle_duration_sec=2.0)
            return
        with self._lock:
            self._supervisor.propose(command)

    def _on_joints(self, message: JointState) -> None:
        try:
            sample = joint_sample(message, self._selector)
        except MessageError as error:
            self.get_logger().error(str(error), throttle_duration_sec=2.0)
            return
        with self._lock:
            self._supervisor.measure(sample)

    def _on_heartbeat(self, message: Header) -> None:
        with self._lock:
            self._supervisor.heartbeat(message.frame_id, to_ns(message.stamp))

    def _on_estop_input(self, message: Bool) -> None:
        with self._lock:
            self._supervisor.estop_input("safety/estop_input", message.data)

    def _on_estop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._lock:
            self._supervisor.estop("service ~/estop was called")
        response.success = True
        return response

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._lock:
            blocker = self._supervisor.reset(self.now_ns())
        response.success, response.message = blocker is None, blocker or "e-stop is reset"
        return response

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        with self._lock:
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
        with self._lock:
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
            rate=self._loop.measured_hz(),
            period_error_ms=self._loop.period_error_ms.at(50, 99, 100),
        )

    def report(self) -> tuple[int, str, dict[str, str]]:
        """Return mode, causes and counters."""
        if not self.active:
            return super().report()
        with self._lock:
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
        values["loop rate [Hz]"] = f"{state.rate:.1f}"
        values["missed ticks"] = str(self._loop.missed)
        p50, p99, most = state.period_error_ms
        values["period error p50 p99 max [ms]"] = f"{p50:.2f} {p99:.2f} {most:.2f}"
        causes = "; ".join(state.latched_causes)
        return level, f"{mode.name}{': ' + causes if causes else ''}", values


def main() -> int:
    """Run the node."""
    return run(SafetySupervisorNode)
