"""What a person sees of the running graph, and may ask of it; knows no viewer and no ROS."""
