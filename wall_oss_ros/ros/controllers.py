"""Commands on their way to ros2_control: the only code that writes controller topics."""

from __future__ import annotations

from collections.abc import Sequence

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Twist, TwistStamped
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.waypoints import Waypoint, braking_waypoints
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.geometry import twist_message
from wall_oss_ros.ros.stamps import SECOND_NS, to_stamp

# Parts that did not change are repeated this often, well inside a controller's command time-out.
KEEP_ALIVE_NS = 100_000_000


class ControllerOutput:
    """Publishers of the contract's controllers."""

    def __init__(self, node: LifecycleNode, contract: RobotContract, period_s: float) -> None:
        """Create the publishers.

        Args:
            node: owner.
            contract: the robot.
            period_s: how soon a point is due, one period of the loop [s].
        """
        self._contract = contract
        self._period_s = period_s
        self._sent: dict[str, tuple[tuple[float, ...], tuple[float, ...], int]] = {}
        types = {"joint_trajectory": JointTrajectory, "position_array": Float64MultiArray}
        self._joint_publishers = {
            part: node.create_lifecycle_publisher(
                types[controller.interface], controller.topic, qos.command()
            )
            for part, controller in contract.joint_controllers.items()
        }
        self._base_publisher = None
        if contract.base is not None:
            controller = contract.base.controller
            self._base_stamped = controller.interface == "twist_stamped"
            kind = TwistStamped if self._base_stamped else Twist
            self._base_publisher = node.create_lifecycle_publisher(
                kind, controller.topic, qos.command()
            )

    def send(self, command: RobotCommand) -> None:
        """Send the commanded parts; those that stand still only as often as a keep-alive needs."""
        for part, joints in self._contract.part_joints.items():
            if part in command.parts:
                positions = tuple(command.positions[joint] for joint in joints)
                velocities = tuple(command.velocities[joint] for joint in joints)
                if self._due(part, positions, velocities, command.stamp_ns):
                    self._send_joints(part, joints, positions, velocities)
        if "base" in command.parts and self._base_publisher is not None:
            twist: Twist | TwistStamped = twist_message(command.base_twist)
            if self._base_stamped:
                twist = TwistStamped(twist=twist)
                twist.header.stamp = to_stamp(command.stamp_ns)
                twist.header.frame_id = self._contract.base_frame
            self._base_publisher.publish(twist)

    def _due(
        self,
        part: str,
        positions: tuple[float, ...],
        velocities: tuple[float, ...],
        now_ns: int,
    ) -> bool:
        last = self._sent.get(part)
        if last is not None:
            same = last[:2] == (positions, velocities)
            if same and 0 <= now_ns - last[2] < KEEP_ALIVE_NS:
                return False
        self._sent[part] = (positions, velocities, now_ns)
        return True

    def _send_joints(
        self,
        part: str,
        joints: Sequence[str],
        positions: tuple[float, ...],
        velocities: tuple[float, ...],
    ) -> None:
        publisher = self._joint_publishers[part]
        if self._contract.joint_controllers[part].interface == "position_array":
            publisher.publish(Float64MultiArray(data=list(positions)))
            return
        # Header stamp 0: the controller starts at once.
        ranges = [self._contract.joint_ranges[joint] for joint in joints]
        waypoints = braking_waypoints(positions, velocities, ranges, self._period_s)
        message = JointTrajectory(joint_names=list(joints))
        message.points = [_point(waypoint) for waypoint in waypoints]
        publisher.publish(message)


def _point(waypoint: Waypoint) -> JointTrajectoryPoint:
    nanoseconds = round(waypoint.after_s * SECOND_NS)
    return JointTrajectoryPoint(
        positions=list(waypoint.positions),
        velocities=list(waypoint.velocities),
        time_from_start=Duration(sec=nanoseconds // SECOND_NS, nanosec=nanoseconds % SECOND_NS),
    )
