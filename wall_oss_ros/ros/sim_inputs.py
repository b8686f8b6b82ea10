"""The controller topics from the robot's side: the counterpart of `controllers.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from geometry_msgs.msg import Twist, TwistStamped
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.polling import PolledSubscriber

# Positions, velocities (None: not given) and due time [s] of one trajectory point.
Point = tuple[Sequence[float], Sequence[float] | None, float]


class SimInputs:
    """Subscriptions of every controller of the contract; one thread polls them."""

    def __init__(
        self,
        node: Node,
        contract: RobotContract,
        on_joints: Callable[[str, Sequence[str], list[Point]], None],
        on_base: Callable[[float, float, float], None],
    ) -> None:
        """Subscribe.

        Args:
            node: owner.
            contract: names topics and interfaces.
            on_joints: called with part, joint names and points.
            on_base: called with vx, vy [m/s], wz [rad/s] in the base frame.
        """
        self._node, self._contract = node, contract
        self._on_joints, self._on_base = on_joints, on_base
        self._sources: list[PolledSubscriber] = []
        for part, controller in contract.joint_controllers.items():
            if controller.interface == "joint_trajectory":
                self._take(JointTrajectory, controller.topic, partial(self._trajectory, part))
            else:
                self._take(Float64MultiArray, controller.topic, partial(self._positions, part))
        if contract.base is not None:
            base = contract.base.controller
            kind = TwistStamped if base.interface == "twist_stamped" else Twist
            self._take(kind, base.topic, self._twist)

    def poll(self) -> None:
        """Pass on what has come in."""
        for source in self._sources:
            source.poll()

    def _take(self, kind: type, topic: str, callback: Callable[..., None]) -> None:
        source = PolledSubscriber(self._node, kind, topic, qos.NEWEST)
        source.registerCallback(callback)
        self._sources.append(source)

    def _trajectory(self, part: str, message: JointTrajectory) -> None:
        points: list[Point] = [
            (
                point.positions,
                point.velocities or None,
                point.time_from_start.sec + point.time_from_start.nanosec * 1e-9,
            )
            for point in message.points
        ]
        self._on_joints(part, message.joint_names, points)

    def _positions(self, part: str, message: Float64MultiArray) -> None:
        self._on_joints(part, self._contract.part_joints[part], [(message.data, None, 0.0)])

    def _twist(self, message: Twist | TwistStamped) -> None:
        twist = message.twist if isinstance(message, TwistStamped) else message
        self._on_base(twist.linear.x, twist.linear.y, twist.angular.z)
