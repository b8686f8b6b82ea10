"""The simulated robot: TIAGo Pro in MuJoCo with controllers, cameras and tasks; no ROS."""

from wall_oss_ros.kinematics.engine import load_engine

load_engine()  # before any module of this package imports MuJoCo
