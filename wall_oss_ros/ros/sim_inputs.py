"""The controller topics from the robot's side: the counterpart of `controllers.py`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial

from geometry_msgs.msg import Twist, TwistStamped
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import SimulationError, choices
from wall_oss_ros.messages.stamps import to_ns
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.polling import PolledSubscriber
from wall_oss_ros.ros.sim_faults import SimFaults

# Positions, velocities (None: not given) and due time [s] of one trajectory point.
Point = tuple[Sequence[float], Sequence[float] | None, float]


class SimInputs:
    """Subscriptions of every controller of the contract; one thread polls them.

    A part with the fault "deaf" drops its commands, one that is "gone" does not even subscribe.
    """

    def __init__(
        self,
        node: Node,
        contract: RobotContract,
        faults: SimFaults,
        on_joints: Callable[[str, Sequence[str], list[Point], int], None],
        on_base: Callable[[float, float, float, int], None],
    ) -> None:
        """Subscribe.

        Args:
            node: owner.
            contract: names topics and interfaces.
            faults: what the controllers suffer from now.
            on_joints: called with part, joint names, points and stamp [ns]; 0: it has none.
            on_base: called with vx, vy [m/s], wz [rad/s] in the base frame, and the stamp likewise.
        """
        self._node, self._contract, self._faults = node, contract, faults
        self._on_joints, self._on_base = on_joints, on_base
        self._lock = threading.Lock()  # one thread polls, another makes a controller go and come
        self._sources: dict[str, PolledSubscriber] = {}
        for part in contract.commanded_parts:
            self._join(part)

    def poll(self) -> None:
        """Pass on what has come in."""
        with self._lock:
            for source in self._sources.values():
                source.poll()

    def follow_faults(self) -> None:
        """Unsubscribe what is gone, subscribe again what came back."""
        with self._lock:
            for part in self._contract.commanded_parts:
                gone = self._faults.of(part) == "gone"
                if gone and part in self._sources:
                    self._leave(part)
                elif not gone and part not in self._sources:
                    self._join(part)

    def _join(self, part: str) -> None:
        contract = self._contract
        if part == "base" and contract.base is not None:
            base = contract.base.controller
            kind = TwistStamped if base.interface == "twist_stamped" else Twist
            self._take(part, kind, base.topic, self._twist)
            return
        controller = contract.joint_controllers[part]
        takes: dict[str, tuple[type, Callable[..., None]]] = {
            "joint_trajectory": (JointTrajectory, self._trajectory),
            "position_array": (Float64MultiArray, self._positions),
        }
        if controller.interface not in takes:
            raise SimulationError(
                f"the simulated robot has no controller for '{controller.interface}', which the "
                f"contract names for '{part}'; valid: {choices(takes)}"
            )
        kind, callback = takes[controller.interface]
        self._take(part, kind, controller.topic, partial(callback, part))

    def _leave(self, part: str) -> None:
        del self._sources[part]
        joints = self._contract.joint_controllers
        base = self._contract.base
        controller = base.controller if part == "base" and base is not None else joints[part]
        topic = self._node.resolve_topic_name(controller.topic)
        for subscription in [s for s in self._node.subscriptions if s.topic_name == topic]:
            self._node.destroy_subscription(subscription)

    def _take(self, part: str, kind: type, topic: str, callback: Callable[..., None]) -> None:
        source = PolledSubscriber(self._node, kind, topic, qos.NEWEST)
        source.registerCallback(callback)
        self._sources[part] = source

    def _trajectory(self, part: str, message: JointTrajectory) -> None:
        if self._faults.of(part) == "deaf":
            return
        points: list[Point] = [
            (
                point.positions,
                point.velocities or None,
                point.time_from_start.sec + point.time_from_start.nanosec * 1e-9,
            )
            for point in message.points
        ]
        self._on_joints(part, message.joint_names, points, to_ns(message.header.stamp))

    def _positions(self, part: str, message: Float64MultiArray) -> None:
        if self._faults.of(part) == "deaf":
            return
        self._on_joints(part, self._contract.part_joints[part], [(message.data, None, 0.0)], 0)

    def _twist(self, message: Twist | TwistStamped) -> None:
        if self._faults.of("base") == "deaf":
            return
        stamped = isinstance(message, TwistStamped)
        twist, stamp_ns = (message.twist, to_ns(message.header.stamp)) if stamped else (message, 0)
        self._on_base(twist.linear.x, twist.linear.y, twist.angular.z, stamp_ns)
