"""Marks as markers for RViz."""

from __future__ import annotations

from collections.abc import Iterable

from geometry_msgs.msg import Point, Vector3
from rclpy.duration import Duration
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from wall_oss_ros.core.drawing import Mark, MarkKind
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.ros.stamps import to_stamp

_TYPES = {
    MarkKind.STRIP: Marker.LINE_STRIP,
    MarkKind.LINES: Marker.LINE_LIST,
    MarkKind.SPHERES: Marker.SPHERE_LIST,
    MarkKind.TEXT: Marker.TEXT_VIEW_FACING,
}


class MarkerBoard:
    """What a viewer shows of one topic: new marks replace old ones, and what is gone is deleted."""

    def __init__(self, lifetime_s: float) -> None:
        """Begin empty.

        Args:
            lifetime_s: marks vanish by themselves when nothing comes for so long.
        """
        self._lifetime = Duration(seconds=lifetime_s).to_msg()
        self._shown: set[tuple[str, int]] = set()

    def update(self, marks: Iterable[Mark], now_ns: int) -> MarkerArray:
        """Return what makes a viewer show these marks and nothing else of this board.

        Args:
            marks: with a namespace and number of its own each.
            now_ns: stamp [ns].
        """
        stamp = to_stamp(now_ns)
        markers, shown = [], set()
        for mark in marks:
            marker = self._marker(mark)
            marker.header.stamp = stamp
            markers.append(marker)
            shown.add((mark.namespace, mark.number))
        for namespace, number in sorted(self._shown - shown):
            markers.append(Marker(ns=namespace, id=number, action=Marker.DELETE))
        self._shown = shown
        return MarkerArray(markers=markers)

    def clear(self) -> MarkerArray:
        """Return what makes a viewer forget everything of this topic."""
        self._shown = set()
        return MarkerArray(markers=[Marker(action=Marker.DELETEALL)])

    def _marker(self, mark: Mark) -> Marker:
        marker = Marker(
            ns=mark.namespace,
            id=mark.number,
            type=_TYPES[mark.kind],
            action=Marker.ADD,
            scale=_scale(mark),
            lifetime=self._lifetime,
            text=mark.text,
        )
        marker.header.frame_id = mark.frame
        marker.pose.orientation.w = 1.0
        marker.color = _colour(mark.colours[0])
        if mark.kind is MarkKind.TEXT:
            x, y, z = mark.points[0].tolist()
            marker.pose.position = Point(x=x, y=y, z=z)
            return marker
        marker.points = [Point(x=x, y=y, z=z) for x, y, z in mark.points.tolist()]
        if len(mark.colours) > 1:
            marker.colors = [_colour(colour) for colour in mark.colours]
        return marker


def _scale(mark: Mark) -> Vector3:
    size = mark.size
    if mark.kind is MarkKind.TEXT:
        return Vector3(z=size)
    if mark.kind is MarkKind.SPHERES:
        return Vector3(x=size, y=size, z=size)
    return Vector3(x=size)


def _colour(colour: Array) -> ColorRGBA:
    red, green, blue, opacity = colour.tolist()
    return ColorRGBA(r=red, g=green, b=blue, a=opacity)
