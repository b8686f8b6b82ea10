"""safety_supervisor: nothing moves unless enabled, everything stops when asked, and it says why."""

from __future__ import annotations

import numpy as np
import pytest
from geometry_msgs.msg import TwistStamped
from std_msgs.msg import Bool, Header
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.msg import RobotCommand as RobotCommandMessage
from wall_oss_ros.msg import SafetyState
from wall_oss_ros.nodes.safety_supervisor import SafetySupervisorNode
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.command_message import command_message
from wall_oss_ros.ros.stamps import to_stamp

BEATING = ("camera_sync", "policy", "chunk_executor")


class Scene:
    """An active supervisor, fake drivers, and a tester that speaks for the executor."""

    def __init__(self, table, contract, drivers) -> None:
        self.table, self.contract, self.drivers = table, contract, drivers
        self.sent = {
            controller.topic: table.collect(JointTrajectory, controller.topic, qos.EVENTS)
            for controller in contract.joint_controllers.values()
        }
        self.left = self.sent[contract.arms["left"].controller.topic]
        self.base = table.collect(TwistStamped, contract.base.controller.topic, qos.EVENTS)
        self.sent[contract.base.controller.topic] = self.base
        self.states = table.collect(SafetyState, "safety/state", qos.STATE)
        self.beating = set(BEATING)
        self.speed = 0.0
        self.base_twist = np.zeros(3)
        self.wrist = contract.home["arm_left_7_joint"]
        self.commanding = True
        self._beats = table.node.create_publisher(Header, "heartbeat", qos.EVENTS)
        self._commands = table.node.create_publisher(RobotCommandMessage, "command", qos.command())
        self.estop_input = table.node.create_publisher(Bool, "safety/estop_input", qos.STATE)
        table.every(0.05, self._beat)
        table.every(0.01, self._command)
        self.node = table.add(SafetySupervisorNode())

    def _beat(self) -> None:
        for name in self.beating:
            header = Header(frame_id=name)
            header.stamp = to_stamp(self.table.now_ns())
            self._beats.publish(header)

    def _command(self) -> None:
        if not self.commanding:
            return
        self.wrist += 0.01 * self.speed
        positions = {n: self.contract.home[n] for n in self.contract.limited_joints}
        positions["arm_left_7_joint"] = self.wrist
        velocities = dict.fromkeys(positions, 0.0)
        velocities["arm_left_7_joint"] = self.speed
        parts = self.contract.commanded_parts - {"left_gripper", "right_gripper"}
        command = RobotCommand(
            self.table.now_ns(), 1, 1, parts, positions, velocities, {}, {}, self.base_twist
        )
        message = command_message(command, self.contract)
        message.left_tool.orientation.w = message.right_tool.orientation.w = 1.0
        self._commands.publish(message)
        # The robot follows.
        self.drivers.positions["arm_left_7_joint"] = self.wrist

    def enable(self):
        return self.table.call(
            SetBool, "safety_supervisor/enable_motion", SetBool.Request(data=True)
        )

    def enable_for_sure(self) -> None:
        answers = []
        self.table.spin_until(
            lambda: answers.append(self.enable()) or answers[-1].success, "motion"
        )
        self.clear()

    def clear(self) -> None:
        for messages in self.sent.values():
            messages.clear()

    def wait(self, mode: int) -> SafetyState:
        self.states.clear()
        self.table.spin_until(lambda: self.states and self.states[-1].mode == mode, f"mode {mode}")
        return self.states[-1]


@pytest.fixture
def scene(bench, contract, fake_drivers):
    table = bench()
    return Scene(table, contract, fake_drivers(table, contract))


def test_nothing_reaches_the_controllers_before_motion_is_enabled(scene):
    state = scene.wait(SafetyState.STOPPED)
    assert not state.motion_enabled
    assert state.latched_causes == ["motion was not enabled yet"]
    scene.table.spin_for(0.3)
    assert scene.left == []
    assert scene.base == []


def test_enabled_motion_reaches_the_controllers_with_velocities_and_a_braking_end(scene):
    scene.enable_for_sure()
    scene.speed = 0.5
    scene.table.spin_until(
        lambda: scene.left and scene.left[-1].points[0].velocities[-1] > 0.3, "motion"
    )
    near, rest = scene.left[-1].points
    assert list(rest.velocities) == [0.0] * 7
    assert rest.positions[-1] > near.positions[-1]
    assert list(scene.left[-1].joint_names) == list(scene.contract.arms["left"].joints)


