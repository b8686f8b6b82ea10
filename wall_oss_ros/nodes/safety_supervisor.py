"""safety_supervisor: the last hop. Judges every command, alone publishes controller topics."""

from __future__ import annotations

import time
from pathlib import Path

from nav_msgs.msg import Odometry
from std_msgs.msg import Bool, Header
from std_srvs.srv import SetBool, Trigger

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.latency import LatencyStages
from wall_oss_ros.core.observation import JointSample
from wall_oss_ros.core.safety import Boundaries, SafetySettings, SafetySupervisor, rule_set
from wall_oss_ros.core.safety.look_ahead_settings import LookAheadSettings
from wall_oss_ros.kinematics import MinkKinematics
from wall_oss_ros.messages.commands import command_from
from wall_oss_ros.messages.geometry import pose_from
from wall_oss_ros.messages.stamps import to_ns
from wall_oss_ros.msg import RobotCommand as RobotCommandMessage
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.chunk_screen import ChunkScreen
from wall_oss_ros.ros.controllers import ControllerOutput
from wall_oss_ros.ros.executed import ExecutedCommand
from wall_oss_ros.ros.loop_node import LoopNode
from wall_oss_ros.ros.node import run
from wall_oss_ros.ros.parameters import declare, declare_settings
from wall_oss_ros.ros.publisher_watch import PublisherWatch
from wall_oss_ros.ros.safety_state import SafetyReporter
from wall_oss_ros.ros.stamps import to_stamp
from wall_oss_ros.ros.zone_service import ZoneService
from wall_oss_ros.screening import LookAheadProcess

# How often the controllers hear that the supervisor's loop runs.
_HEARTBEAT_S = 0.02
# How often the graph is asked who else publishes.
_WATCH_S = 0.2
# How long the robot gets to come to rest when the supervisor is deactivated.
_HALT_S = 2.0


