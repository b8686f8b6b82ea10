"""Poses and twists as geometry_msgs."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Pose as PoseMessage
from geometry_msgs.msg import Twist
from numpy.typing import ArrayLike

from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.rotation import Array


def pose_message(pose: Pose) -> PoseMessage:
    """Return a pose as a message."""
    message = PoseMessage()
    p, q = message.position, message.orientation
    p.x, p.y, p.z = pose.position.tolist()
    q.x, q.y, q.z, q.w = pose.quaternion.tolist()
    return message


def pose_from(message: PoseMessage) -> Pose:
    """Return the pose of a message.

    Raises:
        MessageError: if its quaternion is not of length 1.
    """
    p, q = message.position, message.orientation
    quaternion = np.array([q.x, q.y, q.z, q.w])
    if not abs(np.linalg.norm(quaternion) - 1.0) < 1e-3:
        raise MessageError(f"quaternion {quaternion.tolist()} is not of length 1")
    return Pose.from_quaternion([p.x, p.y, p.z], quaternion)


def twist_message(twist: ArrayLike) -> Twist:
    """Return (3,) vx, vy [m/s], wz [rad/s] as a message."""
    message = Twist()
    message.linear.x, message.linear.y, message.angular.z = np.asarray(twist, float).tolist()
    return message


def twist_from(message: Twist) -> Array:
    """Return vx, vy [m/s], wz [rad/s] of a message (3,)."""
    return np.array([message.linear.x, message.linear.y, message.angular.z])
