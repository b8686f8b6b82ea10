"""What a person sees of the running graph, and what may be asked of it; knows no viewer and no ROS."""
