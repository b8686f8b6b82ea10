"""camera_sync: cameras, joints and odometry in, one observation per new set of pictures out."""

from __future__ import annotations

import threading
from functools import partial

from diagnostic_msgs.msg import DiagnosticStatus
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CompressedImage, Image, JointState

from wall_oss_ros.core.assembler import AssemblerSettings, ObservationAssembler
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.joints import JointSelector
from wall_oss_ros.core.latency import LatencyStages
from wall_oss_ros.core.rates import RateMeter
from wall_oss_ros.kinematics import MinkKinematics
from wall_oss_ros.messages.geometry import twist_from
from wall_oss_ros.messages.images import check_image, decode_image, fingerprint
from wall_oss_ros.messages.joint_states import joint_sample
from wall_oss_ros.messages.stamps import to_ns
from wall_oss_ros.msg import Observation
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.latency_message import latency_values
from wall_oss_ros.ros.node import SuiteNode, run
from wall_oss_ros.ros.observation_message import observation_message
from wall_oss_ros.ros.parameters import declare, declare_settings
from wall_oss_ros.ros.polling import PolledSubscriber
from wall_oss_ros.ros.real_time import use_fifo_priority, use_ordinary_priority

# How often faults are looked for, and how often in a row before one is told.
_LOOK_S = 0.1
_LOOKS = 3
# How often the state is read between pictures.
_STATE_S = 0.02

# Simulated time before /clock said anything: every stamp would be far in the future.
_NO_TIME_NS = 0


class CameraSync(SuiteNode):
    """Wires topics to an `ObservationAssembler`.

    Pictures are the longest way to a command, so a thread of their own waits for them and makes the
    observation; the lock guards what it shares with the timers.
    """

    def __init__(self) -> None:
        super().__init__("camera_sync")
        self._settings = declare_settings(self, AssemblerSettings)
        self._lock = threading.Lock()
        self._priority = declare(
            self,
            "priority",
            0,
            "real-time priority of this node's threads (SCHED_FIFO), 1 to 99; 0: none",
            low=0,
            high=99,
        )

    def build(self, contract: RobotContract) -> None:
        """Create subscriptions of every stream of the contract."""
        self._contract = contract
        self._selector = JointSelector(contract.joint_names)
        self._assembler = ObservationAssembler(
            contract, MinkKinematics(contract), decode_image, self._settings
        )
        self._rate = RateMeter()
        self._latency = LatencyStages("camera_to_observation")
        self._reported = self._seen_faults = ""
        self._looks = 0
        self._publisher = self.create_lifecycle_publisher(Observation, "observation", qos.NEWEST)
        # The state is only needed where there are pictures, so it is read when they come, and now
        # and then before, so that there is little to read when they do.
        joints = PolledSubscriber(self, JointState, contract.joint_states.topic, qos.HISTORY)
        joints.registerCallback(self._on_joints)
        self._polled = [joints]
        if contract.odometry is not None:
            odometry = PolledSubscriber(self, Odometry, contract.odometry.topic, qos.HISTORY)
            odometry.registerCallback(self._on_odometry)
            self._polled.append(odometry)
        self.create_timer(_LOOK_S, self._watch)
        pictures = self.listener("pictures")
        for name, camera in contract.cameras.items():
            pictures.subscribe(
                _TYPES[camera.transport], camera.topic, partial(self._on_image, name), qos.SENSOR
            )
        pictures.when_idle(_STATE_S, self._on_idle)
        pictures.start()

    def start(self) -> None:
        """Take the priority that is asked for."""
        refusal = use_fifo_priority(self._priority) if self._priority > 0 else None
        if refusal is not None:
            self.get_logger().warning(f"{refusal}; going on without")

    def stop(self) -> None:
        """Give the priority back."""
        if self._priority > 0:
            use_ordinary_priority()

    def _on_image(self, name: str, message: Image | CompressedImage) -> None:
        now_ns = self.now_ns()
        if now_ns == _NO_TIME_NS:
            return
        try:
            check_image(message)
        except MessageError as error:
            with self._lock:
                self._assembler.refuse(name, str(error), now_ns)
            return
        stamp_ns, checksum = to_ns(message.header.stamp), fingerprint(message)
        with self._lock:
            self._assembler.push_image(name, stamp_ns, now_ns, message, checksum)
            self._read_state()
            observation = self._assembler.assemble(now_ns) if self.active else None
        if observation is not None:
            self._publisher.publish(observation_message(observation, self._contract))
            self._rate.tick(now_ns)
            self._latency.add("camera_to_observation", observation.stamp_ns, self.now_ns())

    def _on_idle(self) -> None:
        with self._lock:
            self._read_state()

    def _read_state(self) -> None:
        for source in self._polled:
            source.poll()

    def _on_joints(self, message: JointState) -> None:
        now_ns = self.now_ns()
        if now_ns == _NO_TIME_NS:
            return
        try:
            self._assembler.push_joints(joint_sample(message, self._selector), now_ns)
        except MessageError as error:
            self._assembler.refuse("joint_states", str(error), now_ns)

    def _on_odometry(self, message: Odometry) -> None:
        now_ns, stamp_ns = self.now_ns(), to_ns(message.header.stamp)
        if now_ns != _NO_TIME_NS:
            self._assembler.push_twist(stamp_ns, now_ns, twist_from(message.twist.twist))

    def _watch(self) -> None:
        """Say on every change which stream keeps observations away; end if the contract misfits."""
        with self._lock:
            now_ns = self.now_ns()
            misfits = self._assembler.misfits(now_ns)
            faults = self._assembler.faults(now_ns)
        if misfits:
            self.fail(MessageError("; ".join(map(str, misfits))))
        streams = ", ".join(sorted({fault.stream for fault in faults}))
        # One look may fall between two messages, or between two nodes coming up.
        self._looks = self._looks + 1 if streams == self._seen_faults else 0
        self._seen_faults = streams
        if self.active and streams != self._reported and self._looks >= _LOOKS:
            self._reported = streams
            if faults:
                self.get_logger().warning(
                    "no observations: " + "; ".join(str(fault) for fault in faults)
                )
            else:
                self.get_logger().info("observations flow")

    def report(self) -> tuple[int, str, dict[str, str]]:
        """Return the health of every stream."""
        if not self.active:
            return super().report()
        with self._lock:
            now_ns = self.now_ns()
            faults = self._assembler.faults(now_ns)
            reports = self._assembler.reports(now_ns)
        values = {"observation rate [Hz]": f"{self._rate.rate_hz(now_ns):.2f}"}
        values["observations"] = str(self._rate.total)
        values.update(latency_values(self._latency))
        for stream in reports:
            values[f"{stream.stream} rate [Hz]"] = f"{stream.rate_hz:.2f}"
            values[f"{stream.stream} expected [Hz]"] = f"{stream.expected_hz:.2f}"
            values[f"{stream.stream} age [s]"] = f"{stream.age_s:.3f}"
            values[f"{stream.stream} received"] = str(stream.received)
            values[f"{stream.stream} late"] = str(stream.late)
        if faults:
            return DiagnosticStatus.ERROR, "; ".join(map(str, faults)), values
        return DiagnosticStatus.OK, "observations flow", values


_TYPES = {"raw": Image, "compressed": CompressedImage}


def main() -> int:
    """Run the node."""
    return run(CameraSync)
