"""What was really sent to the controllers: all of it for recordings, the newest in the state."""

from __future__ import annotations

import math

from wall_oss_ros.core.drawing import Sent
from wall_oss_ros.core.recorded_topics import EXECUTED
from wall_oss_ros.messages.stamps import to_ns
from wall_oss_ros.messages.states import sent_of
from wall_oss_ros.msg import RobotCommand
from wall_oss_ros.ros import qos


def test_what_is_sent_to_the_controllers_is_said_in_one_message(scene):
    executed = scene.table.collect(RobotCommand, EXECUTED, qos.EVENTS)
    scene.table.spin_for(0.4)  # the supervisor looks now and then who listens
    scene.enable_for_sure()
    scene.speed = 0.2
    scene.table.spin_for(1.0)
    scene.speed = 0.0
    scene.table.spin_for(0.3)
    proposed = scene.wrist
    assert len(executed) > 50
    wrist = [
        dict(zip(message.joint_names, message.joint_positions, strict=True))["arm_left_7_joint"]
        for message in executed
    ]
    sent = {
        round(point.positions[message.joint_names.index("arm_left_7_joint")], 9)
        for message in scene.left
        for point in message.points
    }
    assert sum(round(position, 9) in sent for position in wrist) > 0.8 * len(wrist)
    assert abs(wrist[-1] - proposed) < 1e-3
    assert {message.header.frame_id for message in executed} == {scene.contract.base_frame}


def test_nothing_is_said_where_nobody_listens(scene):
    scene.table.spin_for(0.4)
    scene.enable_for_sure()
    assert not scene.node.executed.wanted


def test_the_state_says_where_the_tools_were_sent_last(scene):
    scene.table.spin_for(0.2)
    before = scene.states[-1]
    assert to_ns(before.sent_stamp) == 0
    assert sent_of(before).places == {}
    executed = scene.table.collect(RobotCommand, EXECUTED, qos.EVENTS)
    scene.table.spin_for(0.4)
    scene.enable_for_sure()

    def known() -> list[tuple[Sent, RobotCommand]]:
        by_stamp = {to_ns(message.header.stamp): message for message in executed}
        told = [sent_of(state) for state in scene.states]
        return [(sent, by_stamp[sent.stamp_ns]) for sent in told if sent.stamp_ns in by_stamp]

    scene.table.spin_until(lambda: len(known()) > 3, "states that say what was sent")
    for sent, message in known():
        assert sent.chunk == (message.source_epoch, message.source_seq)
        for side, place in sent.places.items():
            pose = getattr(message, f"{side}_tool").position
            assert place == (pose.x, pose.y, pose.z)
        assert sent.places
        assert all(map(math.isfinite, sum(sent.places.values(), ())))
