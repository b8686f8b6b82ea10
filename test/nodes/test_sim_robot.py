"""Pins: the simulated robot has the faults it is told to have, and heals; its truth stays true."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="the simulator needs the 'sim' extra")

from sensor_msgs.msg import Image, JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import SimulationError
from wall_oss_ros.messages.stamps import to_ns
from wall_oss_ros.nodes.sim_robot import SimRobotNode
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.sim_faults import JUMP_NS, SimFaults
from wall_oss_ros.ros.sim_inputs import SimInputs
from wall_oss_ros.srv import InjectFault

CAMERA = "wrist_left"
HEAD = ("head_1_joint", "head_2_joint")


@pytest.fixture
def robot(bench, contract) -> Iterator[SimpleNamespace]:
    """Return a running simulated robot: `pictures`, `joints` and `truth` fill by themselves."""
    running = bench(cameras="still", image_size=64)
    node = running.add(SimRobotNode())
    pictures = running.collect(Image, contract.cameras[CAMERA].topic, qos.SENSOR)
    joints = running.collect(JointState, "joint_states", qos.HISTORY)
    truth = running.collect(JointState, "sim_robot/truth", qos.HISTORY)

    def inject(stream: str, fault: str) -> InjectFault.Response:
        request = InjectFault.Request(stream=stream, fault=fault)
        return running.call(InjectFault, "sim_robot/inject_fault", request)

    def soon(messages: list, condition: Callable[[Any], bool], what: str) -> Any:
        """Wait for a message; those that were on their way before a fault may still come."""
        running.spin_until(lambda: bool(messages) and condition(messages[-1]), what)
        return messages[-1]

    def following(messages: list, count: int = 5) -> list:
        """Return the next messages of a list."""
        begin = len(messages)
        running.spin_until(lambda: len(messages) >= begin + count, f"{count} more messages")
        return messages[begin:]

    following(pictures, 2)
    yield SimpleNamespace(
        bench=running,
        node=node,
        pictures=pictures,
        joints=joints,
        truth=truth,
        inject=inject,
        soon=soon,
        following=following,
    )


def test_still_cameras_are_alive_and_stamped_when_they_are_sent(robot) -> None:
    frames = robot.following(robot.pictures, 3)
    assert len({bytes(frame.data) for frame in frames}) == 3
    ages_s = [(robot.bench.now_ns() - to_ns(frame.header.stamp)) * 1e-9 for frame in frames]
    assert all(0.0 <= age_s < 5.0 for age_s in ages_s)
    # Most of a picture stays as it was drawn.
    first, last = (np.frombuffer(frames[i].data, np.uint8) for i in (0, -1))
    assert np.mean(first != last) < 0.1 and np.ptp(first) > 50


def test_a_camera_in_the_past_of_another_size_or_encoding_and_healed(robot) -> None:
    robot.inject(CAMERA, "past")
    age_s = (robot.bench.now_ns() - to_ns(robot.following(robot.pictures)[-1].header.stamp)) * 1e-9
    assert age_s > 9.0
    robot.inject(CAMERA, "resize")
    frame = robot.following(robot.pictures)[-1]
    assert (frame.width, frame.height, len(frame.data)) == (32, 32, 32 * 32 * 3)
    robot.inject(CAMERA, "encoding")
    assert robot.following(robot.pictures)[-1].encoding not in ("rgb8", "bgr8", "mono8")
    robot.inject(CAMERA, "none")
    frame = robot.following(robot.pictures)[-1]
    assert (frame.width, frame.encoding) == (64, "rgb8")
    assert (robot.bench.now_ns() - to_ns(frame.header.stamp)) * 1e-9 < 5.0


def test_joint_states_with_a_nan_without_a_joint_or_with_one_twice(robot, contract) -> None:
    names = list(contract.joint_names)
    robot.inject("joint_states", "nan")
    sample = robot.soon(robot.joints, lambda message: math.isnan(message.position[0]), "a NaN")
    assert sample.name == names
    robot.inject("joint_states", "missing")
    sample = robot.soon(robot.joints, lambda message: message.name == names[1:], "one joint less")
    assert len(sample.position) == len(sample.velocity) == len(names) - 1
    robot.inject("joint_states", "duplicate")
    twice = [*names, names[0]]
    sample = robot.soon(robot.joints, lambda message: message.name == twice, "a joint twice")
    assert len(sample.velocity) == len(names) + 1
    robot.inject("joint_states", "silence")
    robot.following(robot.truth, 100)
    silent = len(robot.joints)
    truth = robot.following(robot.truth, 100)[-1]
    assert len(robot.joints) == silent
    assert truth.name == [*names, "base_x", "base_y", "base_yaw"]
    assert np.all(np.isfinite(truth.position))


def test_a_deaf_controller_and_one_that_is_gone_do_not_move(robot, contract) -> None:
    publisher = robot.bench.node.create_publisher(
        JointTrajectory, contract.head.controller.topic, qos.command()
    )

    def pan(target: float, until: Callable[[float], bool]) -> float:
        """Command a pan angle for some time; return where the joint is then."""
        point = JointTrajectoryPoint(positions=[target, -0.75])
        point.time_from_start.nanosec = 50_000_000
        message = JointTrajectory(joint_names=list(HEAD), points=[point])
        for _ in range(60):
            publisher.publish(message)
            sample = robot.following(robot.truth, 10)[-1]
            place = sample.position[sample.name.index(HEAD[0])]
            if until(place):
                break
        return place

    assert pan(0.3, lambda place: place > 0.25) > 0.25
    assert robot.inject("head", "deaf").success
    assert pan(-0.3, lambda place: place < 0.2) > 0.2
    assert robot.inject("head", "gone").success
    assert pan(-0.3, lambda place: place < 0.2) > 0.2
    robot.bench.spin_until(lambda: publisher.get_subscription_count() == 0, "it being gone")
    assert robot.inject("head", "none").success
    robot.bench.spin_until(lambda: publisher.get_subscription_count() == 1, "it being back")
    assert pan(-0.3, lambda place: place < 0.0) < 0.0


def test_an_unknown_stream_or_fault_names_the_valid_ones(robot) -> None:
    answer = robot.inject("antenna", "silence")
    assert not answer.success and "'joint_states'" in answer.message
    assert "'left_arm'" in answer.message and "'clock'" in answer.message
    answer = robot.inject("joint_states", "freeze")
    assert not answer.success and "'duplicate'" in answer.message
    answer = robot.inject("clock", "jump")
    assert not answer.success and "use_sim_time:=true" in answer.message


def test_the_simulated_clock_jumps_once(contract: RobotContract) -> None:
    faults = SimFaults(contract, with_clock=True)
    assert faults.inject("clock", "jump_back") is None
    assert faults.take_clock_jump_ns() == -JUMP_NS
    assert faults.take_clock_jump_ns() == 0


def test_a_controller_that_the_simulator_has_not_is_refused(bench, contract) -> None:
    arm = contract.arms["left"]
    pose = dataclasses.replace(arm.controller, interface="cartesian_pose", stamped=False)
    arms = {**contract.arms, "left": dataclasses.replace(arm, controller=pose)}
    other = dataclasses.replace(contract, arms=arms)
    with pytest.raises(SimulationError, match="'cartesian_pose'.*'left_arm'.*'joint_trajectory'"):
        SimInputs(bench().node, other, SimFaults(other, False), print, print)
