"""E-stop: at once, on every controller, latched until a person resets it."""

from __future__ import annotations

import numpy as np
import pytest
from geometry_msgs.msg import TwistStamped
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from supervised import standing

from wall_oss_ros.msg import SafetyState
from wall_oss_ros.nodes.safety_supervisor import SafetySupervisorNode
from wall_oss_ros.ros import qos


def test_the_estop_service_holds_every_joint_and_latches(scene):
    scene.enable_for_sure()
    scene.base_twist = np.array([0.2, 0.0, 0.0])
    scene.table.spin_until(lambda: scene.base and scene.base[-1].twist.linear.x > 0.05, "driving")
    assert scene.table.call(Trigger, "safety_supervisor/estop", Trigger.Request()).success
    # What was sent before may come after the answer.
    scene.table.spin_until(lambda: standing(scene.base[-1]), "a hold")
    scene.clear()
    scene.table.spin_until(lambda: len(scene.left) > 1 and len(scene.base) > 5, "it going on")
    assert all(map(standing, scene.left)) and all(map(standing, scene.base))
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


@pytest.mark.parametrize("way", ["service", "input"])
def test_an_estop_sends_a_stop_to_every_controller_without_waiting_for_the_tick(scene, way):
    scene.enable_for_sure()
    scene.base_twist = np.array([0.2, 0.0, 0.0])
    scene.speed = 0.3
    scene.table.spin_until(lambda: scene.base and scene.base[-1].twist.linear.x > 0.05, "driving")
    # No tick comes any more; only the e-stop's own thread can answer.
    scene.node.loop._tick = lambda: None
    scene.table.spin_for(0.1)
    scene.clear()
    if way == "service":
        assert scene.table.call(Trigger, "safety_supervisor/estop", Trigger.Request()).success
    else:
        scene.estop_input.publish(Bool(data=True))
    scene.table.spin_until(lambda: all(scene.sent.values()), "a stop on every topic")
    assert all(standing(message) for sent in scene.sent.values() for message in sent)
    assert scene.node._supervisor.latched_causes


def test_motion_that_is_judged_while_an_estop_comes_is_not_sent_after_it(scene):
    scene.enable_for_sure()
    scene.speed = 0.3
    scene.table.spin_until(lambda: scene.left and not standing(scene.left[-1]), "motion")
    scene.clear()
    scene.table.call(Trigger, "safety_supervisor/estop", Trigger.Request())
    scene.table.spin_for(0.3)
    first = next(i for i, message in enumerate(scene.left) if standing(message))
    assert all(standing(message) for message in scene.left[first:])


def test_an_estop_before_activation_sends_nothing_and_stays_latched(bench, contract, fake_drivers):
    table = bench()
    drivers = fake_drivers(table, contract)
    node = table.add(SafetySupervisorNode(), activate=False)
    sent = table.collect(TwistStamped, contract.base.controller.topic, qos.EVENTS)
    table.call(Trigger, "safety_supervisor/estop", Trigger.Request())
    table.spin_for(0.2)
    assert sent == []
    states = table.collect(SafetyState, "safety/state", qos.STATE)
    node.trigger_activate()
    table.spin_until(lambda: states and states[-1].mode == SafetyState.ESTOP, "a latched e-stop")
    assert drivers.positions


def test_a_pressed_input_is_in_the_state(scene):
    scene.estop_input.publish(Bool(data=True))
    assert scene.wait(SafetyState.ESTOP).estop_inputs == ["safety/estop_input"]


def test_a_supervisor_whose_loop_fails_holds_the_robot_as_its_last_act_and_ends(scene):
    scene.enable_for_sure()
    scene.base_twist = np.array([0.2, 0.0, 0.0])
    scene.table.spin_until(lambda: scene.base and scene.base[-1].twist.linear.x > 0.05, "driving")

    def fail() -> None:
        raise RuntimeError("broken")

    scene.node.loop._tick = fail
    scene.table.spin_until(lambda: scene.node.ending.requested, "the end")
    scene.clear()
    scene.node.halt()  # what `run` does then
    scene.table.spin_until(lambda: all(scene.sent.values()), "a stop on every topic")
    assert all(standing(message) for sent in scene.sent.values() for message in sent)
    assert str(scene.node.ending.error) == "broken"
