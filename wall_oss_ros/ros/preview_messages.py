"""A chunk as standard messages with true stamps: a path per tool, and a trajectory of joints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Path
from rclpy.duration import Duration
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import ActionChunk
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.rotation import matrix_from_rot6d
from wall_oss_ros.ros.geometry import pose_message
from wall_oss_ros.ros.stamps import to_stamp


def tool_path(chunk: ActionChunk, side: str, frame: str) -> Path:
    """Return the poses of a tool, each stamped with the time at which it is due.

    Args:
        chunk: which commands this arm.
        side: left or right.
        frame: the arm's frame.
    """
    path = Path()
    path.header.frame_id = frame
    path.header.stamp = to_stamp(chunk.stamp_ns)
    places = chunk.actions[:, action_space.POSITION[side]]
    turns = matrix_from_rot6d(chunk.actions[:, action_space.ROTATION[side]])
    for row in range(chunk.horizon):
        pose = PoseStamped(pose=pose_message(Pose(places[row], turns[row])))
        pose.header.frame_id = frame
        pose.header.stamp = to_stamp(chunk.due_ns(row))
        path.poses.append(pose)
    return path


def joint_preview(chunk: ActionChunk, positions: Sequence[Mapping[str, float]]) -> JointTrajectory:
    """Return joint positions row by row; time_from_start counts from the chunk's capture time.

    Args:
        chunk: they are of.
        positions: per row, by joint name, all with the same names.
    """
    names = list(positions[0])
    trajectory = JointTrajectory(joint_names=names)
    trajectory.header.stamp = to_stamp(chunk.stamp_ns)
    for row, place in enumerate(positions):
        due = Duration(nanoseconds=chunk.due_ns(row) - chunk.stamp_ns)
        trajectory.points.append(
            JointTrajectoryPoint(
                positions=[float(place[name]) for name in names], time_from_start=due.to_msg()
            )
        )
    return trajectory
