"""Pins: how far a posture is from workspace, zones and the other arm, and that zones change live.

The supervisor and its look-ahead know geometry only through these gaps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import FakeKinematics

from wall_oss_ros.core.contract import (
    Box,
    Clearance,
    HalfSpace,
    RobotContract,
    Sphere,
    Zone,
    load_zones,
)
from wall_oss_ros.core.errors import ContractError
from wall_oss_ros.core.kinematics import Survey
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.rotation import matrix_from_rpy
from wall_oss_ros.core.safety.barrier import Barrier
from wall_oss_ros.core.safety.boundaries import Boundaries
from wall_oss_ros.core.safety.clearance import Clearance as ClearanceBarrier
from wall_oss_ros.core.safety.workspace import Workspace
from wall_oss_ros.core.safety.zones import Zones

BASE = "base_footprint"
ARMS = ("left_arm", "right_arm")
BALL = Zone("out", ARMS, BASE, 0.05, sphere=Sphere((0.6, 0.0, 0.9), 0.1))
numbers = st.floats(-1.5, 1.5)
points = st.tuples(numbers, numbers, numbers)


def survey(
    left: tuple[float, ...],
    right: tuple[float, ...] = (9.0, 9.0, 9.0),
    links: Mapping[str, Pose] | None = None,
    clearance: float = float("inf"),
) -> Survey:
    """Tools at these points, arms' frames being the base frame."""
    tools = {
        side: Pose(np.array(point), np.eye(3)) for side, point in (("left", left), ("right", right))
    }
    return Survey(tools, tools, links or {}, clearance)


def nearest(barrier: Barrier, seen: Survey) -> float:
    return min(gap.distance for gap in barrier.gaps(seen))


# --- workspace -------------------------------------------------------------------------------


@given(points)
def test_a_tool_is_inside_its_workspace_where_the_gap_is_positive(
    contract: RobotContract, point: tuple[float, float, float]
) -> None:
    box = contract.arms["left"].workspace
    left, _ = Workspace(contract, 0.03).gaps(survey(point))
    to_faces = np.concatenate([np.array(point) - box.min, np.array(box.max) - point])
    assert (left.distance > 0.0) == bool(np.all(to_faces > 0.0))
    if left.distance > 0.0:
        assert left.distance == pytest.approx(to_faces.min())
    assert (left.margin, left.what) == (0.03, "left tool to the edge of its workspace")


def test_each_arm_has_its_own_workspace_in_its_own_frame(contract: RobotContract) -> None:
    seen = survey((0.65, 0.84, 1.1), (0.65, -0.84, 1.1))
    assert [gap.distance for gap in Workspace(contract, 0.03).gaps(seen)] == pytest.approx(
        [0.01, 0.01]
    )
    elsewhere = dataclasses.replace(seen, tools_in_base=survey((0.0, 0.0, 0.0)).tools)
    assert nearest(Workspace(contract, 0.03), elsewhere) == pytest.approx(0.01)


# --- clearance -------------------------------------------------------------------------------


def test_clearance_is_counted_from_where_motion_stops(contract: RobotContract) -> None:
    (gap,) = ClearanceBarrier(Clearance(0.02, 0.08)).gaps(survey((0.0,) * 3, clearance=0.05))
    assert (gap.distance, gap.margin) == pytest.approx((0.03, 0.06))
    (gap,) = ClearanceBarrier(Clearance(0.02, 0.08)).gaps(survey((0.0,) * 3, clearance=0.01))
    assert gap.distance == pytest.approx(-0.01)


# --- zones -----------------------------------------------------------------------------------


@given(points, points)
def test_a_zone_keeps_every_part_that_it_names(
    left: tuple[float, ...], right: tuple[float, ...]
) -> None:
    seen = survey(left, right)
    both = Zones({"ball": BALL}, BASE).gaps(seen)
    assert [gap.what for gap in both] == [
        "left tool to zone 'ball'",
        "right tool to zone 'ball'",
    ]
    only = Zones({"ball": dataclasses.replace(BALL, parts=("right_arm",))}, BASE).gaps(seen)
    assert only == both[1:]


@given(points, st.floats(0.01, 0.5))
def test_more_forbidden_space_never_lets_anything_come_nearer(
    point: tuple[float, float, float], more: float
) -> None:
    seen = survey(point)
    larger = dataclasses.replace(BALL, sphere=Sphere((0.6, 0.0, 0.9), 0.1 + more))
    before = nearest(Zones({"ball": BALL}, BASE), seen)
    assert nearest(Zones({"ball": larger}, BASE), seen) < before
    kept_in = dataclasses.replace(larger, keep="in")
    smaller = dataclasses.replace(BALL, keep="in")
    assert nearest(Zones({"in": smaller}, BASE), seen) < nearest(Zones({"in": kept_in}, BASE), seen)
    wall = Zone("out", ARMS, BASE, 0.05, half_space=HalfSpace((more, 0.0, 0.0), (1.0, 0.0, 0.0)))
    assert nearest(Zones({"ball": BALL, "wall": wall}, BASE), seen) <= before


@given(points, st.tuples(*[st.floats(-3.0, 3.0)] * 3))
def test_a_zone_moves_with_its_frame(
    point: tuple[float, float, float], turn: tuple[float, float, float]
) -> None:
    frame = Pose(np.array([0.3, -0.1, 0.8]), matrix_from_rpy(turn))
    box = Box((-0.1, -0.2, -0.3), (0.3, 0.2, 0.1))
    zone = Zone("out", ("left_arm",), "head_2_link", 0.05, box=box)
    barrier = Zones({"head": zone}, BASE)
    assert list(barrier.links) == ["head_2_link"]
    in_base = frame.compose(Pose(np.array(point), np.eye(3))).position
    seen = survey(tuple(in_base), links={"head_2_link": frame})
    assert nearest(barrier, seen) == pytest.approx(box.distance(point), abs=1e-9)


