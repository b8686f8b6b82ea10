"""Base of every node of the suite: lifecycle, contract, heartbeat, diagnostics, clear endings."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions
from rclpy.time_source import CLOCK_TOPIC
from std_msgs.msg import Header

from wall_oss_ros.core.contract import RobotContract, load_contract
from wall_oss_ros.core.errors import ContractError, WallOssError
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.ending import Ending
from wall_oss_ros.ros.listener import ListenerThread
from wall_oss_ros.ros.parameters import declare
from wall_oss_ros.ros.passing_time import passing_time
from wall_oss_ros.ros.real_time import keep_freed_memory
from wall_oss_ros.ros.stamps import to_stamp

HEARTBEAT_HZ = 10.0
DIAGNOSTICS_HZ = 1.0
# How long a node without a timer may take to see that it should end.
_LOOK_S = 0.5


class SuiteNode(LifecycleNode):
    """A lifecycle node that reads the robot contract.

    Subclasses implement `build` (configure: create everything), `start` (activate), `stop`
    (deactivate) and `report` (diagnostics). A `WallOssError` in any of them is logged as one
    sentence and fails the transition.

    Attributes:
        active: whether it is active.
        ending: how `run` learns that this process must end.
        contract_path: file of the robot contract.
        time: what its threads pace themselves by: simulated time where `use_sim_time` is set.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.active = False
        self._listeners: list[ListenerThread] = []
        self.ending = Ending()
        self.time = passing_time(self)
        if self.time.simulated:
            self._listen_to_clock()
        self.contract_path = declare(
            self, "contract", "", "path of the robot contract (config/robots/*.yaml)"
        )
        self._heartbeat = self.create_publisher(Header, "heartbeat", qos.EVENTS)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", qos.EVENTS)
        self._beating = self.create_timer(1.0 / HEARTBEAT_HZ, self.beat)
        self.create_timer(1.0 / DIAGNOSTICS_HZ, self._diagnose)

    # -- for subclasses ---------------------------------------------------------------------------

    def build(self, contract: RobotContract) -> None:
        """Create publishers, subscriptions and core objects (configure)."""

    def start(self) -> None:
        """Begin to work (activate)."""

    def stop(self) -> None:
        """Stop working, leave the robot safe (deactivate, shutdown)."""

    def report(self) -> tuple[int, str, dict[str, str]]:
        """Return diagnostic level (DiagnosticStatus), one sentence, and values."""
        return DiagnosticStatus.OK, "active" if self.active else "inactive", {}

    def beat_from_loop(self) -> None:
        """Beat no more by a timer: a loop of this node calls `beat`, as long as it lives."""
        self.destroy_timer(self._beating)

    def listen_to_people(self, kind: type, topic: str, callback: Callable[[Any], None]) -> None:
        """Subscribe to what a person sets, latched or not.

        A transient-local subscription gets what was said before it existed but hears no volatile
        publisher; a volatile one hears every publisher. Both are needed, so `callback` may get a
        message twice.
        """
        # rclpy would warn that the first hears nothing of a volatile publisher; the second does.
        silent = SubscriptionEventCallbacks(use_default_callbacks=False)
        self.create_subscription(kind, topic, callback, qos.STATE, event_callbacks=silent)
        self.create_subscription(kind, topic, callback, qos.VOLATILE_STATE)

    def listener(self, name: str) -> ListenerThread:
        """Return a thread for topics and services that come often or must not wait.

        An rclpy executor takes long for each message. Start it when all are added; it ends with
        the node.
        """
        self._listeners.append(ListenerThread(self, name, self.on_thread_error))
        return self._listeners[-1]

    def destroy_node(self) -> None:
        """Stop listening before the subscriptions end."""
        for listener in self._listeners:
            listener.stop()
        super().destroy_node()

    def _listen_to_clock(self) -> None:
        """Let a thread take /clock: it comes too often for the executor, and all else waits for it.

        rclpy subscribed while the node was made, because `use_sim_time` was set from the start.
        """
        clock = self.listener("clock")
        for subscription in self.subscriptions:
            if subscription.topic_name == CLOCK_TOPIC:
                clock.adopt(subscription)
        clock.start()

    def now_ns(self) -> int:
        """Return the node clock's time (simulated where use_sim_time is set) [ns]."""
        return int(self.get_clock().now().nanoseconds)

    def fail(self, error: BaseException) -> None:
        """End this process with status 1 and the error's sentence; callable from any thread."""
        self.ending.fail(error)

    def on_thread_error(self, error: BaseException) -> None:
        """Log what ended a thread that something depends on, and end this process."""
        self.get_logger().fatal("".join(traceback.format_exception(error)))
        self.fail(error)

    # -- lifecycle --------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the contract and build."""
        return self._guarded("configure", self._configure)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start working."""
        super().on_activate(state)
        self.active = True
        result = self._guarded("activate", self.start)
        self.active = result is TransitionCallbackReturn.SUCCESS
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop working; publishers still work while stopping."""
        result = self._guarded("deactivate", self._halt)
        super().on_deactivate(state)
        return result

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop working, whatever the state was."""
        return self._guarded("shutdown", self._halt)

    def halt(self) -> None:
        """Stop working if active; for the end of the process."""
        self._guarded("stop", self._halt)

    def _configure(self) -> None:
        if not self.contract_path:
            raise ContractError("parameter 'contract' is empty; give the path of a robot contract")
        self.build(load_contract(self.contract_path))

    def _halt(self) -> None:
        if self.active:
            self.active = False
            self.stop()

    def _guarded(self, what: str, action: Callable[[], None]) -> TransitionCallbackReturn:
        # rclpy turns any exception here into a silent error transition; people need the sentence.
        try:
            action()
        except WallOssError as error:
            self.get_logger().error(f"cannot {what}: {error}")
            return TransitionCallbackReturn.FAILURE
        except Exception:
            self.get_logger().error(f"cannot {what}:\n{traceback.format_exc()}")
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS

    # -- signs of life ----------------------------------------------------------------------------

    def beat(self) -> None:
        """Say that this node is active and runs."""
        if self.active:
            header = Header(frame_id=self.get_name())
            header.stamp = to_stamp(self.now_ns())
            self._heartbeat.publish(header)

    def _diagnose(self) -> None:
        level, message, values = self.report()
        status = DiagnosticStatus(
            name=self.get_fully_qualified_name().lstrip("/"),
            hardware_id="wall_oss_ros",
            level=level if isinstance(level, bytes) else bytes([level]),
            message=message,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
        array = DiagnosticArray(status=[status])
        array.header.stamp = to_stamp(self.now_ns())
        self._diagnostics.publish(array)


def run(create: Callable[[], SuiteNode], argv: Sequence[str] | None = None) -> int:
    """Run a node until it is asked to end; return the exit status.

    SIGINT and SIGTERM are handled here, not by rclpy, so that the node can still publish while it
    stops. A `WallOssError` ends with its sentence and status 1.
    """
    keep_freed_memory()
    ending = Ending()
    node: SuiteNode | None = None
    with ending.on_signals():
        try:
            rclpy.init(args=argv, signal_handler_options=SignalHandlerOptions.NO)
            node = create()
            node.ending = ending
            executor = SingleThreadedExecutor()
            executor.add_node(node)
            while not ending.requested:
                executor.spin_once(timeout_sec=_LOOK_S)
            if ending.error is not None:
                raise ending.error
            return 0
        except WallOssError as error:
            name = f"{node.get_name()}: " if node is not None else ""
            print(f"{name}{error}", file=sys.stderr, flush=True)
            return 1
        finally:
            if node is not None:
                node.halt()
                node.destroy_node()
            rclpy.try_shutdown()
