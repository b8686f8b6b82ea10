"""Workspaces and zones as markers for RViz."""

from __future__ import annotations

from collections.abc import Sequence

from geometry_msgs.msg import Vector3
from rclpy.duration import Duration
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from wall_oss_ros.core.safety.outline import Outline
from wall_oss_ros.ros.geometry import pose_message
from wall_oss_ros.ros.stamps import to_stamp

# A plane has no end; this is how much of it is drawn, and how thick [m].
_PLANE_M = (3.0, 3.0, 0.002)
# Red keeps out, green keeps in; so faint that the robot behind it is seen.
_COLOURS = {"out": (0.9, 0.15, 0.1, 0.2), "in": (0.1, 0.7, 0.3, 0.06)}
_KINDS = {"box": Marker.CUBE, "sphere": Marker.SPHERE, "plane": Marker.CUBE}


def zone_markers(outlines: Sequence[Outline], now_ns: int) -> MarkerArray:
    """Return one marker per outline, after one that removes all that were drawn before.

    Args:
        outlines: workspaces and zones in force.
        now_ns: stamp [ns].
    """
    # Without a namespace: RViz counts two markers of one namespace and number as an error.
    markers = [Marker(action=Marker.DELETEALL)]
    for number, outline in enumerate(outlines):
        red, green, blue, alpha = _COLOURS[outline.keep]
        x, y, z = _PLANE_M if outline.kind == "plane" else outline.size
        marker = Marker(
            ns="zones",
            id=number,
            type=_KINDS[outline.kind],
            action=Marker.ADD,
            pose=pose_message(outline.pose),
            scale=Vector3(x=float(x), y=float(y), z=float(z)),
            color=ColorRGBA(r=red, g=green, b=blue, a=alpha),
            lifetime=Duration().to_msg(),
            frame_locked=True,  # a zone in a link's frame moves with the link
            text=f"{outline.name}: keep {outline.keep}, {', '.join(outline.parts)}",
        )
        marker.header.frame_id = outline.frame
        marker.header.stamp = to_stamp(now_ns)
        markers.append(marker)
    return MarkerArray(markers=markers)
