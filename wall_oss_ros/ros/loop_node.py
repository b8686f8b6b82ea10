"""A node whose work runs on a deadline loop that reads measured joints itself."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import Any

from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.joints import JointSelector
from wall_oss_ros.core.observation import JointSample
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.joint_states import joint_sample
from wall_oss_ros.ros.loop import DeadlineLoop
from wall_oss_ros.ros.node import SuiteNode
from wall_oss_ros.ros.parameters import declare
from wall_oss_ros.ros.polling import PolledSubscriber


class LoopNode(SuiteNode):
    """Base of the executor and the supervisor.

    Attributes:
        lock: guards the core object that the loop and the callbacks share.
        loop: the loop; runs while the node is active.
        period_s: its period [s].
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        rate = declare(self, "rate", 100.0, "rate of the loop [Hz]", low=10.0, high=1000.0)
        self.period_s = 1.0 / rate
        self.lock = threading.Lock()

    def build_loop(
        self,
        contract: RobotContract,
        tick: Callable[[], None],
        measure: Callable[[JointSample], None],
    ) -> None:
        """Create the loop and the subscription of measured joints.

        Args:
            contract: the robot.
            tick: called on the loop's thread, after everything polled was read.
            measure: takes measured joints, under the lock.
        """
        self._tick = tick
        self._measure = measure
        self._selector = JointSelector(contract.joint_names)
        self._polled: list[PolledSubscriber] = []
        self.poll(JointState, contract.joint_states.topic, self._on_joints, qos.MEASURED)
        self.loop = DeadlineLoop(
            1.0 / self.period_s, self._run, self._on_loop_error, self.get_name()
        )

    def poll(
        self, kind: type, topic: str, callback: Callable[[Any], None], profile: QoSProfile
    ) -> None:
        """Read another topic at the start of every tick."""
        source = PolledSubscriber(self, kind, topic, profile)
        source.registerCallback(callback)
        self._polled.append(source)

    def start(self) -> None:
        """Start the loop."""
        self.loop.start()

    def stop(self) -> None:
        """Stop the loop."""
        self.loop.stop()

    def loop_values(self) -> dict[str, str]:
        """Return the loop's rate and jitter for diagnostics."""
        values = {"rate [Hz]": f"{self.loop.measured_hz():.1f}"}
        values["missed ticks"] = str(self.loop.missed)
        for what, times in (
            ("period error", self.loop.period_error_ms),
            ("tick", self.loop.tick_ms),
        ):
            numbers = " ".join(f"{value:.2f}" for value in times.at(50, 99, 100))
            values[f"{what} p50 p99 max [ms]"] = numbers
        return values

    def _run(self) -> None:
        for source in self._polled:
            source.poll()
        self._tick()

    def _on_joints(self, message: JointState) -> None:
        try:
            sample = joint_sample(message, self._selector)
        except MessageError as error:
            self.get_logger().error(str(error), throttle_duration_sec=2.0)
            return
        with self.lock:
            self._measure(sample)

    def _on_loop_error(self, error: BaseException) -> None:
        self.get_logger().fatal("".join(traceback.format_exception(error)))
        self.fail(error)
