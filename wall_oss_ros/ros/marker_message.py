"""Marks as markers for RViz, written straight into the bytes that go over the wire.

A Python object for every point and colour, and its conversion, cost ten times what all else of
drawing does. rclpy publishes bytes as they are; what RViz gets is the same.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterable

import numpy as np
from visualization_msgs.msg import Marker

from wall_oss_ros.core.drawing import Mark, MarkKind
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.messages.stamps import SECOND_NS
from wall_oss_ros.ros.cdr import CdrWriter

_TYPES = {
    MarkKind.STRIP: Marker.LINE_STRIP,
    MarkKind.LINES: Marker.LINE_LIST,
    MarkKind.SPHERES: Marker.SPHERE_LIST,
    MarkKind.TEXT: Marker.TEXT_VIEW_FACING,
}
# What is written below, in this order; the same in Humble, Jazzy and Kilted.
_WRITTEN = (
    "header", "ns", "id", "type", "action", "pose", "scale", "color", "lifetime", "frame_locked",
    "points", "colors", "texture_resource", "texture", "uv_coordinates", "text", "mesh_resource",
    "mesh_file", "mesh_use_embedded_materials",
)  # fmt: skip

_TIME, _NUMBERS = struct.Struct("<iI"), struct.Struct("<iii")
# Position, orientation and scale; then colour, lifetime and frame_locked.
_PLACE, _LOOK = struct.Struct("<10d"), struct.Struct("<4fiI?")
_UPRIGHT = (0.0, 0.0, 0.0, 1.0)
_NO_PLACE, _NO_LOOK = (0.0, 0.0, 0.0, *_UPRIGHT, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0, 0, 0, False)
_NOTHING = np.empty((0, 0))
# Drawn where its frame is now. The transform of the stamp comes later than the marker, and RViz
# hides what it cannot place: in a frame that moves, it would blink.
_LOCKED = True


class MarkerBoard:
    """What a viewer shows of one topic: new marks replace old ones, and what is gone is deleted."""

    def __init__(self, lifetime_s: float) -> None:
        """Begin empty.

        Args:
            lifetime_s: marks vanish by themselves when nothing comes for so long.

        Raises:
            MessageError: if this system's visualization_msgs has another Marker than is written.
        """
        fields = tuple(Marker.get_fields_and_field_types())
        if fields != _WRITTEN:
            raise MessageError(
                f"visualization_msgs/Marker has the fields {', '.join(fields)}; expected "
                f"{', '.join(_WRITTEN)}: adapt ros/marker_message.py to this ROS distribution"
            )
        self._lifetime = divmod(round(lifetime_s * SECOND_NS), SECOND_NS)
        self._shown: set[tuple[str, int]] = set()

    def update(self, marks: Iterable[Mark], now_ns: int) -> bytes:
        """Return what makes a viewer show these marks and nothing else of this board.

        Args:
            marks: with a namespace and number of its own each.
            now_ns: stamp [ns].

        Returns:
            A visualization_msgs/MarkerArray, serialized.
        """
        marks = tuple(marks)
        shown = {(mark.namespace, mark.number) for mark in marks}
        gone = sorted(self._shown - shown)
        self._shown = shown
        writer = CdrWriter()
        writer.count(len(marks) + len(gone))
        for mark in marks:
            self._show(writer, mark, now_ns)
        for key in gone:
            _write(writer, (0, ""), key, (Marker.ARROW, Marker.DELETE), _NO_PLACE, _NO_LOOK)
        return bytes(writer.data)

    def _show(self, writer: CdrWriter, mark: Mark, now_ns: int) -> None:
        place, points, colours = (0.0, 0.0, 0.0), mark.points, mark.colours
        if mark.kind is MarkKind.TEXT:  # has its place in the pose
            place, points = mark.points[0].tolist(), _NOTHING
        if len(colours) != len(points) or len(points) == 1:  # one for all stands before the points
            colours = _NOTHING
        _write(
            writer,
            (now_ns, mark.frame),
            (mark.namespace, mark.number),
            (_TYPES[mark.kind], Marker.ADD),
            (*place, *_UPRIGHT, *_scale(mark)),
            (*mark.colours[0].tolist(), *self._lifetime, _LOCKED),
            points,
            colours,
            mark.text,
        )


def _write(
    writer: CdrWriter,
    header: tuple[int, str],
    key: tuple[str, int],
    what: tuple[int, int],
    place: tuple[float, ...],
    look: tuple[float, ...],
    points: Array = _NOTHING,
    colours: Array = _NOTHING,
    text: str = "",
) -> None:
    """Write a Marker, field by field: `_WRITTEN`."""
    stamp_ns, frame = header
    writer.pack(_TIME, 4, *divmod(stamp_ns, SECOND_NS))
    writer.part(_names(frame, *key, *what))
    writer.pack(_PLACE, 8, *place)
    writer.pack(_LOOK, 4, *look)
    writer.sequence(points, "<f8")
    writer.sequence(colours, "<f4")
    writer.part(_rest(text))


@functools.lru_cache
def _names(frame: str, namespace: str, number: int, kind: int, action: int) -> bytes:
    """Return header.frame_id, ns, id, type and action."""
    writer = CdrWriter()
    writer.text(frame)
    writer.text(namespace)
    writer.pack(_NUMBERS, 4, number, kind, action)
    return writer.part_of()


@functools.lru_cache
def _rest(text: str) -> bytes:
    """Return what follows the colors: no texture, no mesh."""
    writer = CdrWriter()
    writer.text("")  # texture_resource
    writer.pack(_TIME, 4, 0, 0)  # texture: header, format, data
    writer.text("")
    writer.text("")
    writer.count(0)
    writer.count(0)  # uv_coordinates
    writer.text(text)
    writer.text("")  # mesh_resource
    writer.text("")  # mesh_file: filename, data
    writer.count(0)
    writer.data += b"\0"  # mesh_use_embedded_materials: false
    return writer.part_of()


def _scale(mark: Mark) -> tuple[float, float, float]:
    """Return what RViz reads as the size of this kind."""
    size = mark.size
    if mark.kind is MarkKind.TEXT:
        # The width of a space. RViz takes that of letters 1 m high otherwise (ros2/rviz#1336).
        return 0.5 * size, 0.0, size
    if mark.kind is MarkKind.SPHERES:
        return size, size, size
    return size, 0.0, 0.0
