"""policy: observations and an instruction in, action chunks out, from an inference thread."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from functools import partial

from diagnostic_msgs.msg import DiagnosticStatus
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import MessageError, PolicyError
from wall_oss_ros.core.mailbox import Mailbox
from wall_oss_ros.core.policy_session import PolicySession, PolicySettings, PolicyStatus
from wall_oss_ros.msg import (
    ActionChunk,
    CommittedPlan,
    Observation,
    PolicyState,
    SafetyState,
    SimTaskState,
)
from wall_oss_ros.policies.registry import BACK_ENDS, back_end, make_policy
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.chunk_message import chunk_message
from wall_oss_ros.ros.latency_message import latency_messages, latency_values
from wall_oss_ros.ros.node import SuiteNode, run
from wall_oss_ros.ros.observation_message import observation_from
from wall_oss_ros.ros.parameters import declare, declare_settings
from wall_oss_ros.ros.passing_time import SECOND_NS
from wall_oss_ros.ros.plan_message import plan_from
from wall_oss_ros.ros.python_log import forward_log
from wall_oss_ros.ros.stamps import to_stamp
from wall_oss_ros.ros.task_message import task_from

# The default of 5 ms lets a computing thread keep a callback waiting that long.
_SWITCH_INTERVAL_S = 0.0005
# How long a running inference is waited for when the node stops; one that compiles takes longer.
_PATIENCE_S = 10.0


class PolicyNode(SuiteNode):
    """Wires a `PolicySession`; callbacks only drop messages into a mailbox."""

    def __init__(self) -> None:
        super().__init__("policy")
        self._settings = declare_settings(self, PolicySettings)
        self._backend = declare(self, "policy", "scripted", "policy back end")
        self._checkpoint = declare(
            self, "checkpoint", "", "what the back end loads: a model folder or a recorded bag"
        )
        back_end(self._backend)  # an unknown name is said here
        # The settings of every back end, so that a parameter file fits whichever is chosen.
        self._own_settings = {
            name: declare_settings(self, entry.settings, f"{name}.")
            for name, entry in BACK_ENDS.items()
            if entry.settings is not None
        }
        self._enabled = declare(self, "enabled", True, "whether it may think from the start")

    def build(self, contract: RobotContract) -> None:
        """Load the back end and create topics and services."""
        self._contract = contract
        forward_log(self)
        # No lifecycle publisher: it also says that the model is still loading, or why it cannot.
        self._state_publisher = self.create_publisher(PolicyState, "policy/state", qos.STATE)
        policy = make_policy(
            self._backend, contract, self._checkpoint, self._own_settings.get(self._backend)
        )
        self._session = PolicySession(
            contract,
            policy,
            self._settings,
            # Seconds of the wall clock: later than any epoch an earlier process counted to.
            first_epoch=int(time.time()) & 0x7FFFFFFF,
            enabled=self._enabled,
        )
        self._publish_state()
        try:
            self._session.load()
        finally:
            self._publish_state()
        self._mailbox: Mailbox[Observation] = Mailbox()
        self._thread: threading.Thread | None = None
        self._publisher = self.create_lifecycle_publisher(ActionChunk, "action_chunk", qos.NEWEST)
        self.listen_to_people(String, "instruction", self._on_instruction)
        inputs = self.listener("inputs")
        inputs.subscribe(Observation, "observation", self._mailbox.put, qos.NEWEST)
        inputs.subscribe(CommittedPlan, "committed_plan", self._on_plan, qos.NEWEST)
        # Every message and not the newest: motion may be revoked and enabled again between two.
        inputs.subscribe(SafetyState, "safety/state", self._on_safety, qos.EVENTS)
        inputs.start()
        if hasattr(policy, "observe_task"):
            self.create_subscription(
                SimTaskState,
                "task_state",
                lambda message: policy.observe_task(task_from(message)),
                qos.NEWEST,
            )
        self.create_service(SetBool, "~/enable", self._on_enable)
        self.create_service(Trigger, "~/reset", self._on_reset)
        self.create_timer(0.1, self._publish_state)

    def start(self) -> None:
        """Start the inference thread.

        Raises:
            PolicyError: while the one of before still runs; a policy is used from one thread.
        """
        if self._thread is not None and self._thread.is_alive():
            raise PolicyError("an inference of before still runs; activate again when it is over")
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        self._mailbox.clear()
        self._thread = threading.Thread(target=self._think, name="inference", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the inference thread; a running inference is waited for, its chunk is dropped."""
        self._session.reset()
        if self._thread is not None:
            self._thread.join(timeout=_PATIENCE_S)

    def _think(self) -> None:
        period_ns = round(SECOND_NS / self._settings.max_rate)
        next_ns = self.time.now_ns()
        while self.active:
            message = self._mailbox.take(timeout_s=0.1)
            if message is None:
                continue
            try:
                observation = observation_from(message, self._contract)
                chunk = self._session.infer(observation, self.now_ns, time.monotonic_ns)
                if chunk is not None and self.active:
                    ready = chunk_message(chunk, self._contract.base_frame)
                    self._session.deliver(chunk, partial(self._publisher.publish, ready))
            except MessageError as error:
                self.get_logger().error(str(error), throttle_duration_sec=5.0)
                continue
            except Exception as error:  # a bug or the device: say so, and wait to be enabled again
                self.get_logger().error(f"inference ended:\n{traceback.format_exc()}")
                self._session.break_down(f"inference ended with {type(error).__name__}: {error}")
            # A newer observation may arrive while waiting; the mailbox keeps the newest.
            next_ns = max(next_ns + period_ns, self.time.now_ns())
            self.time.sleep_until(next_ns, lambda: not self.active)

    def _on_instruction(self, message: String) -> None:
        if self._session.instruct(message.data):
            self.get_logger().info(f"instruction: '{self._session.instruction}'")

    def _on_plan(self, message: CommittedPlan) -> None:
        try:
            self._session.committed(plan_from(message))
        except MessageError as error:
            self._session.committed(None)
            self.get_logger().error(str(error), throttle_duration_sec=5.0)

    def _on_safety(self, message: SafetyState) -> None:
        self._session.allow_motion(message.motion_enabled)

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._session.enable(request.data)
        response.success = True
        return response

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._session.reset()
        response.success = True
        return response

    def _publish_state(self) -> None:
        now_ns = self.now_ns()
        status, reason = self._session.status(now_ns)
        message = PolicyState(
            state=status.value,
            reason=reason,
            policy=self._backend,
            instruction=self._session.instruction,
            epoch=self._session.epoch,
            chunks=self._session.chunks,
            failures=self._session.failures,
            rate=self._session.rate.rate_hz(now_ns),
            latency=latency_messages(self._session.latency),
        )
        message.header.stamp = to_stamp(now_ns)
        self._state_publisher.publish(message)

    def report(self) -> tuple[int, str, dict[str, str]]:
        """Return state, rate and latencies."""
        if not self.active:
            return super().report()
        now_ns = self.now_ns()
        status, reason = self._session.status(now_ns)
        level = {
            PolicyStatus.RUNNING: DiagnosticStatus.OK,
            PolicyStatus.IDLE: DiagnosticStatus.OK,
            PolicyStatus.FAULT: DiagnosticStatus.ERROR,
        }.get(status, DiagnosticStatus.WARN)
        return (
            level,
            f"{status.name}: {reason}",
            {
                "chunk rate [Hz]": f"{self._session.rate.rate_hz(now_ns):.2f}",
                "chunks": str(self._session.chunks),
                "failures": str(self._session.failures),
                **latency_values(self._session.latency),
                "observations replaced before use": str(self._mailbox.replaced),
            },
        )


def main() -> int:
    """Run the node."""
    return run(PolicyNode)
