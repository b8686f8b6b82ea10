"""safety_supervisor: nothing moves unless enabled, everything stops when asked, and it says why."""

from __future__ import annotations

import numpy as np
import pytest
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from std_msgs.msg import Bool, Header
from std_srvs.srv import Trigger
from supervised import BEATING, Scene
from trajectory_msgs.msg import JointTrajectory

from wall_oss_ros.msg import RobotCommand as RobotCommandMessage
from wall_oss_ros.msg import SafetyState
from wall_oss_ros.ros import qos


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
    # Where the machine is busy, another rule may speak first: commands come late.
    scene.table.spin_until(
        lambda: any(state.last_rule == "joint_limits" for state in scene.states), "the limits"
    )
    state = next(state for state in scene.states if state.last_rule == "joint_limits")
    assert state.mode == SafetyState.LIMITED
    assert "arm_left_7_joint" in state.last_reason
    counts = dict(zip(state.rule_names, state.rule_limited, strict=True))
    assert counts["joint_limits"] > 0


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


def test_deactivation_brings_the_robot_to_rest_before_the_topics_are_quiet(scene):
    scene.enable_for_sure()
    scene.speed = 0.5
    scene.table.spin_until(
        lambda: scene.left and scene.left[-1].points[0].velocities[-1] > 0.3, "motion"
    )
    scene.node.trigger_deactivate()
    scene.table.spin_for(0.2)
    speeds = [message.points[0].velocities[-1] for message in scene.left]
    assert speeds[-1] == 0.0
    # Not at once: within the acceleration and jerk of the joint.
    assert any(0.0 < speed < 0.25 for speed in speeds[-30:])


def test_without_a_held_dead_man_switch_nothing_moves_and_releasing_it_stops(
    bench, contract, fake_drivers
):
    table = bench(dead_man_required=True)
    scene = Scene(table, contract, fake_drivers(table, contract))
    switch = table.node.create_publisher(Bool, "safety/dead_man", qos.SENSOR)
    held = [True]
    refused = scene.enable()
    assert not refused.success
    timer = table.every(0.05, lambda: switch.publish(Bool(data=held[0])))
    scene.enable_for_sure()
    table.spin_for(0.3)
    assert scene.wait(SafetyState.NOMINAL).motion_enabled
    held[0] = False
    state = scene.wait(SafetyState.STOPPED)
    assert "dead_man" in state.latched_causes[0]
    held[0] = True
    scene.enable_for_sure()
    timer.cancel()  # whoever holds it, or its cable, is gone
    assert "dead_man" in scene.wait(SafetyState.STOPPED).latched_causes[0]


def test_a_second_publisher_of_a_controller_topic_stops_the_robot_and_is_named(scene):
    scene.enable_for_sure()
    topic = scene.contract.arms["left"].controller.topic
    intruder = Node("intruder")
    intruder.create_publisher(JointTrajectory, topic, qos.EVENTS)
    state = scene.wait(SafetyState.STOPPED)
    assert "/intruder" in state.latched_causes[0]
    assert topic in state.latched_causes[0]
    assert "intruder" in scene.enable().message
    intruder.destroy_node()


def test_a_second_publisher_of_commands_stops_the_robot_and_both_are_named(scene):
    scene.enable_for_sure()
    intruder = Node("intruder")
    intruder.create_publisher(RobotCommandMessage, "command", qos.command())
    cause = scene.wait(SafetyState.STOPPED).latched_causes[0]
    assert "/intruder" in cause
    assert "/tester" in cause
    intruder.destroy_node()


def test_a_controller_that_nobody_runs_keeps_motion_disabled_and_is_named(
    bench, contract, fake_drivers
):
    table = bench()
    scene = Scene(table, contract, fake_drivers(table, contract), deaf={"torso_controller"})
    table.spin_for(0.8)
    answer = scene.enable()
    assert not answer.success
    assert "torso_controller/joint_trajectory" in answer.message
    assert "arm_left" not in answer.message


def test_in_shadow_mode_it_judges_and_says_so_and_sends_nothing(bench, contract, fake_drivers):
    table = bench(shadow=True)
    scene = Scene(table, contract, fake_drivers(table, contract))
    scene.enable_for_sure()
    scene.speed = 4.0
    state = scene.wait(SafetyState.LIMITED)
    assert state.shadow
    table.call(Trigger, "safety_supervisor/estop", Trigger.Request())
    scene.wait(SafetyState.ESTOP)
    assert not any(scene.sent.values())


def test_drivers_hear_that_the_loop_runs_and_that_it_ended(scene):
    beats = scene.table.collect(Header, "safety/heartbeat", qos.HEARTBEAT)
    scene.table.spin_until(lambda: len(beats) > 10, "heartbeats")
    missed = []
    listener = Node("driver")
    listener.create_subscription(
        Header,
        "safety/heartbeat",
        lambda message: None,
        qos.HEARTBEAT,
        event_callbacks=SubscriptionEventCallbacks(deadline=missed.append),
    )
    scene.table.executor.add_node(listener)
    scene.table.spin_for(0.3)
    scene.node.trigger_deactivate()
    scene.table.spin_for(0.05)  # one may be on its way
    beats.clear()
    scene.table.spin_until(lambda: missed, "a missed deadline")
    assert beats == []
    scene.table.executor.remove_node(listener)
    listener.destroy_node()


def test_the_state_tells_distances_checks_loop_and_latencies(scene):
    scene.enable_for_sure()
    scene.table.spin_for(0.3)
    state = scene.wait(SafetyState.NOMINAL)
    assert 0.0 < state.zone_distance < 2.0
    assert "workspace" in state.nearest_zone or "zone" in state.nearest_zone
    assert state.arm_distance > 0.0
    assert " and " in state.nearest_links
    assert {check.name for check in state.reset_checks} >= {"latched", "standing"}
    assert not state.reset_possible
    assert state.reset_blocker == next(c.reason for c in state.reset_checks if not c.ok)
    assert all(check.ok for check in state.enable_checks)
    assert len(state.lateness_counts) == len(state.lateness_bounds_ms) + 1
    assert sum(state.lateness_counts) > 10
    assert not state.real_time
    assert all(value > 0.0 for value in state.tick_ms)
    first, second = state.latency
    assert (first.name, second.name) == ("command_to_controller", "camera_to_controller")
    assert first.count >= 1
    assert not state.shadow
    assert state.estop_inputs == []
