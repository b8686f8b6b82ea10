"""Every shape is drawn where it is, in the colour of what it asks for."""

from __future__ import annotations

import numpy as np
import pytest
from visualization_msgs.msg import Marker

from wall_oss_ros.core.contract import load_zones
from wall_oss_ros.core.safety.outline import zone_outlines
from wall_oss_ros.messages.geometry import pose_from
from wall_oss_ros.ros.zone_markers import zone_markers

ZONES = """
zones:
  shelf:
    keep: out
    parts: [left_arm]
    frame: base_footprint
    margin: 5 cm
    box: {min: 1 -1 0 m, max: 2 1 1 m}
  reach:
    keep: in
    parts: [left_arm, right_arm]
    frame: base_footprint
    margin: 5 cm
    sphere: {centre: 0.5 0 1 m, radius: 90 cm}
  wall:
    keep: out
    parts: [right_arm]
    frame: base_footprint
    margin: 5 cm
    half_space: {point: 0 -1 0 m, normal: [0, 1, 0]}
"""


@pytest.fixture
def markers(contract) -> list[Marker]:
    outlines = zone_outlines(load_zones(ZONES, contract))
    return list(zone_markers(outlines, 5_000_000_000).markers)


def test_what_was_drawn_before_is_removed_first(markers):
    assert markers[0].action == Marker.DELETEALL
    assert [marker.action for marker in markers[1:]] == [Marker.ADD] * 3
    # RViz takes two of one name in a message for an error, the one that removes all included.
    assert len({(marker.ns, marker.id) for marker in markers}) == 4


def test_boxes_and_spheres_have_their_place_and_size(markers):
    box, ball, _ = markers[1:]
    assert (box.type, ball.type) == (Marker.CUBE, Marker.SPHERE)
    assert pose_from(box.pose).position == pytest.approx([1.5, 0.0, 0.5])
    assert (box.scale.x, box.scale.y, box.scale.z) == pytest.approx((1.0, 2.0, 1.0))
    assert pose_from(ball.pose).position == pytest.approx([0.5, 0.0, 1.0])
    assert (ball.scale.x, ball.scale.y, ball.scale.z) == pytest.approx((1.8, 1.8, 1.8))


def test_a_half_space_is_a_thin_plate_across_its_normal(markers):
    plate = markers[3]
    pose = pose_from(plate.pose)
    assert plate.type == Marker.CUBE
    assert pose.position == pytest.approx([0.0, -1.0, 0.0])
    assert np.abs(pose.rotation[:, 2]) == pytest.approx([0.0, 1.0, 0.0], abs=1e-9)
    assert plate.scale.z < 0.01 < 1.0 < plate.scale.x


def test_keep_out_is_red_keep_in_is_green_and_the_text_says_who(markers):
    shelf, reach, _ = markers[1:]
    assert shelf.color.r > shelf.color.g
    assert reach.color.g > reach.color.r
    assert 0.0 < shelf.color.a < 1.0
    assert shelf.text == "shelf: keep out, left_arm"
    assert reach.text == "reach: keep in, left_arm, right_arm"
