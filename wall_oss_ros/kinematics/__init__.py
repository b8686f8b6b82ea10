"""Robot kinematics from the URDF: forward, and inverse for both arms at once."""

from wall_oss_ros.kinematics.solver import MinkKinematics

__all__ = ["MinkKinematics"]
