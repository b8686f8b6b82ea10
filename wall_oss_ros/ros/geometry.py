"""Poses and twists as geometry_msgs."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Pose as PoseMessage
from geometry_msgs.msg import Twist
from numpy.typing import ArrayLike

from wall_oss_ros.core.pose import Pose


def pose_message(pose: Pose) -> PoseMessage:
    """Return a pose as a message."""
    message = PoseMessage()
    p, q = message.position, message.orientation
    p.x, p.y, p.z = pose.position.tolist()
    q.x, q.y, q.z, q.w = pose.quaternion.tolist()
    return message


def twist_message(twist: ArrayLike) -> Twist:
    """Return (3,) vx, vy [m/s], wz [rad/s] as a message."""
    message = Twist()
    message.linear.x, message.linear.y, message.angular.z = np.asarray(twist, float).tolist()
    return message
