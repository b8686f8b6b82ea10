"""The simulated robot: TIAGo Pro in MuJoCo with controllers, cameras and tasks; no ROS."""
