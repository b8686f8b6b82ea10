"""The web view: a page of viser, behind a gate that knows who may see it. No ROS in here."""
