"""Wall-OSS in PyTorch: load a published checkpoint, turn pictures, text and state into actions.

Runs without ROS, on any machine with torch and numpy; safetensors reads weight files and
transformers the tokenizer, and only then are they imported.
"""

from wall_oss_ros.model.wall_oss import WallOssModel

__all__ = ["WallOssModel"]
