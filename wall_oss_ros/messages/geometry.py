"""Poses and twists of geometry_msgs."""

from __future__ import annotations

from typing import Any

import numpy as np

from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.rotation import Array


def pose_from(message: Any) -> Pose:
    """Return the pose of a message.

    Raises:
        MessageError: if its quaternion is not of length 1.
    """
    p, q = message.position, message.orientation
    quaternion = np.array([q.x, q.y, q.z, q.w])
    if not abs(np.linalg.norm(quaternion) - 1.0) < 1e-3:
        raise MessageError(f"quaternion {quaternion.tolist()} is not of length 1")
    return Pose.from_quaternion([p.x, p.y, p.z], quaternion)


def twist_from(message: Any) -> Array:
    """Return vx, vy [m/s], wz [rad/s] of a message (3,)."""
    return np.array([message.linear.x, message.linear.y, message.angular.z])
