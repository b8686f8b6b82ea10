"""safety/command: what was really sent to the controllers, for recordings."""

from __future__ import annotations

from wall_oss_ros.core.recorded_topics import EXECUTED
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
