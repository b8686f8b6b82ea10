"""A running graph to make trials with: sets it in motion, breaks it, puts it right again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from std_msgs.msg import Bool

from wall_oss_ros.cli.bench.commanded import commanded_share
from wall_oss_ros.cli.bench.dead_man import DeadManSwitch
from wall_oss_ros.cli.bench.intruder import Intruder
from wall_oss_ros.cli.bench.monitor import (
    CHUNKS,
    COMMANDS,
    EXECUTOR,
    SAFETY,
    TRUTH,
    Monitor,
)
from wall_oss_ros.cli.bench.motion import Axes, Track
from wall_oss_ros.cli.session import Session
from wall_oss_ros.core.errors import BringUpError
from wall_oss_ros.core.executor import ExecutorStatus
from wall_oss_ros.core.safety import Mode
from wall_oss_ros.msg import ActionChunk, ExecutorState, SafetyState
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.sim_outputs import BASE_NAMES
from wall_oss_ros.srv import InjectFault, ResetScene

# Larger and faster than a person would want for a first look, so that stops are worth measuring:
# circles of 6 cm at 0.15 m/s, the head at half of its speed.
EXERCISE = {"amplitude": 2.0, "period_s": 2.5}
# Further than this from where it began, the simulated robot is put back [m], [rad].
_STRAYED = (0.12, 0.12, 0.3)
_STEP_S = 0.003
# A chunk that came has been taken after so long [s]; another comes after a tenth.
_TAKEN_S = 0.03
# Share of its largest speed at which a part counts as moving.
_NEARLY = 0.7
_MOVING_S = 20.0
SECOND_NS = 1_000_000_000


class Rig:
    """One running graph, its client and its monitor. Use from the main thread.

    Attributes:
        session: runner, conductor and contract.
        conductor: shorthand.
        monitor: arrivals on the graph's topics.
        intruder: publishes what it should not.
        dead_man: is held, unless told otherwise.
        axes: how to read the simulator's truth.
        answer: of the service that a fault called, with when it came [ns].
    """

    def __init__(self, session: Session, monitor: Monitor) -> None:
        self.session, self.conductor, self.monitor = session, session.conductor, monitor
        self.axes = Axes(session.contract)
        self.answer: tuple[Any, int] | None = None
        node = self.conductor.node
        self._estop_input = node.create_publisher(Bool, "safety/estop_input", qos.STATE)
        self._instructions = 0
        self.intruder = Intruder(node.context, session.contract, node.get_namespace())
        self.dead_man = DeadManSwitch(node)

    def close(self) -> None:
        """Leave the graph; before the session's own end."""
        self.dead_man.close()
        self.intruder.close()

    # -- looking ----------------------------------------------------------------------------------

    @property
    def safety(self) -> SafetyState:
        """The supervisor's newest state."""
        return self.monitor.newest(SAFETY).message

    @property
    def executor(self) -> ExecutorState:
        """The executor's newest state."""
        return self.monitor.newest(EXECUTOR).message

    def describe(self) -> str:
        """Return in words what supervisor and executor say, and what moves."""
        causes = "; ".join(self.safety.latched_causes) or "motion enabled"
        answer = "" if self.answer is None else f"; a service said: {self.answer[0].message}"
        moving = self.axes.moving(self.track(time.monotonic_ns() - SECOND_NS // 10))
        return (
            f"supervisor: {Mode(self.safety.mode).name}, {causes}; executor: "
            f"{ExecutorStatus(self.executor.state).name}, {self.executor.reason}; moving: {moving}"
            f"{answer}"
        )

    def track(self, since_ns: int, until_ns: int | None = None) -> Track:
        """Return the true motion since a time [ns, monotonic]."""
        arrivals = self.monitor.since(TRUTH, since_ns)
        if until_ns is not None:
            arrivals = [each for each in arrivals if each.ns <= until_ns]
        return self.axes.track(arrivals)

    def commanded_share(self, since_ns: int) -> tuple[float, str]:
        """Return the largest speed sent to a controller since a time, as a share of its limit."""
        contract = self.session.contract
        watched = [topic for topic in contract.controller_topics if self.monitor.watches(topic)]
        told = {topic: self.monitor.since(topic, since_ns) for topic in watched}
        return commanded_share(contract, told)

    def wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until a condition holds; return whether it did in time."""
        end = time.monotonic() + timeout_s
        while not condition():
            self.monitor.check()
            self.conductor.check()
            if time.monotonic() > end:
                return False
            time.sleep(_STEP_S)
        return True

    def pause(self, duration_s: float) -> None:
        """Let time pass; the monitor goes on listening."""
        time.sleep(max(0.0, duration_s))

    # -- acting -----------------------------------------------------------------------------------

    def inject(self, stream: str, fault: str) -> None:
        """Give a stream of the simulated robot a fault.

        Raises:
            BringUpError: if the simulator refuses.
        """
        request = InjectFault.Request(stream=stream, fault=fault)
        answer = self.conductor.call("sim_robot/inject_fault", (InjectFault, request))
        if not answer.success:
            raise BringUpError(f"inject_fault: {answer.message}")

    def ask(self, service: str, request: bool | None = None) -> None:
        """Call a Trigger or SetBool service and keep its answer."""
        answer = self.conductor.call(service, request)
        self.answer = (answer, time.monotonic_ns())

    def signal(self, node: str, number: signal.Signals) -> None:
        """Send a signal to a node's process."""
        os.kill(self.session.runner.pid(node), number)

    def restart(self, node: str) -> None:
        """Start a node anew and bring it up."""
        self.session.runner.restart(node)
        self.conductor.bring_up(node)

    def newest_chunk(self, back: int = 0) -> ActionChunk:
        """Return a copy of the newest chunk, or the one `back` before it.

        Raises:
            BringUpError: if so many did not come yet.
        """
        arrivals = self.monitor.since(CHUNKS, 0)
        if len(arrivals) <= back:
            raise BringUpError(f"only {len(arrivals)} chunks came yet")
        return arrivals[-1 - back].copy()

    def await_chunk(self) -> None:
        """Wait until a chunk has come and been taken: one that comes with it would replace it.

        Raises:
            BringUpError: if none comes.
        """
        since_ns = time.monotonic_ns()
        if not self.wait(lambda: bool(self.monitor.since(CHUNKS, since_ns)), 2.0):
            raise BringUpError("no chunk comes")
        self.pause(_TAKEN_S)

    def instruct_anew(self) -> None:
        """Give another instruction."""
        self._instructions += 1
        self.conductor.instruct(f"exercise {self._instructions}")

    def press_estop(self, pressed: bool) -> None:
        """Press or release the e-stop input."""
        self._estop_input.publish(Bool(data=pressed))

    def flood_commands(self) -> None:
        """Let the intruder flood the supervisor with what the newest command is not."""
        self.intruder.flood(self.monitor.newest(COMMANDS).copy())

    def await_speed(self, part: str) -> None:
        """Wait until a part is nearly as fast as it ever is.

        Raises:
            BringUpError: if it never is.
        """
        period_ns = round(EXERCISE["period_s"] * SECOND_NS)
        self.wait(lambda: len(self.track(time.monotonic_ns() - period_ns).ns) > 0, 1.0)

        def fast() -> bool:
            speed = self.axes.part_speed(self.track(time.monotonic_ns() - period_ns), part)
            return bool(len(speed)) and speed[-1] > max(2.0, _NEARLY * float(speed.max()))

        if not self.wait(fast, 2 * EXERCISE["period_s"]):
            raise BringUpError(f"{part} does not move")

    def await_rest(self) -> None:
        """Wait until everything stands.

        Raises:
            BringUpError: if it does not.
        """
        since_ns = time.monotonic_ns()
        if not self.wait(lambda: self.axes.rest_ns(self.track(since_ns)) is not None, 3.0):
            raise BringUpError("the robot does not come to rest")

    # -- in order ---------------------------------------------------------------------------------

    def begin(self) -> None:
        """Bring everything into motion for the first time.

        Raises:
            BringUpError: naming what did not happen.
        """
        self.conductor.begin(self.session.runner.managed)
        # A node is active before this process has found its topics.
        for topic in (SAFETY, EXECUTOR):
            if not self.wait(lambda heard=topic: self.monitor.heard(heard), _MOVING_S):  # type: ignore[misc]
                raise BringUpError(f"nothing arrived on '{topic}' within {_MOVING_S:.0f} s")
        self.set_in_motion()

    def set_in_motion(self) -> None:
        """Reset an e-stop, enable motion, and wait until the robot follows chunks and moves.

        Raises:
            BringUpError: if it does not get there.
        """
        # The exercise goes on from where it was stopped: stopped again and again, arms would wander
        # off until they are straight, and are then as slow to halt as straight arms are.
        if self._strayed() or not self._moving():
            self._put_back()
        end = time.monotonic() + _MOVING_S
        while not self._moving():
            if time.monotonic() > end:
                raise BringUpError(
                    f"the robot does not move within {_MOVING_S:.0f} s; {self.describe()}"
                )
            self._help()

    def _help(self) -> None:
        """Do the next thing a person would do to get the robot going."""
        safety = self.safety
        if safety.mode == SafetyState.ESTOP:
            self.conductor.call("safety_supervisor/reset")
        elif not safety.motion_enabled:
            self.conductor.call("safety_supervisor/enable_motion", True)
        elif "enable the executor" in self.executor.reason:
            self.conductor.call("chunk_executor/enable", True)
        since_ns = time.monotonic_ns()
        self.wait(lambda: self._moving() or len(self.monitor.since(SAFETY, since_ns)) > 1, 0.25)

    def _moving(self) -> bool:
        now_ns = time.monotonic_ns()
        if not self.safety.motion_enabled or self.executor.state != ExecutorState.RUNNING:
            return False
        if now_ns - self.monitor.newest(EXECUTOR).ns > SECOND_NS // 2:
            return False
        track = self.track(now_ns - SECOND_NS // 20)
        arms = [part for part in ("left_arm", "right_arm") if len(track.ns)]
        return bool(arms) and all(self.axes.part_speed(track, part)[-1] > 2.0 for part in arms)

    def _strayed(self) -> bool:
        if not self.monitor.heard(TRUTH):
            return False
        place = self.monitor.newest(TRUTH).message.position[-len(BASE_NAMES) :]
        return any(abs(x) > far for x, far in zip(place, _STRAYED, strict=True))

    def _put_back(self) -> None:
        """Start another scene: the robot is at home again. Motion is off meanwhile."""
        if self.safety.mode == SafetyState.ESTOP:
            self.conductor.call("safety_supervisor/reset")  # it would hold where the robot was
        self.conductor.call("safety_supervisor/enable_motion", False)
        request = ResetScene.Request(seed=-1)
        self.conductor.call("sim_robot/reset", (ResetScene, request))
        self.pause(0.2)
