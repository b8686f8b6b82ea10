"""Zones of the supervisor: replaced live, refused whole, drawn, and used by the look-ahead."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from visualization_msgs.msg import Marker, MarkerArray

from wall_oss_ros.core.chunk import ActionChunk as ActionChunkCore
from wall_oss_ros.core.chunk import StageTimes
from wall_oss_ros.core.observation import state_vector
from wall_oss_ros.kinematics import MinkKinematics
from wall_oss_ros.messages.stamps import to_ns
from wall_oss_ros.msg import ActionChunk, ChunkVerdict, SafetyState
from wall_oss_ros.nodes.safety_supervisor import SafetySupervisorNode
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.chunk_message import chunk_message
from wall_oss_ros.srv import SetZones

SHELF = """
zones:
  shelf:
    keep: out
    parts: [left_arm, right_arm]
    frame: base_footprint
    margin: 5 cm
    box: {min: 20 -1 0 m, max: 21 1 1 m}
"""


def set_zones(scene, **request: str):
    return scene.table.call(SetZones, "safety_supervisor/set_zones", SetZones.Request(**request))


def test_zones_are_replaced_live_and_drawn(scene, tmp_path):
    drawn = scene.table.collect(MarkerArray, "safety/zones", qos.STATE)
    answer = set_zones(scene, zones=SHELF)
    assert answer.success
    assert "shelf" in answer.message
    scene.table.spin_until(
        lambda: drawn and any("shelf" in marker.text for marker in drawn[-1].markers), "markers"
    )
    marker = next(marker for marker in drawn[-1].markers if "shelf" in marker.text)
    assert marker.type == Marker.CUBE
    assert (marker.scale.x, marker.scale.y, marker.scale.z) == pytest.approx((1.0, 2.0, 1.0))
    assert marker.pose.position.x == pytest.approx(20.5)
    assert marker.header.frame_id == "base_footprint"
    assert {"left workspace", "right workspace", "shelf"} == zones_drawn(scene.table)
    file = tmp_path / "zones.yaml"
    file.write_text(SHELF.replace("shelf", "cupboard"), encoding="utf-8")
    assert "cupboard" in set_zones(scene, file=str(file)).message
    assert list(scene.contract.zones) == list(_zones_of(set_zones(scene)))


def _zones_of(answer) -> list[str]:
    names = answer.message.removeprefix("zones in force: ").partition(".")[0]
    return [] if names == "none" else [name.strip("'") for name in names.split(", ")]


def zones_drawn(table) -> set[str]:
    """What a late joiner sees."""
    drawn = table.collect(MarkerArray, "safety/zones", qos.STATE)
    table.spin_until(lambda: drawn, "markers")
    return {marker.text.partition(":")[0] for marker in drawn[-1].markers if marker.text}


def test_wrong_zones_change_nothing_and_the_answer_says_what_is_wrong(scene):
    assert set_zones(scene, zones=SHELF).success
    for wrong, word in (
        (SHELF.replace("keep: out", "keep: away"), "keep"),
        (SHELF.replace("5 cm", "5"), "margin"),
        (SHELF.replace("base_footprint", "no_such_link"), "no_such_link"),
        ("zones: [", "YAML"),
        ("table: {}", "table"),
    ):
        answer = set_zones(scene, zones=wrong)
        assert not answer.success
        assert word in answer.message
    assert not set_zones(scene, zones=SHELF, file="x.yaml").success
    assert not set_zones(scene, file="/no/such/file.yaml").success
    assert "shelf" in zones_drawn(scene.table)


def test_zones_that_the_robot_is_beyond_are_taken_and_said(scene):
    scene.enable_for_sure()
    everywhere = SHELF.replace("20 -1 0 m", "-5 -5 -5 m").replace("21 1 1 m", "5 5 5 m")
    assert "home posture is beyond" in set_zones(scene, zones=everywhere).message
    state = scene.wait(SafetyState.NOMINAL)
    assert state.zone_distance < 0.0
    assert "shelf" in state.nearest_zone


def test_a_zones_file_is_in_force_from_the_start_and_a_wrong_one_is_refused(
    bench, contract, fake_drivers, tmp_path
):
    file = tmp_path / "zones.yaml"
    file.write_text(SHELF, encoding="utf-8")
    table = bench(zones_file=str(file))
    table.add(SafetySupervisorNode(), activate=False)
    assert "shelf" in zones_drawn(table)
    assert not set(contract.zones) & zones_drawn(table)
    file.write_text(SHELF.replace("keep: out", "keep: away"), encoding="utf-8")
    wrong = SafetySupervisorNode()
    assert wrong.trigger_configure() is TransitionCallbackReturn.FAILURE
    wrong.destroy_node()


def test_every_chunk_gets_a_verdict_and_a_wild_one_is_cut(scene):
    verdicts = scene.table.collect(ChunkVerdict, "chunk_verdict", qos.NEWEST)
    chunks = scene.table.node.create_publisher(ActionChunk, "action_chunk", qos.NEWEST)
    scene.table.spin_until(
        lambda: chunks.get_subscription_count() and scene.node._measured is not None, "readiness"
    )
    tame = chunk_at_home(scene, seq=1)
    chunks.publish(chunk_message(tame, "base_footprint"))
    scene.table.spin_until(lambda: verdicts, "a verdict")
    verdict = verdicts[-1]
    assert (verdict.seq, verdict.epoch, verdict.rows) == (1, 7, 8)
    assert (verdict.safe_rows, verdict.rule) == (8, "")
    assert to_ns(verdict.header.stamp) == tame.stamp_ns
    assert verdict.look_ahead_ms > 0.0
    actions = tame.actions.copy()
    actions[4:, :3] += 3.0  # the left tool, far out of reach
    wild = replace(tame, seq=2, actions=actions, raw_actions=actions)
    chunks.publish(chunk_message(wild, "base_footprint"))
    scene.table.spin_until(lambda: verdicts[-1].seq == 2, "another verdict")
    assert verdicts[-1].safe_rows <= 4
    assert "row 4" in verdicts[-1].reason
    assert verdicts[-1].rule


def chunk_at_home(scene, seq: int) -> ActionChunkCore:
    """Eight rows that stay where the robot is."""
    contract = scene.contract
    tools = MinkKinematics(contract).tool_poses(contract.home)
    row = state_vector(contract, contract.home, tools, np.zeros(3))
    actions = np.tile(row, (8, 1))
    return ActionChunkCore(
        stamp_ns=scene.table.now_ns(),
        seq=seq,
        epoch=7,
        instruction="stay",
        dt=contract.action.dt,
        actions=actions,
        raw_actions=actions,
        anchor=row,
        mask=np.ones(26, bool),
        frozen_prefix=0,
        stages=StageTimes(0.0, 0.0, 0.0, 0.0, 0.0),
        policy="test",
        schema=contract.schema_hash,
    )