class SafetySupervisorNode(LoopNode):
    """Wires a `SafetySupervisor`. Its lock guards it and every send: three threads share them.

    The loop's thread reads what has come in, judges and sends. A listener of its own has nothing
    but the e-stop to answer. The executor's thread does what has time: services of people, state,
    the look at the graph.
    """

    def __init__(self) -> None:
        super().__init__("safety_supervisor")
        self._settings = declare_settings(self, SafetySettings)
        self._look_ahead_settings = declare_settings(self, LookAheadSettings, "look_ahead.")
        self._zones_file = declare(
            self, "zones_file", "", "file of zones that replace those of the contract; empty: none"
        )
        self._screen: ChunkScreen | None = None

    def build(self, contract: RobotContract) -> None:
        """Create the supervisor, its inputs, the controller publishers and the loop."""
        kinematics = MinkKinematics(contract)
        boundaries = Boundaries(contract, kinematics, self._settings.workspace_margin_m)
        rules = rule_set(contract, self._settings, boundaries)
        self._supervisor = SafetySupervisor(contract, kinematics, rules, self._settings)
        self._measured: JointSample | None = None
        self._command: RobotCommand | None = None
        self._latency = LatencyStages("command_to_controller", "camera_to_controller")
        self._timed = (0, 0)
        self._standing = True
        self._sending = False
        self._ticks = 0
        self._beat_every = max(1, round(_HEARTBEAT_S / self.period_s))
        self.build_loop(contract, self._judge, self._measure)
        self._commands = self.poll(RobotCommandMessage, "command", self._on_command, qos.command())
        self.poll(Header, "heartbeat", self._on_heartbeat, qos.EVENTS)
        self.poll(Bool, "safety/dead_man", self._on_dead_man, qos.MEASURED)
        if contract.odometry is not None:
            self.poll(Odometry, contract.odometry.topic, self._on_odometry, qos.MEASURED)
        self._output = ControllerOutput(self, contract, self.period_s)
        self.executed = ExecutedCommand(self, contract)
        self._heartbeat_publisher = self.create_lifecycle_publisher(
            Header, "safety/heartbeat", qos.HEARTBEAT
        )
        self._reporter = SafetyReporter(self, self._supervisor, self._latency)
        self._watch = PublisherWatch(self, contract.controller_topics, ("command",))
        self.create_timer(_WATCH_S, self._look_around)
        self.create_service(Trigger, "~/reset", self._on_reset)
        self.create_service(SetBool, "~/enable_motion", self._on_enable)
        zones = ZoneService(self, contract, boundaries, self._supervisor.replace_barriers)
        if self._zones_file:
            zones.use(Path(self._zones_file))
        estop = self.listener("estop")
        estop.serve(Trigger, "~/estop", self._on_estop)
        for profile in (qos.STATE, qos.VOLATILE_STATE):
            estop.subscribe(Bool, "safety/estop_input", self._on_estop_input, profile)
        estop.start()
        look_ahead = LookAheadProcess(contract, boundaries, self._look_ahead_settings)
        self._screen = ChunkScreen(
            self, look_ahead, lambda: self._measured, contract.base_frame, self.on_thread_error
        )
        self._screen.start()

    def start(self) -> None:
        """Start the loop."""
        super().start()
        self._sending = True

    def stop(self) -> None:
        """Bring the robot to rest, then stop the loop."""
        with self.lock:
            self._supervisor.enable_motion(False, self.now_ns())
            self._standing = False
        end = time.monotonic() + _HALT_S
        while self.loop.running and not self._standing and time.monotonic() < end:
            time.sleep(self.period_s)
        if not self.loop.running:
            with self.lock:
                self._stop_now(self._supervisor.estop("its loop ended", self.now_ns()))
        self._sending = False
        super().stop()

    def destroy_node(self) -> None:
        """Stop looking ahead before the subscriptions end."""
        if self._screen is not None:
            self._screen.stop()
        super().destroy_node()

    # -- the loop's thread ------------------------------------------------------------------------

    def _judge(self) -> None:
        due = self.due()
        with self.lock:
            command = self._supervisor.step(due.stamp_ns, self.period_s, due.steady_ns)
            if command is not None:
                # A process that was stopped in the middle says nothing more of this tick.
                self._output.send(command, overtaken=lambda: due.overtaken)
            enabled = self._supervisor.motion_enabled
        if command is not None:
            self.executed.publish(command)
            self._reporter.sent = command
            self._time(command)
        self._standing = not enabled and (command is None or not _moves(command))
        if self._ticks % self._beat_every == 0:
            beat = Header(stamp=to_stamp(due.stamp_ns), frame_id=self.get_name())
            self._heartbeat_publisher.publish(beat)
        self._ticks += 1
        self._reporter.notice()

    def _time(self, sent: RobotCommand) -> None:
        """Measure the way of the first command of every chunk."""
        proposed, source = self._command, (sent.source_epoch, sent.source_seq)
        if proposed is None or sent.source_seq == 0 or source == self._timed:
            return
        if source == (proposed.source_epoch, proposed.source_seq):
            self._timed = source
            now_ns = self.now_ns()
            self._latency.add("command_to_controller", proposed.stamp_ns, now_ns)
            self._latency.add("camera_to_controller", proposed.source_stamp_ns, now_ns)

    def _measure(self, sample: JointSample) -> None:
        self._measured = sample
        self._supervisor.measure(sample)

    def _on_command(self, message: RobotCommandMessage) -> None:
        try:
            command = command_from(message)
        except MessageError as error:
            self.get_logger().error(str(error), throttle_duration_sec=2.0)
            return
        self._command = command
        self.phase.arrived(time.monotonic_ns() - self._commands.waited_ns)
        with self.lock:
            self._supervisor.propose(command)

    def _on_heartbeat(self, message: Header) -> None:
        with self.lock:
            self._supervisor.heartbeat(message.frame_id, to_ns(message.stamp))

    def _on_dead_man(self, message: Bool) -> None:
        with self.lock:
            self._supervisor.dead_man(message.data, self.now_ns())

    def _on_odometry(self, message: Odometry) -> None:
        try:
            pose = pose_from(message.pose.pose)
        except MessageError as error:
            self.get_logger().error(f"odometry: {error}", throttle_duration_sec=2.0)
            return
        with self.lock:
            self._supervisor.locate_base(pose, to_ns(message.header.stamp))

    # -- the e-stop's thread ----------------------------------------------------------------------

    def _on_estop_input(self, message: Bool) -> None:
        with self.lock:
            self._stop_now(
                self._supervisor.estop_input("safety/estop_input", message.data, self.now_ns())
            )

    def _on_estop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self.lock:
            self._stop_now(self._supervisor.estop("service ~/estop was called", self.now_ns()))
        response.success = True
        return response

    def _stop_now(self, hold: RobotCommand | None) -> None:
        if hold is not None and self._sending:
            self._output.send(hold, at_once=True)

    # -- the executor's thread --------------------------------------------------------------------

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self.lock:
            blocker = self._supervisor.reset(self.now_ns())
        response.success, response.message = blocker is None, blocker or "e-stop is reset"
        return response

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._look_around()
        blocker: str | None = "the supervisor is not active"
        if self.active or not request.data:
            with self.lock:
                blocker = self._supervisor.enable_motion(request.data, self.now_ns())
        response.success, response.message = blocker is None, blocker or "done"
        return response

    def _look_around(self) -> None:
        self.executed.look()
        strangers, deaf = self._watch.strangers(), self._output.unheard()
        with self.lock:
            self._supervisor.see(strangers, deaf)

    def report(self) -> tuple[int, str, dict[str, str]]:
        """Return mode, causes, counters and latencies."""
        if not self.active or self._screen is None:
            return super().report()
        level, sentence, values = self._reporter.report()
        return level, sentence, {**values, **self._screen.values(), **self.loop_values()}


def _moves(command: RobotCommand) -> bool:
    return any(command.velocities.values()) or bool(command.base_twist.any())


def main() -> int:
    """Run the node."""
    return run(SafetySupervisorNode)
