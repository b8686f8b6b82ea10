"""A client of the running graph: sets the instruction, enables motion, watches, counts.

What a person does with `ros2 topic pub` and `ros2 service call`, for the demo, the measurements and
the system tests. It is an ordinary ROS client; it starts and stops nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import Header, String
from std_srvs.srv import SetBool, Trigger

from wall_oss_ros.core.errors import BringUpError
from wall_oss_ros.core.pacing import SLOWEST
from wall_oss_ros.messages.stamps import to_ns
from wall_oss_ros.msg import ExecutorState, PolicyState, SafetyState, SimTaskState
from wall_oss_ros.ros import qos

# A model loads for minutes, and compiles for a new length of prompt. What fails sooner ends the
# graph, and `giving_up` with it: these are for what hangs.
_LOADING_S = 900.0
_FIRST_CHUNK_S = 120.0
# Simulated time may stand still for a while, as when something is drawn for the first time.
_STILL_S = 60.0


@dataclass(slots=True)
class Seen:
    """The newest messages of each kind, None before the first."""

    policy: PolicyState | None = None
    executor: ExecutorState | None = None
    safety: SafetyState | None = None
    task: SimTaskState | None = None
    heartbeats: dict[str, float] = field(default_factory=dict)
    # Diagnostic values by node, and when they were said [s, the node's clock].
    diagnostics: dict[str, dict[str, str]] = field(default_factory=dict)
    levels: dict[str, tuple[int, str]] = field(default_factory=dict)
    diagnosed_s: dict[str, float] = field(default_factory=dict)


class Conductor:
    """Spins its own node while it waits; use from one thread."""

    def __init__(self, namespace: str = "", giving_up: Callable[[], None] | None = None) -> None:
        """Join the graph.

        Args:
            namespace: of the graph.
            giving_up: called while waiting; raises to end the wait.
        """
        self._context = rclpy.Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node("conductor", namespace=namespace, context=self._context)
        self._executor = rclpy.executors.SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._giving_up = giving_up or (lambda: None)
        self.seen = Seen()
        self._clients: dict[str, Any] = {}
        self._instruction = self.node.create_publisher(String, "instruction", qos.STATE)
        for kind, topic, name in (
            (PolicyState, "policy/state", "policy"),
            (ExecutorState, "executor/state", "executor"),
            (SafetyState, "safety/state", "safety"),
            (SimTaskState, "task_state", "task"),
        ):
            self.node.create_subscription(kind, topic, self._keeper(name), qos.STATE)
        self.node.create_subscription(Header, "heartbeat", self._on_heartbeat, qos.EVENTS)
        self.node.create_subscription(
            DiagnosticArray, "/diagnostics", self._on_diagnostics, qos.EVENTS
        )

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown(timeout_sec=1.0)
        self.node.destroy_node()
        self._context.try_shutdown()

    def check(self) -> None:
        """Raise what ends every wait, if anything does: a signal, the end of the graph."""
        self._giving_up()

    def spin(self, duration_s: float) -> None:
        """Take messages for a time."""
        end = time.monotonic() + duration_s
        while (left := end - time.monotonic()) > 0:
            self._giving_up()
            self._executor.spin_once(timeout_sec=min(left, 0.05))

    def wait_for(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Take messages until a condition holds.

        Raises:
            BringUpError: if it does not within the time; `what` says what was waited for.
        """
        end = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > end:
                raise BringUpError(f"{what} did not happen within {timeout_s:.0f} s")
            self._giving_up()
            self._executor.spin_once(timeout_sec=0.05)

    def let_pass(self, duration_s: float) -> None:
        """Take messages for a time of the simulated robot's, however slowly it passes here.

        Raises:
            BringUpError: if it stands still.
        """
        since = self.task

        def over() -> bool:
            now = self.task
            return now.episode != since.episode or now.elapsed - since.elapsed >= duration_s

        self.wait_for(over, max(_STILL_S, duration_s / SLOWEST), "simulated time going on")

    def wait_until_active(self, names: tuple[str, ...], timeout_s: float) -> None:
        """Wait until every node beats, which only active nodes do.

        Raises:
            BringUpError: naming those that do not.
        """
        end = time.monotonic() + timeout_s
        while missing := [name for name in names if name not in self.seen.heartbeats]:
            if time.monotonic() > end:
                raise BringUpError(f"not active within {timeout_s:.0f} s: {', '.join(missing)}")
            self.spin(0.05)

    def begin(self, names: tuple[str, ...]) -> str:
        """Wait until the graph is up, give the scene's instruction, enable motion.

        Args:
            names: nodes that must be active.

        Returns:
            The instruction.

        Raises:
            BringUpError: naming what did not happen.
        """
        self.wait_until_active(names, _LOADING_S)
        self.wait_for(lambda: self.seen.task is not None, 20.0, "a task state of the simulator")
        text = str(self.task.instruction)
        self.instruct(text)
        self.wait_for(
            lambda: self.seen.policy is not None and self.seen.policy.chunks > 0,
            _FIRST_CHUNK_S,
            "a first chunk (see the lines of camera_sync and policy)",
        )
        self.enable_motion(15.0)
        return text

    @property
    def task(self) -> SimTaskState:
        """The newest task state; `begin` waits for the first."""
        if self.seen.task is None:
            raise BringUpError("no task state of the simulator yet")
        return self.seen.task

    def instruct(self, text: str) -> None:
        """Publish the instruction (transient local: late joiners get it too)."""
        self._instruction.publish(String(data=text))

    def call(self, name: str, request: Any = None, timeout_s: float = 5.0) -> Any:
        """Call a Trigger or SetBool service and return its response.

        Args:
            name: service, relative to the graph's namespace, e.g. ``safety_supervisor/estop``.
            request: True or False for SetBool, None for Trigger, or a request of another type.
            timeout_s: for the service to appear, and again for its answer [s].

        Raises:
            BringUpError: if it is not there or does not answer.
        """
        if request is None:
            kind, request = Trigger, Trigger.Request()
        elif isinstance(request, bool):
            kind, request = SetBool, SetBool.Request(data=request)
        else:
            kind = request[0]
            request = request[1]
        client = self.client(kind, name, timeout_s)
        future = client.call_async(request)
        try:
            self.wait_for(future.done, timeout_s, f"an answer of service '{name}'")
        except BringUpError:
            client.remove_pending_request(future)
            raise
        return future.result()

    def client(self, kind: type, name: str, timeout_s: float = 5.0) -> Any:
        """Return the client of a service that is there; the same one every time.

        Raises:
            BringUpError: if it does not appear.
        """
        if name not in self._clients:
            self._clients[name] = self.node.create_client(kind, name)
        client = self._clients[name]
        self.wait_for(client.service_is_ready, timeout_s, f"service '{name}' appearing")
        return client

    def bring_up(self, name: str, timeout_s: float = 60.0) -> None:
        """Configure and activate a node that was started anew.

        Raises:
            BringUpError: if it does not appear, or refuses.
        """
        end = time.monotonic() + timeout_s
        steps = {
            State.PRIMARY_STATE_UNCONFIGURED: Transition.TRANSITION_CONFIGURE,
            State.PRIMARY_STATE_INACTIVE: Transition.TRANSITION_ACTIVATE,
        }
        while (state := self._lifecycle_state(name)) != State.PRIMARY_STATE_ACTIVE:
            if time.monotonic() > end:
                raise BringUpError(f"node '{name}' did not come up within {timeout_s:.0f} s")
            if state in steps:
                request = ChangeState.Request(transition=Transition(id=steps[state]))
                answer = self.call(f"{name}/change_state", (ChangeState, request), timeout_s)
                if not answer.success:
                    raise BringUpError(f"node '{name}' could not be brought up; its lines say why")

    def _lifecycle_state(self, name: str) -> int | None:
        """Return a node's state; None while it does not answer.

        One that was killed is remembered for a while, and looks as if it could be asked.
        """
        try:
            answer = self.call(f"{name}/get_state", (GetState, GetState.Request()), 0.5)
        except BringUpError:
            self._giving_up()
            return None
        return int(answer.current_state.id)

    def enable_motion(self, timeout_s: float) -> None:
        """Ask the supervisor until it enables motion.

        Raises:
            BringUpError: with its last refusal.
        """
        end = time.monotonic() + timeout_s
        while True:
            response = self.call("safety_supervisor/enable_motion", True)
            if response.success:
                return
            if time.monotonic() > end:
                raise BringUpError(f"motion cannot be enabled: {response.message}")
            self.spin(0.2)

    def next_diagnostic(self, node: str) -> None:
        """Wait for another diagnostic message of a node; each sends one a second of its clock."""
        before = self.seen.diagnosed_s.get(node)
        self.wait_for(
            lambda: self.seen.diagnosed_s.get(node) != before,
            60.0,
            f"a diagnostic message of {node}",
        )

    def diagnostic(self, node: str, key: str) -> float:
        """Return a number of a node's diagnostics; NaN before it is known."""
        try:
            return float(self.seen.diagnostics[node][key].split()[0])
        except (KeyError, IndexError, ValueError):
            return float("nan")

    def _keeper(self, name: str) -> Callable[[Any], None]:
        return lambda message: setattr(self.seen, name, message)

    def _on_heartbeat(self, message: Header) -> None:
        self.seen.heartbeats[message.frame_id] = time.monotonic()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            name = status.name.rpartition("/")[2]
            self.seen.diagnostics[name] = {item.key: item.value for item in status.values}
            self.seen.levels[name] = (int.from_bytes(status.level, "little"), status.message)
            self.seen.diagnosed_s[name] = to_ns(message.header.stamp) * 1e-9
