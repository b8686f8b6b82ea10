"""camera_sync publishes an observation where every stream is there, else a reason."""

from __future__ import annotations

import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState

from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.messages.stamps import to_ns
from wall_oss_ros.msg import Observation
from wall_oss_ros.nodes.camera_sync import CameraSync
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.observation_message import observation_from
from wall_oss_ros.ros.stamps import to_stamp


@pytest.fixture
def running(bench, contract, fake_drivers):
    """A bench with fake drivers and an active camera_sync; also what it publishes."""
    table = bench()
    drivers = fake_drivers(table, contract)
    observations = table.collect(Observation, "observation", qos.NEWEST)
    diagnostics = table.collect(DiagnosticArray, "/diagnostics", qos.EVENTS)
    node = table.add(CameraSync())
    return table, drivers, observations, diagnostics, node


def test_a_complete_set_of_streams_becomes_an_observation(running, contract):
    table, drivers, observations, _, _ = running
    table.spin_until(lambda: len(observations) >= 3, "three observations")
    message = observations[-1]
    observation = observation_from(message, contract)
    assert [frame.name for frame in observation.cameras] == list(contract.cameras)
    assert observation.cameras[0].pixels.shape == (32, 32, 3)
    assert observation.joints.position_of() == pytest.approx(drivers.positions)
    assert observation.base_twist == pytest.approx([0.25, 0.0, 0.0])
    assert observation.skew_s <= 0.05
    assert all(frame.age_s >= 0.0 for frame in observation.cameras)
    assert observation.schema == contract.schema_hash
    # The state's left tool is the tool pose of the message, in the 26-D layout.
    assert observation.state[:3] == pytest.approx(observation.tools["left"].position)


def test_stamps_are_capture_stamps_and_grow(running):
    table, _, observations, _, _ = running
    table.spin_until(lambda: len(observations) >= 5, "five observations")
    stamps = [to_ns(message.header.stamp) for message in observations]
    assert stamps == sorted(set(stamps))
    assert all(stamp <= table.now_ns() for stamp in stamps)


@pytest.mark.parametrize("stream", ["wrist_left", "joint_states", "odometry"])
def test_a_missing_stream_stops_observations_and_is_named(running, stream):
    table, drivers, observations, diagnostics, node = running
    table.spin_until(lambda: observations, "a first observation")
    drivers.silent.add(stream)
    table.spin_until(lambda: node.report()[0] != b"\x00", "a fault")
    seen = len(observations)
    table.spin_for(0.3)
    assert len(observations) <= seen + 1  # one may have been on its way
    diagnostics.clear()
    table.spin_until(lambda: _of(diagnostics, "camera_sync"), "a diagnostic")
    assert stream in _of(diagnostics, "camera_sync").message
    drivers.silent.clear()
    seen = len(observations)
    table.spin_until(lambda: len(observations) > seen, "observations again")


def test_a_frozen_picture_stops_observations_and_is_named(running):
    table, drivers, observations, _, node = running
    table.spin_until(lambda: observations, "a first observation")
    drivers.frozen.add("head")
    table.spin_until(lambda: "picture does not change" in node.report()[1], "the fault")
    assert "camera head" in node.report()[1]
    table.spin_for(0.2)  # one may be on its way
    seen = len(observations)
    table.spin_for(0.3)
    assert len(observations) == seen


def test_nothing_is_published_while_inactive(bench, contract, fake_drivers):
    table = bench()
    fake_drivers(table, contract)
    observations = table.collect(Observation, "observation", qos.NEWEST)
    node = table.add(CameraSync(), activate=False)
    table.spin_until(lambda: node._assembler.reports(table.now_ns())[0].received > 5, "pictures")
    assert not observations
    node.trigger_activate()
    table.spin_until(lambda: observations, "an observation once active")


def test_joint_names_that_do_not_match_end_the_node_with_one_sentence(
    bench, contract, fake_drivers
):
    table = bench()
    drivers = fake_drivers(table, contract)
    drivers.positions = {f"other_{name}": 0.0 for name in drivers.positions}
    drivers.velocities = dict.fromkeys(drivers.positions, 0.0)
    node = table.add(CameraSync())
    table.spin_until(lambda: node.ending.requested, "the end")
    assert isinstance(node.ending.error, MessageError)
    assert "arm_left_1_joint" in str(node.ending.error)
    assert "other_arm_left_1_joint" in str(node.ending.error)


def test_what_comes_before_simulated_time_begins_is_no_message_from_the_future(bench, contract):
    table = bench(use_sim_time=True)
    joints = table.node.create_publisher(JointState, contract.joint_states.topic, qos.DRIVER)
    clock = table.node.create_publisher(Clock, "/clock", qos.EVENTS)
    node = table.add(CameraSync())

    def say(begun: bool) -> None:
        now = to_stamp(time.time_ns())
        home = contract.home
        message = JointState(name=list(home), position=list(home.values()))
        message.velocity = [0.0] * len(home)
        message.header.stamp = now
        joints.publish(message)
        if begun:
            clock.publish(Clock(clock=now))
        table.spin_for(0.02)

    for _ in range(20):
        say(begun=False)
    for _ in range(60):
        say(begun=True)
    assert node.now_ns() > 0
    assert not node.ending.requested, node.ending.error


def test_a_wrong_encoding_ends_the_node_with_one_sentence(bench, contract, fake_drivers):
    table = bench()
    drivers = fake_drivers(table, contract)
    drivers.encoding = "nonsense42"
    node = table.add(CameraSync())
    table.spin_until(lambda: node.ending.requested, "the end")
    assert "nonsense42" in str(node.ending.error)
    assert "camera" in str(node.ending.error)


def test_pictures_are_not_copied_into_other_colours(running):
    table, drivers, observations, _, _ = running
    drivers.frozen.update({"head", "wrist_left", "wrist_right"})
    table.spin_until(lambda: observations, "an observation")
    image = observations[-1].cameras[0].image
    assert image.encoding == "rgb8"
    assert np.array_equal(np.frombuffer(image.data, np.uint8), drivers._still.reshape(-1))


def _of(diagnostics, name):
    found = [
        status for array in diagnostics for status in array.status if status.name.endswith(name)
    ]
    return found[-1] if found else None


def test_how_long_observations_take_is_in_the_diagnostics(running):
    table, _, observations, _, node = running
    table.spin_until(lambda: len(observations) >= 3, "observations")
    values = node.report()[2]
    p50, p95, p99 = map(float, values["camera_to_observation p50 p95 p99 [ms]"].split())
    assert 0.0 < p50 <= p95 <= p99
