"""Markers are written as the middleware itself would write them, and say what the marks say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from visualization_msgs.msg import Marker, MarkerArray

from wall_oss_ros.core.drawing import Mark, MarkKind
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.ros.marker_message import MarkerBoard

NOW_NS = 1_800_000_000_250_000_007
WIDTH = {Marker.LINE_STRIP: "x", Marker.LINE_LIST: "x", Marker.SPHERE_LIST: "xyz"}

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)
names = st.text("abc/_", min_size=1, max_size=9)


@st.composite
def marks(draw) -> Mark:
    kind = draw(st.sampled_from(MarkKind))
    count = 2 * draw(st.integers(1, 20))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return Mark(
        draw(names),
        draw(st.integers(0, 3)),
        kind,
        draw(names),
        random.normal(size=(count, 3)),
        random.uniform(size=(draw(st.sampled_from([1, count])), 4)),
        draw(st.floats(1e-3, 1.0)),
        "x" + draw(texts) if kind is MarkKind.TEXT else "",
    )


def several(least: int = 0):
    def name(mark: Mark) -> tuple[str, int]:
        return mark.namespace, mark.number

    return st.lists(marks(), min_size=least, max_size=5, unique_by=name)


def read(data: bytes) -> list[Marker]:
    return deserialize_message(data, MarkerArray).markers


@given(first=several(), then=several())
def test_bytes_are_as_many_as_the_middleware_writes_and_nothing_is_lost_between_them(first, then):
    board = MarkerBoard(1.5)
    for drawn in (first, then):
        data = board.update(drawn, NOW_NS)
        # What stands in the gaps is not the same: the middleware leaves there what was there.
        assert len(serialize_message(deserialize_message(data, MarkerArray))) == len(data)
        shown = [marker for marker in read(data) if marker.action == Marker.ADD]
        assert [(each.ns, each.id, each.text) for each in shown] == [
            (mark.namespace, mark.number, mark.text) for mark in drawn
        ]


@given(mark=marks())
def test_a_marker_says_what_the_mark_says(mark):
    (marker,) = read(MarkerBoard(1.5).update([mark], NOW_NS))
    assert (marker.ns, marker.id, marker.text) == (mark.namespace, mark.number, mark.text)
    assert marker.action == Marker.ADD
    assert marker.header.frame_id == mark.frame
    assert marker.frame_locked
    assert marker.header.stamp.sec * 10**9 + marker.header.stamp.nanosec == NOW_NS
    assert (marker.lifetime.sec, marker.lifetime.nanosec) == (1, 500_000_000)
    points = np.array([(point.x, point.y, point.z) for point in marker.points]).reshape(-1, 3)
    place = marker.pose.position
    if mark.kind is MarkKind.TEXT:
        assert marker.type == Marker.TEXT_VIEW_FACING
        assert [place.x, place.y, place.z] == mark.points[0].tolist()
        # Letters, and a space of half their height: RViz makes it as wide as a metre otherwise.
        assert (marker.scale.z, marker.scale.x) == (mark.size, 0.5 * mark.size)
        assert not len(points)
    else:
        assert np.array_equal(points, mark.points)
        assert [place.x, place.y, place.z] == [0.0, 0.0, 0.0]
        assert {getattr(marker.scale, axis) for axis in WIDTH[marker.type]} == {mark.size}
    first = marker.color
    assert [first.r, first.g, first.b, first.a] == pytest.approx(mark.colours[0], abs=1e-6)
    if len(marker.colors):
        colours = np.array([(each.r, each.g, each.b, each.a) for each in marker.colors])
        assert colours == pytest.approx(mark.colours, abs=1e-6)
    else:
        assert len(mark.colours) == 1 or mark.kind is MarkKind.TEXT
    # RViz refuses a marker with another number of colours than of points.
    assert len(marker.colors) in (0, len(marker.points))


@given(first=several(least=1), then=several())
def test_what_is_not_drawn_again_is_deleted_once(first, then):
    board = MarkerBoard(1.0)
    board.update(first, NOW_NS)
    kept = {(mark.namespace, mark.number) for mark in then}
    gone = {(mark.namespace, mark.number) for mark in first} - kept

    def deleted(data: bytes) -> set[tuple[str, int]]:
        return {(each.ns, each.id) for each in read(data) if each.action == Marker.DELETE}

    assert deleted(board.update(then, NOW_NS)) == gone
    assert deleted(board.update(then, NOW_NS)) == set()


def test_another_definition_of_markers_is_refused_by_name(monkeypatch):
    fields = {"header": "std_msgs/Header", "novelty": "double"}
    monkeypatch.setattr(Marker, "get_fields_and_field_types", lambda: fields)
    with pytest.raises(MessageError, match=r"has the fields header, novelty; expected header, ns"):
        MarkerBoard(1.0)