def test_a_command_faster_than_the_limit_is_slowed_and_counted(scene):
    scene.enable_for_sure()
    scene.speed = 4.0
    state = scene.wait(SafetyState.LIMITED)
    assert state.last_rule == "joint_limits"
    assert "arm_left_7_joint" in state.last_reason
    counts = dict(zip(state.rule_names, state.rule_limited, strict=True))
    assert counts["joint_limits"] > 0


def test_the_estop_service_holds_every_joint_and_latches(scene):
    scene.enable_for_sure()
    scene.base_twist = np.array([0.2, 0.0, 0.0])
    scene.table.spin_until(lambda: scene.base and scene.base[-1].twist.linear.x > 0.05, "driving")
    assert scene.table.call(Trigger, "safety_supervisor/estop", Trigger.Request()).success
    scene.clear()
    scene.table.spin_until(lambda: len(scene.left) > 1 and len(scene.base) > 5, "a hold")
    assert all(not any(message.points[0].velocities) for message in scene.left)
    assert all(message.twist.linear.x == 0.0 for message in scene.base)
    state = scene.wait(SafetyState.ESTOP)
    assert state.latched_causes == ["service ~/estop was called"]
    refused = scene.enable()
    assert not refused.success
    assert "e-stop is latched" in refused.message


def test_a_pressed_input_must_be_released_before_reset_and_motion_enabled_after_it(scene):
    scene.enable_for_sure()
    scene.estop_input.publish(Bool(data=True))
    state = scene.wait(SafetyState.ESTOP)
    assert not state.reset_possible
    refused = scene.table.call(Trigger, "safety_supervisor/reset", Trigger.Request())
    assert not refused.success
    assert "still pressed" in refused.message
    scene.estop_input.publish(Bool(data=False))
    scene.states.clear()
    scene.table.spin_until(lambda: scene.states and scene.states[-1].reset_possible, "release")
    assert scene.states[-1].mode == SafetyState.ESTOP  # released is not reset
    assert scene.table.call(Trigger, "safety_supervisor/reset", Trigger.Request()).success
    assert not scene.wait(SafetyState.STOPPED).motion_enabled  # reset is not enable
    scene.enable_for_sure()
    scene.wait(SafetyState.NOMINAL)


def test_an_estop_input_of_a_publisher_that_keeps_nothing_is_heard_too(scene):
    scene.enable_for_sure()
    publisher = scene.table.node.create_publisher(Bool, "safety/estop_input", qos.EVENTS)
    scene.table.spin_until(lambda: publisher.get_subscription_count(), "a connection")
    publisher.publish(Bool(data=True))
    scene.wait(SafetyState.ESTOP)


@pytest.mark.parametrize("node", BEATING)
def test_a_node_that_stops_beating_stops_the_robot(scene, node):
    scene.enable_for_sure()
    scene.beating.discard(node)
    state = scene.wait(SafetyState.STOPPED)
    assert node in state.latched_causes[0]
    scene.beating.add(node)
    scene.table.spin_for(0.3)
    assert not scene.states[-1].motion_enabled  # nothing resumes by itself


def test_silent_joint_states_stop_the_robot(scene):
    scene.enable_for_sure()
    scene.drivers.silent.add("joint_states")
    assert "state_age" in scene.wait(SafetyState.STOPPED).latched_causes[0]


def test_a_silent_executor_stops_the_robot_and_the_base_is_told_to_stand(scene):
    scene.enable_for_sure()
    scene.base_twist = np.array([0.2, 0.0, 0.0])
    scene.table.spin_until(lambda: scene.base and scene.base[-1].twist.linear.x > 0.05, "driving")
    scene.commanding = False
    assert "command_age" in scene.wait(SafetyState.STOPPED).latched_causes[0]
    scene.base.clear()
    scene.table.spin_until(lambda: len(scene.base) > 5, "standing")
    assert all(message.twist.linear.x == 0.0 for message in scene.base)


def test_motion_is_refused_without_heartbeats_and_the_reason_names_the_node(scene):
    scene.beating.clear()
    scene.table.spin_for(0.8)
    answer = scene.enable()
    assert not answer.success
    assert "heartbeat" in answer.message


def test_motion_is_refused_while_the_robot_moves(scene):
    scene.drivers.velocities["arm_left_2_joint"] = 0.4
    scene.table.spin_for(0.2)
    answer = scene.enable()
    assert not answer.success
    assert "arm_left_2_joint" in answer.message
