"""What each kind of controller is sent for a setpoint, read back from its topic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped, Twist, TwistStamped
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.rotation import matrix_from_rotation_vector
from wall_oss_ros.core.waypoints import BRAKE_S
from wall_oss_ros.messages.geometry import pose_from
from wall_oss_ros.messages.stamps import to_ns
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.controllers import KEEP_ALIVE_NS, ControllerOutput

PERIOD_S = 0.01
STAMP = 1_700_000_000_123_456_789
TOOL = Pose(np.array([0.4, 0.2, 0.1]), matrix_from_rotation_vector([0.1, 0.5, -0.3]))


def with_interface(contract, interface: str, stamped: bool):
    """The contract with another interface of its left arm, or of its base."""
    if "twist" in interface:
        controller = replace(contract.base.controller, interface=interface)
        return replace(contract, base=replace(contract.base, controller=controller))
    left = contract.arms["left"]
    controller = replace(left.controller, interface=interface, stamped=stamped)
    left = replace(left, controller=controller)
    return replace(contract, arms={**contract.arms, "left": left})


class Line:
    """A controller's topic between an output and a listener."""

    def __init__(self, table, contract, interface: str, kind: type, stamped: bool = False) -> None:
        self.table, self.contract = table, with_interface(contract, interface, stamped)
        self.node = LifecycleNode("output")
        self.output = ControllerOutput(self.node, self.contract, PERIOD_S)
        self.node.trigger_configure()
        self.node.trigger_activate()
        self.topic = self.contract.arms["left"].controller.topic
        if "twist" in interface:
            self.topic = self.contract.base.controller.topic
        self.heard = table.collect(kind, self.topic, qos.EVENTS)
        table.spin_until(lambda: self.topic not in self.output.unheard(), "a connection")

    def command(self, speed: float = 0.0, after_ns: int = 0, shift: float = 0.0) -> RobotCommand:
        joints = self.contract.arms["left"].joints
        return RobotCommand(
            stamp_ns=STAMP + after_ns,
            source_seq=1,
            source_epoch=1,
            parts=frozenset({"left_arm", "base"}),
            positions={name: self.contract.home[name] + shift for name in joints},
            velocities=dict.fromkeys(joints, speed),
            tools={"left": TOOL, "right": TOOL},
            grippers={},
            base_twist=np.array([0.1, -0.2, 0.3]),
        )

    def send(self, command: RobotCommand, **how: bool):
        """Send and return what is heard."""
        count = len(self.heard)
        self.output.send(command, **how)
        self.table.spin_until(lambda: len(self.heard) > count, "a message")
        return self.heard[-1]


@pytest.fixture
def line(bench, contract):
    lines = []

    def make(interface: str, kind: type, *, stamped: bool = False) -> Line:
        lines.append(Line(bench(), contract, interface, kind, stamped))
        return lines[-1]

    yield make
    for each in lines:
        each.node.destroy_node()


def test_a_standing_setpoint_is_due_in_one_period_and_stays(line):
    wire = line("joint_trajectory", JointTrajectory)
    message = wire.send(wire.command())
    joints = wire.contract.arms["left"].joints
    assert message.joint_names == list(joints)
    assert to_ns(message.header.stamp) == 0  # the controller starts at once
    for point, due_s in zip(message.points, (PERIOD_S, PERIOD_S + BRAKE_S), strict=True):
        assert list(point.positions) == [wire.contract.home[name] for name in joints]
        assert list(point.velocities) == [0.0] * len(joints)
        assert point.time_from_start.nanosec == round(due_s * 1e9)


def test_where_the_contract_wants_it_a_trajectory_says_when_it_begins(line):
    wire = line("joint_trajectory", JointTrajectory, stamped=True)
    assert to_ns(wire.send(wire.command(speed=0.2)).header.stamp) == STAMP
    assert to_ns(wire.send(wire.command(after_ns=5)).header.stamp) == STAMP + 5


