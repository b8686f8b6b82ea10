"""What a policy intends, what was cut, and what was executed, as marks to draw.

Marks are shapes in a named frame, without any viewer: RViz gets them as markers
(`ros/marker_message.py`), a browser as meshes.
"""

from wall_oss_ros.core.drawing.chunk_marks import chunk_marks, plan_marks
from wall_oss_ros.core.drawing.marks import Mark, MarkKind
from wall_oss_ros.core.drawing.safety_marks import safety_marks
from wall_oss_ros.core.drawing.trail import Sent, Trail

__all__ = ["Mark", "MarkKind", "Sent", "Trail", "chunk_marks", "plan_marks", "safety_marks"]
