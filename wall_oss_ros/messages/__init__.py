"""ROS messages as core objects, without ROS: of rclpy and of a bag alike, by their fields."""