def test_a_moving_setpoint_is_followed_by_where_the_controller_brakes_to(line):
    wire = line("joint_trajectory", JointTrajectory)
    wire.send(wire.command())
    message = wire.send(wire.command(speed=0.2))
    near, rest = message.points
    assert list(near.velocities) == [0.2] * 7
    assert list(rest.velocities) == [0.0] * 7
    assert np.all(np.array(rest.positions) > np.array(near.positions))
    assert rest.time_from_start.nanosec == round((PERIOD_S + BRAKE_S) * 1e9)
    # The message of before is not what a later one became.
    assert wire.heard[0].points[1].positions == wire.heard[0].points[0].positions


def test_what_stands_is_repeated_as_often_as_a_keep_alive_needs_and_a_stop_at_once(line):
    wire = line("joint_trajectory", JointTrajectory)
    wire.send(wire.command())
    for after_ns in range(0, KEEP_ALIVE_NS, KEEP_ALIVE_NS // 10):
        wire.output.send(wire.command(after_ns=after_ns))
    wire.send(wire.command(after_ns=KEEP_ALIVE_NS))
    assert len(wire.heard) == 2
    wire.send(wire.command(after_ns=KEEP_ALIVE_NS + 1), at_once=True)
    assert len(wire.heard) == 3


def test_of_a_command_whose_time_is_over_nothing_more_is_sent(line):
    wire = line("twist_stamped", TwistStamped)
    asked = iter([False, True])  # it ends after the first part
    wire.output.send(wire.command(), overtaken=lambda: next(asked))
    mark = replace(wire.command(), base_twist=np.array([0.7, 0.0, 0.0]))
    assert wire.send(mark).twist.linear.x == 0.7
    assert len(wire.heard) == 1  # the base was not sent the first one


def test_a_position_array_holds_the_positions_in_the_contracts_order(line):
    wire = line("position_array", Float64MultiArray)
    for shift in (0.0, 0.1):
        message = wire.send(wire.command(shift=shift))
        expected = [wire.contract.home[name] + shift for name in wire.contract.arms["left"].joints]
        assert list(message.data) == expected


def test_a_cartesian_controller_gets_the_tool_pose_that_was_judged_in_the_arms_frame(line):
    wire = line("cartesian_pose", PoseStamped)
    message = wire.send(wire.command())
    assert message.header.frame_id == wire.contract.arms["left"].frame
    assert to_ns(message.header.stamp) == STAMP
    assert pose_from(message.pose).distance(TOOL) == pytest.approx((0.0, 0.0), abs=1e-9)


def test_a_cartesian_controller_is_never_sent_a_setpoint_without_a_pose(line):
    wire = line("cartesian_pose", PoseStamped)
    with pytest.raises(ValueError, match="tool pose"):
        wire.output.send(replace(wire.command(), tools={}))


@pytest.mark.parametrize(("interface", "kind"), [("twist_stamped", TwistStamped), ("twist", Twist)])
def test_a_base_gets_its_twist_with_or_without_a_stamp(line, interface, kind):
    wire = line(interface, kind)
    message = wire.send(wire.command())
    twist = message
    if kind is TwistStamped:
        twist = message.twist
        assert to_ns(message.header.stamp) == STAMP
        assert message.header.frame_id == wire.contract.base_frame
    assert (twist.linear.x, twist.linear.y, twist.angular.z) == (0.1, -0.2, 0.3)


def test_topics_without_a_listener_are_named_and_no_others(line):
    wire = line("joint_trajectory", JointTrajectory)
    assert wire.topic not in wire.output.unheard()
    assert set(wire.output.unheard()) == set(wire.contract.controller_topics) - {wire.topic}


def test_parts_that_a_command_leaves_out_are_sent_nothing(line):
    wire = line("twist_stamped", TwistStamped)
    arm = wire.table.collect(
        JointTrajectory, wire.contract.arms["left"].controller.topic, qos.EVENTS
    )
    wire.table.spin_until(
        lambda: wire.contract.arms["left"].controller.topic not in wire.output.unheard(),
        "a connection",
    )
    wire.send(replace(wire.command(), parts=frozenset({"base"})))
    wire.send(wire.command())
    wire.table.spin_until(lambda: arm, "the arm")
    assert len(arm) == 1
