"""Robot kinematics from the URDF: forward, and inverse for both arms at once."""

from wall_oss_ros.kinematics.engine import load_engine

load_engine()  # before any module below imports MuJoCo

from wall_oss_ros.kinematics.solver import MinkKinematics  # noqa: E402

__all__ = ["MinkKinematics"]
