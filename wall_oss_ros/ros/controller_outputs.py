"""One controller each: what its topic is sent for a setpoint.

Messages are made once and filled again for every command: a publisher copies what it is given.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Protocol

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import PoseStamped, Twist, TwistStamped
from rclpy.publisher import Publisher
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.waypoints import Waypoint, braking_waypoints
from wall_oss_ros.messages.stamps import SECOND_NS
from wall_oss_ros.ros.geometry import pose_message
from wall_oss_ros.ros.stamps import to_stamp

# Type of the message per interface of the contract.
INTERFACES: Mapping[str, type] = {
    "joint_trajectory": JointTrajectory,
    "position_array": Float64MultiArray,
    "cartesian_pose": PoseStamped,
    "twist_stamped": TwistStamped,
    "twist": Twist,
}


class JointOutput(Protocol):
    """Sends the setpoint of one part that has joints."""

    def send(
        self,
        positions: Sequence[float],
        velocities: Sequence[float],
        tool: Pose | None,
        stamp_ns: int,
    ) -> None:
        """Send a setpoint.

        Args:
            positions: per joint of the part, in its order [rad] or [m].
            velocities: [rad/s] or [m/s].
            tool: tool pose that these joints realise, in the arm's frame; None for other parts.
            stamp_ns: when it is due [ns].
        """


class TrajectoryOutput:
    """trajectory_msgs/JointTrajectory: the setpoint, and how to brake if nothing follows it.

    Where the contract wants it, the header has the time of the command, and the times of the points
    count from it: joint_trajectory_controller drops a trajectory whose last point is over. Else the
    stamp is 0, and the controller starts at once.
    """

    def __init__(
        self,
        publisher: Publisher[JointTrajectory],
        joints: Sequence[str],
        ranges: Sequence[tuple[float, float]],
        period_s: float,
        *,
        stamped: bool,
    ) -> None:
        """Prepare the message.

        Args:
            publisher: of the controller's topic.
            joints: names, in the order of the setpoints.
            ranges: position limits per joint [rad] or [m].
            period_s: how soon the setpoint is due, one period of the loop [s].
            stamped: whether the header has the time of the command.
        """
        self._publisher = publisher
        self._ranges = tuple(ranges)
        self._period_s = period_s
        self._stamped = stamped
        self._message = JointTrajectory(
            joint_names=list(joints), points=[JointTrajectoryPoint() for _ in range(2)]
        )

    def send(
        self,
        positions: Sequence[float],
        velocities: Sequence[float],
        tool: Pose | None,
        stamp_ns: int,
    ) -> None:
        """Send the setpoint, due in one period."""
        waypoints = braking_waypoints(positions, velocities, self._ranges, self._period_s)
        for point, waypoint in zip(self._message.points, waypoints, strict=True):
            _fill(point, waypoint)
        if self._stamped:
            self._message.header.stamp = to_stamp(stamp_ns)
        self._publisher.publish(self._message)


class PositionArrayOutput:
    """std_msgs/Float64MultiArray of positions, for controllers that only hold them."""

    def __init__(self, publisher: Publisher[Float64MultiArray]) -> None:
        self._publisher = publisher
        self._message = Float64MultiArray()

    def send(
        self,
        positions: Sequence[float],
        velocities: Sequence[float],
        tool: Pose | None,
        stamp_ns: int,
    ) -> None:
        """Send the positions."""
        self._message.data = array("d", positions)
        self._publisher.publish(self._message)


class CartesianPoseOutput:
    """geometry_msgs/PoseStamped of the tool, for arms whose driver solves its own kinematics.

    The pose is that of the judged joints, so every rule about joints and links has been applied to
    it; what the driver makes of it is the driver's.
    """

    def __init__(self, publisher: Publisher[PoseStamped], frame: str) -> None:
        """Prepare the message.

        Args:
            publisher: of the controller's topic.
            frame: frame of the arm, which the pose is given in.
        """
        self._publisher = publisher
        self._message = PoseStamped()
        self._message.header.frame_id = frame

    def send(
        self,
        positions: Sequence[float],
        velocities: Sequence[float],
        tool: Pose | None,
        stamp_ns: int,
    ) -> None:
        """Send the tool pose.

        Raises:
            ValueError: without a tool pose.
        """
        if tool is None:
            raise ValueError(f"no tool pose for a controller in '{self._message.header.frame_id}'")
        self._message.pose = pose_message(tool)
        self._message.header.stamp = to_stamp(stamp_ns)
        self._publisher.publish(self._message)


class TwistOutput:
    """geometry_msgs/Twist or TwistStamped of the base, in the base frame."""

    def __init__(self, publisher: Publisher[Twist | TwistStamped], frame: str) -> None:
        """Prepare the message.

        Args:
            publisher: of the controller's topic; its type decides.
            frame: base frame.
        """
        self._publisher = publisher
        self._stamped = TwistStamped() if publisher.msg_type is TwistStamped else None
        self._twist = Twist() if self._stamped is None else self._stamped.twist
        if self._stamped is not None:
            self._stamped.header.frame_id = frame

    def send(self, command: RobotCommand) -> None:
        """Send the twist of a command."""
        twist = self._twist
        twist.linear.x, twist.linear.y, twist.angular.z = command.base_twist.tolist()
        if self._stamped is None:
            self._publisher.publish(twist)
            return
        self._stamped.header.stamp = to_stamp(command.stamp_ns)
        self._publisher.publish(self._stamped)


def _fill(point: JointTrajectoryPoint, waypoint: Waypoint) -> None:
    nanoseconds = round(waypoint.after_s * SECOND_NS)
    point.positions = array("d", waypoint.positions)
    point.velocities = array("d", waypoint.velocities)
    point.time_from_start = Duration(sec=nanoseconds // SECOND_NS, nanosec=nanoseconds % SECOND_NS)