def test_links_are_kept_like_tools() -> None:
    zone = dataclasses.replace(BALL, parts=("left_arm",), links=("elbow",))
    barrier = Zones({"ball": zone}, BASE)
    elbow = Pose(np.array([0.6, 0.0, 0.95]), np.eye(3))
    tool, link = barrier.gaps(survey((0.6, 0.0, 1.2), links={"elbow": elbow}))
    assert tool.distance == pytest.approx(0.2)
    assert (link.distance, link.what) == (pytest.approx(-0.05), "link 'elbow' to zone 'ball'")


def test_zones_of_the_base_are_no_matter_of_the_joints() -> None:
    room = Zone("in", ("base",), "odom", 0.5, box=Box((-2.0, -2.0, 0.0), (2.0, 2.0, 2.0)))
    barrier = Zones({"room": room}, BASE)
    assert (list(barrier.links), list(barrier.gaps(survey((5.0, 5.0, 5.0))))) == ([], [])


# --- what is in force ------------------------------------------------------------------------


@pytest.fixture
def boundaries(contract: RobotContract, kinematics: FakeKinematics) -> Boundaries:
    return Boundaries(contract, kinematics, 0.03)


def test_zones_are_replaced_all_at_once(contract: RobotContract, boundaries: Boundaries) -> None:
    boundaries.replace({"ball": BALL, "other": BALL})
    before = boundaries.barriers
    boundaries.replace({"ball": BALL})
    assert list(boundaries.zones) == ["ball"]
    seen = FakeKinematics(contract).survey(contract.home)
    assert len(before[-1].gaps(seen)) == 4
    assert [gap.what for gap in boundaries.barriers[-1].gaps(seen)] == [
        "left tool to zone 'ball'",
        "right tool to zone 'ball'",
    ]
    boundaries.replace({})
    assert boundaries.barriers[-1].gaps(seen) == []


def test_a_zone_that_does_not_fit_changes_nothing(contract: RobotContract) -> None:
    class NoSuchLink(FakeKinematics):
        def survey(self, positions: Mapping[str, float], links: Sequence[str] = ()) -> Survey:
            if "shelf" in links:
                raise ValueError("'shelf' is not a link of the URDF")
            return super().survey(positions, links)

    boundaries = Boundaries(contract, NoSuchLink(contract), 0.03)
    boundaries.replace({"ball": BALL})
    with pytest.raises(ContractError, match=r"zones\.lost\.frame: got 'map'"):
        boundaries.replace({"lost": dataclasses.replace(BALL, parts=("base",), frame="map")})
    with pytest.raises(ContractError, match=r"zones\.shelf: 'shelf' is not a link of the URDF"):
        boundaries.replace({"shelf": dataclasses.replace(BALL, frame="shelf")})
    assert boundaries.zones == {"ball": BALL}


def test_workspace_and_clearance_are_always_in_force(
    contract: RobotContract, boundaries: Boundaries
) -> None:
    assert [barrier.name for barrier in boundaries.barriers] == ["workspace", "clearance", "zones"]
    boundaries.replace({})
    assert [barrier.name for barrier in boundaries.barriers] == ["workspace", "clearance", "zones"]
    blind = dataclasses.replace(contract, clearance=None)
    names = [barrier.name for barrier in Boundaries(blind, FakeKinematics(blind), 0.03).barriers]
    assert names == ["workspace", "zones"]


def test_a_zone_that_forbids_the_home_posture_is_found(
    contract: RobotContract, boundaries: Boundaries
) -> None:
    assert boundaries.beyond_at_home() == ()
    everywhere = dataclasses.replace(BALL, parts=("left_arm",), sphere=Sphere((0.0,) * 3, 9.0))
    boundaries.replace({"everywhere": everywhere})
    assert [gap.what for gap in boundaries.beyond_at_home()] == ["left tool to zone 'everywhere'"]


def test_outlines_say_what_to_draw_and_where(
    contract: RobotContract, boundaries: Boundaries
) -> None:
    floor = HalfSpace((0.0, 0.0, 0.7), (0.6, 0.0, 0.8))
    text = (
        "zones: {ball: {keep: out, parts: [left_arm], frame: head_2_link, margin: 5 cm, "
        "sphere: {centre: 0 0 1 m, radius: 10 cm}}}"
    )
    slope = Zone("out", ARMS, BASE, 0.05, half_space=floor)
    boundaries.replace({**load_zones(text, contract), "slope": slope})
    left, right, ball, plane = boundaries.outlines
    box = contract.arms["left"].workspace
    assert (left.name, left.kind, left.frame) == ("left workspace", "box", "base_footprint")
    half = np.array(left.size) / 2
    assert left.pose.position - half == pytest.approx(np.array(box.min))
    assert left.pose.position + half == pytest.approx(np.array(box.max))
    assert right.parts == ("right_arm",)
    assert (ball.name, ball.kind, ball.frame) == ("ball", "sphere", "head_2_link")
    assert ball.size == pytest.approx((0.2, 0.2, 0.2)) and ball.margin_m == pytest.approx(0.05)
    assert (plane.name, plane.kind, plane.keep) == ("slope", "plane", "out")
    assert plane.pose.rotation[:, 2] == pytest.approx([0.6, 0.0, 0.8])
    assert plane.pose.rotation.T @ plane.pose.rotation == pytest.approx(np.eye(3))
    assert np.linalg.det(plane.pose.rotation) == pytest.approx(1.0)
    assert floor.distance(plane.pose.position) == pytest.approx(0.0)
