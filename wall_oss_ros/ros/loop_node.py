"""A node whose work runs on a deadline loop that reads measured joints itself."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.joints import JointSelector
from wall_oss_ros.core.observation import JointSample
from wall_oss_ros.core.phase import PhaseLock
from wall_oss_ros.core.simulated_steady import SimulatedSteady
from wall_oss_ros.messages.joint_states import joint_sample
from wall_oss_ros.msg import ExecutorState, SafetyState
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.loop import DeadlineLoop
from wall_oss_ros.ros.node import SuiteNode
from wall_oss_ros.ros.parameters import declare
from wall_oss_ros.ros.polling import PolledSubscriber
from wall_oss_ros.ros.real_time import (
    lock_memory,
    quiet_garbage_collector,
    use_fifo_priority,
    use_ordinary_priority,
    usual_garbage_collector,
)

# The default of 5 ms lets a callback in pure Python keep the loop waiting that long, each time that
# the loop has to take the interpreter's lock again.
_SWITCH_INTERVAL_S = 0.0001
# Two clocks are read one after the other; a pause between them of more than this is read again.
_READING_NS = 20_000
_READINGS = 3
# Later than this a tick does not belong to its deadline any more; controllers brake by themselves
# after 0.15 s, and the supervisor calls 0.3 s a pause.
_OVERTAKEN_NS = 100_000_000


@dataclass(frozen=True, slots=True)
class Due:
    """When a tick was due.

    Attributes:
        stamp_ns: by the node's clock [ns].
        steady_ns: the same instant on a clock that never jumps [ns].
        wall_ns: the same instant on the machine's monotonic clock [ns].
    """

    stamp_ns: int
    steady_ns: int
    wall_ns: int

    @property
    def overtaken(self) -> bool:
        """Whether it is so long ago by now that nothing of it holds any more."""
        return _overtaken(self.wall_ns)


class LoopNode(SuiteNode):
    """Base of the executor and the supervisor.

    Attributes:
        lock: guards the core object that the loop and the callbacks share.
        loop: the loop; runs while the node is active.
        phase: is told when what the loop waits for has come [ns, monotonic].
        period_s: its period [s].
        real_time: whether the loop has all of what `priority` and `lock_memory` ask for, and they
            ask for both.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        rate = declare(self, "rate", 100.0, "rate of the loop [Hz]", low=10.0, high=1000.0)
        self._priority = declare(
            self,
            "priority",
            0,
            "real-time priority of the loop (SCHED_FIFO), 1 to 99; 0: none",
            low=0,
            high=99,
        )
        self._lock_memory = declare(
            self, "lock_memory", False, "whether no page of this process may be swapped out"
        )
        self._align = declare(
            self,
            "align",
            True,
            "whether ticks move, by a hundredth of a period at a time, to where what comes at an "
            "even rate waits least: chunks for the executor, commands for the supervisor",
        )
        self.period_s = 1.0 / rate
        self.lock = threading.Lock()
        self.real_time = False
        self._steady = SimulatedSteady()

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
            1.0 / self.period_s,
            self._run,
            self.on_thread_error,
            self.get_name(),
            self._prepare,
            self.time,
        )
        self.phase = PhaseLock(self.loop.period_ns)
        # Simulated time comes in steps, which the deadlines have to lie on.
        if self._align and not self.time.simulated:
            self.loop.phase = self.phase

    def poll(
        self, kind: type, topic: str, callback: Callable[[Any], None], profile: QoSProfile
    ) -> PolledSubscriber:
        """Read another topic at the start of every tick; return its source."""
        source = PolledSubscriber(self, kind, topic, profile)
        source.registerCallback(callback)
        self._polled.append(source)
        return source

    def start(self) -> None:
        """Start the loop."""
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        quiet_garbage_collector()
        self.loop.start()

    def stop(self) -> None:
        """Stop the loop."""
        self.loop.stop()
        usual_garbage_collector()
        if self._priority > 0:
            use_ordinary_priority()

    def due(self) -> Due:
        """Return when the present tick was due.

        What a tick samples at this time lies on the grid of the deadlines, however late the tick
        began. On simulated time, before the first tick, and for a tick that was held up, as by a
        process that was stopped, it is the present time: that one was due in another world.
        """
        deadline_ns = self.loop.deadline_ns
        if self.time.simulated or deadline_ns is None or _overtaken(deadline_ns):
            now_ns, wall_ns = self.now_ns(), time.monotonic_ns()
            steady_ns = self._steady.at(now_ns, wall_ns) if self.time.simulated else wall_ns
            return Due(now_ns, steady_ns, wall_ns)
        ahead_ns, least_ns = 0, 0
        for attempt in range(_READINGS):
            before_ns = time.monotonic_ns()
            now_ns = self.now_ns()
            pause_ns = time.monotonic_ns() - before_ns
            if attempt == 0 or pause_ns < least_ns:
                ahead_ns, least_ns = now_ns - before_ns - pause_ns // 2, pause_ns
            if least_ns < _READING_NS:
                break
        return Due(deadline_ns + ahead_ns, deadline_ns, deadline_ns)

    def add_loop(self, message: SafetyState | ExecutorState) -> None:
        """Fill in what the loop measures of itself."""
        loop = self.loop
        message.rate = loop.measured_hz()
        message.period_error_ms = loop.period_error_ms.at(50, 99, 100)
        message.lateness_bounds_ms = loop.lateness_ms.bounds
        message.lateness_counts = loop.lateness_ms.counts
        message.real_time = self.real_time

    def loop_values(self) -> dict[str, str]:
        """Return the loop's rate and jitter for diagnostics."""
        values = {"rate [Hz]": f"{self.loop.measured_hz():.1f}"}
        values["missed ticks"] = str(self.loop.missed)
        late = self.loop.lateness_ms
        values["ticks at most 1 ms late"] = f"{100.0 * late.share_within(1.0):.2f} %"
        values["input comes at one phase"] = f"{100.0 * self.phase.agreement:.0f} %"
        values["real time"] = "yes" if self.real_time else "no"
        for what, times in (
            ("period error", self.loop.period_error_ms),
            ("tick", self.loop.tick_ms),
        ):
            numbers = " ".join(f"{value:.2f}" for value in times.at(50, 99, 100))
            values[f"{what} p50 p99 max [ms]"] = numbers
        return values

    def _prepare(self) -> None:
        """Make this process what the parameters ask for; runs on the loop's thread."""
        refusals = []
        if self._lock_memory:
            refusals.append(lock_memory())
        if self._priority > 0:
            refusals.append(use_fifo_priority(self._priority))
        for refusal in filter(None, refusals):
            self.get_logger().warning(f"{refusal}; going on without")
        self.real_time = len(refusals) == 2 and not any(refusals)

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


def _overtaken(wall_ns: int) -> bool:
    return time.monotonic_ns() - wall_ns > _OVERTAKEN_NS
