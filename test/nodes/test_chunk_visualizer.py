"""chunk_visualizer: markers RViz can draw, only while somebody looks, gone when they must be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from geometry_msgs.msg import Point
from nav_msgs.msg import Path
from rclpy.serialization import serialize_message
from trajectory_msgs.msg import JointTrajectory
from visualization_msgs.msg import Marker, MarkerArray

from wall_oss_ros.core.chunk import ActionChunk, StageTimes
from wall_oss_ros.core.observation import state_vector
from wall_oss_ros.kinematics import MinkKinematics
from wall_oss_ros.messages.stamps import to_ns
from wall_oss_ros.msg import ActionChunk as ActionChunkMessage
from wall_oss_ros.msg import ChunkVerdict, SafetyState
from wall_oss_ros.nodes.chunk_visualizer import ChunkVisualizerNode
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.chunk_message import chunk_message
from wall_oss_ros.ros.stamps import to_stamp

MOST_BYTES = 200_000
DRAWN = (Marker.LINE_STRIP, Marker.LINE_LIST, Marker.SPHERE_LIST, Marker.TEXT_VIEW_FACING)


class Scene:
    """An active visualizer and a tester that speaks for everyone else."""

    def __init__(self, table, contract, drivers) -> None:
        self.table, self.contract = table, contract
        create = table.node.create_publisher
        self.chunks = create(ActionChunkMessage, "action_chunk", qos.NEWEST)
        self.verdicts = create(ChunkVerdict, "chunk_verdict", qos.EVENTS)
        self.safety = create(SafetyState, "safety/state", qos.STATE)
        self.node = table.add(ChunkVisualizerNode())
        tools = MinkKinematics(contract).tool_poses(contract.home)
        self.tools = tools
        self.state = state_vector(contract, contract.home, tools, np.zeros(3))
        self.seq = 0

    def chunk(self) -> ActionChunk:
        """Publish a chunk in which every part moves a little."""
        self.seq += 1
        rows = np.repeat(self.state[None], 32, axis=0)
        rise = np.arange(1, 33) / 32
        rows[:, 2] += 0.1 * rise
        rows[:, 11] += 0.1 * rise
        rows[:, 20] = 0.1
        rows[:, 23] += 0.05 * rise
        chunk = ActionChunk(
            stamp_ns=self.table.now_ns(),
            seq=self.seq,
            epoch=1,
            instruction="rise",
            dt=self.contract.action.dt,
            actions=rows,
            raw_actions=rows,
            anchor=self.state,
            mask=np.ones(26, np.bool_),
            frozen_prefix=0,
            stages=StageTimes(),
            policy="test",
            schema=self.contract.schema_hash,
        )
        self.chunks.publish(chunk_message(chunk, self.contract.base_frame))
        return chunk

    def execute(self, seq: int) -> None:
        """Tell as the supervisor does what was sent."""
        place = self.tools["right"].position
        right = Point(x=place[0], y=place[1], z=place[2] + 0.001 * seq)
        left = Point(x=math.nan, y=math.nan, z=math.nan)  # not commanded
        stamp = to_stamp(self.table.now_ns())
        state = SafetyState(
            motion_enabled=True, sent_stamp=stamp, sent_seq=seq, sent_epoch=1,
            left_tool_sent=left, right_tool_sent=right,
        )  # fmt: skip
        self.safety.publish(state)

    def newest(self, shown: list[MarkerArray], namespace: str) -> Marker | None:
        for marker in shown[-1].markers if shown else []:
            if marker.ns == namespace and marker.action == Marker.ADD:
                return marker
        return None


@pytest.fixture
def scene(bench, contract, fake_drivers) -> Scene:
    table = bench()
    return Scene(table, contract, fake_drivers(table, contract))


def can_be_drawn(marker: Marker, frames: set[str]) -> None:
    """Check what RViz checks, and refuses or crashes on."""
    if marker.action in (Marker.DELETE, Marker.DELETEALL):
        return
    assert marker.header.frame_id in frames
    assert marker.type in DRAWN
    q = marker.pose.orientation
    assert math.isclose(q.x**2 + q.y**2 + q.z**2 + q.w**2, 1.0)
    if marker.type == Marker.TEXT_VIEW_FACING:
        assert marker.scale.z > 0.0
        assert marker.text
    else:
        assert marker.scale.x > 0.0
        assert len(marker.points) >= (1 if marker.type == Marker.SPHERE_LIST else 2)
    assert marker.type != Marker.LINE_LIST or len(marker.points) % 2 == 0
    assert len(marker.colors) in (0, len(marker.points))
    for colour in [marker.color, *marker.colors]:
        assert all(0.0 <= value <= 1.0 for value in (colour.r, colour.g, colour.b, colour.a))
    for point in marker.points:
        assert all(map(math.isfinite, (point.x, point.y, point.z)))
    assert marker.lifetime.sec + marker.lifetime.nanosec > 0


def test_a_chunk_appears_whole_in_the_robots_frames_and_small_enough(scene):
    shown = scene.table.collect(MarkerArray, "visualization/markers", qos.NEWEST)
    scene.table.every(0.1, scene.chunk)
    scene.table.spin_until(lambda: scene.newest(shown, "left/path"), "a path")
    frames = {scene.contract.base_frame, *(arm.frame for arm in scene.contract.arms.values())}
    for array in shown:
        assert len(serialize_message(array)) < MOST_BYTES
        assert len({(m.ns, m.id) for m in array.markers}) == len(array.markers)
        for marker in array.markers:
            can_be_drawn(marker, frames)
    for namespace in ("left/axes", "right/gripper", "base/path", "intent"):
        assert scene.newest(shown, namespace) is not None, namespace
    left = scene.newest(shown, "left/path")
    assert len(left.points) == 33
    assert left.points[-1].z - left.points[0].z == pytest.approx(0.1, abs=1e-6)


def test_what_look_ahead_cut_is_red_with_its_reason(scene):
    shown = scene.table.collect(MarkerArray, "visualization/markers", qos.NEWEST)

    def cut() -> None:
        chunk = scene.chunk()
        verdict = ChunkVerdict(seq=chunk.seq, epoch=1, rows=32, safe_rows=10, reason="too near")
        scene.verdicts.publish(verdict)

    scene.table.every(0.1, cut)
    scene.table.spin_until(lambda: scene.newest(shown, "left/cut"), "a cut")
    red = scene.newest(shown, "left/cut")
    assert len(red.points) == 32 - 10 + 1
    assert red.color.r > 0.8 > 0.3 > red.color.g
    texts = [m.text for m in shown[-1].markers if m.type == Marker.TEXT_VIEW_FACING]
    assert "too near" in texts


def test_when_motion_is_revoked_the_intent_is_deleted(scene):
    shown = scene.table.collect(MarkerArray, "visualization/markers", qos.NEWEST)
    scene.safety.publish(SafetyState(motion_enabled=True))
    timer = scene.table.every(0.1, scene.chunk)
    scene.table.spin_until(lambda: scene.newest(shown, "left/path"), "a path")
    timer.cancel()
    scene.safety.publish(SafetyState(motion_enabled=False))

    def deleted() -> bool:
        return any(
            marker.ns == "left/path" and marker.action == Marker.DELETE
            for array in shown
            for marker in array.markers
        )

    scene.table.spin_until(deleted, "a deletion")
    assert scene.newest(shown, "left/path") is None


def test_executed_motion_leaves_a_trail_with_seams(scene):
    shown = scene.table.collect(MarkerArray, "visualization/markers", qos.NEWEST)
    count = 0

    def execute() -> None:
        nonlocal count
        count += 1
        scene.execute(1 + count // 20)

    scene.table.every(0.02, execute)
    scene.table.spin_until(lambda: scene.newest(shown, "right/seams"), "a seam")
    assert len(scene.newest(shown, "right/trail").points) >= 2
    assert scene.newest(shown, "left/trail") is None


def test_nobody_looks_nothing_is_said_and_nothing_listened_to(scene):
    scene.table.every(0.1, scene.chunk)
    scene.table.spin_for(0.5)
    assert scene.chunks.get_subscription_count() == 0
    values = scene.node.report()[2]
    assert values["pictures"] == "0"
    shown = scene.table.collect(MarkerArray, "visualization/markers", qos.NEWEST)
    scene.table.spin_until(lambda: scene.chunks.get_subscription_count() == 1, "a subscription")
    assert shown is not None


def test_a_place_that_is_not_finite_is_counted_and_not_drawn(scene):
    shown = scene.table.collect(MarkerArray, "visualization/markers", qos.NEWEST)

    def nonsense() -> None:
        stamp = to_stamp(scene.table.now_ns())
        place = Point(x=math.inf)
        scene.safety.publish(SafetyState(sent_stamp=stamp, left_tool_sent=place))

    scene.table.every(0.1, nonsense)
    scene.table.spin_until(
        lambda: int(scene.node.report()[2]["messages that could not be read"]) > 1, "a refusal"
    )
    assert scene.newest(shown, "left/trail") is None


def test_paths_and_the_joint_preview_have_the_times_of_the_rows(scene):
    paths = scene.table.collect(Path, "visualization/left_path", qos.NEWEST)
    previews = scene.table.collect(JointTrajectory, "visualization/joint_preview", qos.NEWEST)
    scene.table.every(0.1, scene.chunk)
    scene.table.spin_until(lambda: paths and previews, "both")
    path, preview = paths[-1], previews[-1]
    assert len(path.poses) == len(preview.points) == 32
    steps = np.diff([to_ns(pose.header.stamp) for pose in path.poses]) * 1e-9
    assert steps == pytest.approx(scene.contract.action.dt, abs=1e-6)
    assert to_ns(preview.points[0].time_from_start) * 1e-9 == pytest.approx(0.05, abs=1e-6)
    assert set(scene.contract.arms["left"].joints) <= set(preview.joint_names)
    assert all(map(math.isfinite, preview.points[-1].positions))


def test_a_chunk_that_makes_no_sense_is_counted_and_not_drawn(scene):
    shown = scene.table.collect(MarkerArray, "visualization/markers", qos.NEWEST)

    def nonsense() -> None:
        scene.chunks.publish(ActionChunkMessage(seq=1, horizon=3, action_dim=7, dt=0.05))

    scene.table.every(0.1, nonsense)
    scene.table.spin_until(
        lambda: int(scene.node.report()[2]["messages that could not be read"]) > 0, "a refusal"
    )
    assert scene.newest(shown, "left/path") is None
