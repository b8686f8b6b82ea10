"""What goes through a message comes back: observations, chunks, commands, task states."""

from __future__ import annotations

import numpy as np
import pytest

from wall_oss_ros.core import action_space, rotation
from wall_oss_ros.core.chunk import ActionChunk, StageTimes
from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.observation import CameraFrame, JointSample, Observation
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.task import TaskObject, TaskState
from wall_oss_ros.messages.chunks import chunk_from
from wall_oss_ros.messages.commands import PART_BITS, command_from
from wall_oss_ros.messages.geometry import pose_from
from wall_oss_ros.msg import RobotCommand as RobotCommandMessage
from wall_oss_ros.ros.chunk_message import chunk_message
from wall_oss_ros.ros.command_message import command_message
from wall_oss_ros.ros.geometry import pose_message
from wall_oss_ros.ros.images import image_message
from wall_oss_ros.ros.observation_message import observation_from, observation_message
from wall_oss_ros.ros.task_message import task_from, task_message

STAMP = 1_700_000_000_123_456_789


def some_pose(seed: int) -> Pose:
    rng = np.random.default_rng(seed)
    return Pose(rng.normal(size=3), rotation.matrix_from_rotation_vector(rng.normal(size=3)))


def some_chunk(schema: str) -> ActionChunk:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(4, 26)).astype(np.float32).astype(np.float64)
    return ActionChunk(
        stamp_ns=STAMP,
        seq=7,
        epoch=3,
        instruction="pick up the red cube",
        dt=0.05,
        actions=rows,
        raw_actions=rows + 1,
        anchor=rows[0],
        mask=np.arange(26) < 20,
        frozen_prefix=2,
        stages=StageTimes(1.0, 2.0, 3.0, 4.0, 10.0),
        policy="scripted",
        schema=schema,
    )


def test_a_chunk_survives_its_message(contract):
    chunk = some_chunk(contract.schema_hash)
    back = chunk_from(chunk_message(chunk, "base_footprint"))
    for name in ("stamp_ns", "seq", "epoch", "instruction", "dt", "frozen_prefix", "stages"):
        assert getattr(back, name) == getattr(chunk, name)
    assert (back.policy, back.schema) == (chunk.policy, chunk.schema)
    np.testing.assert_array_equal(back.mask, chunk.mask)
    np.testing.assert_allclose(back.actions, chunk.actions, atol=1e-6)
    np.testing.assert_allclose(back.raw_actions, chunk.raw_actions, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"horizon": 5}, "expected 5 x 26"),
        ({"action_dim": 20}, "rows x 26"),
        ({"dt": 0.0}, "dt"),
        ({"action_mask": [True] * 3}, "mask"),
        ({"anchor_state": [0.0] * 3}, "anchor_state"),
    ],
)
def test_a_chunk_whose_sizes_do_not_fit_is_refused(contract, change, word):
    message = chunk_message(some_chunk(contract.schema_hash), "base")
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(MessageError, match=word):
        chunk_from(message)


def test_a_chunk_with_one_number_that_is_not_finite_is_refused(contract):
    message = chunk_message(some_chunk(contract.schema_hash), "base")
    message.actions[17] = float("nan")
    with pytest.raises(MessageError, match="not finite"):
        chunk_from(message)


def test_a_command_survives_its_message(contract):
    joints = contract.part_joints["left_arm"] + contract.part_joints["lift"]
    command = RobotCommand(
        stamp_ns=STAMP,
        source_seq=4,
        source_epoch=2,
        parts=frozenset({"left_arm", "left_gripper", "base", "lift"}),
        positions={name: 0.1 * index for index, name in enumerate(joints)},
        velocities=dict.fromkeys(joints, 0.5),
        tools={"left": some_pose(0), "right": some_pose(1)},
        grippers={"left": 0.25},
        base_twist=np.array([0.1, -0.2, 0.3]),
    )
    back = command_from(command_message(command, contract))
    assert back.parts == command.parts
    assert back.positions == command.positions
    assert back.velocities == command.velocities
    assert back.grippers == command.grippers
    assert back.base_twist == pytest.approx(command.base_twist)
    assert (back.stamp_ns, back.source_seq, back.source_epoch) == (STAMP, 4, 2)
    assert back.tools["left"].distance(command.tools["left"]) == pytest.approx((0, 0), abs=1e-7)


def test_a_command_that_names_a_joint_twice_is_refused(contract):
    command = RobotCommand(STAMP, 0, 0, frozenset(), {}, {}, {}, {}, np.zeros(3))
    message = command_message(command, contract)
    message.joint_names = ["a", "a"]
    message.joint_positions = message.joint_velocities = [0.0, 0.0]
    with pytest.raises(MessageError, match="twice"):
        command_from(message)


def test_an_observation_survives_its_message(contract):
    names = contract.joint_names
    pixels = np.random.default_rng(2).integers(0, 255, (8, 6, 3), dtype=np.uint8)
    state = np.linspace(-1, 1, action_space.ACTION_DIM)
    observation = Observation(
        stamp_ns=STAMP,
        seq=9,
        cameras=tuple(
            CameraFrame(name, camera.label, STAMP, 0.04, pixels, image_message(pixels, STAMP, "f"))
            for name, camera in contract.cameras.items()
        ),
        skew_s=0.01,
        joints=JointSample(STAMP - 5_000_000, names, np.arange(len(names)), np.ones(len(names))),
        joint_age_s=0.005,
        tools={"left": some_pose(0), "right": some_pose(1)},
        base_twist=np.array([0.1, 0.0, -0.2]),
        state=state,
        schema=contract.schema_hash,
    )
    back = observation_from(observation_message(observation, contract), contract)
    assert (back.stamp_ns, back.seq, back.schema) == (STAMP, 9, contract.schema_hash)
    assert back.joints.stamp_ns == STAMP - 5_000_000
    assert back.joints.position_of() == observation.joints.position_of()
    np.testing.assert_array_equal(back.state, state)
    np.testing.assert_array_equal(back.cameras[2].pixels, pixels)
    assert back.cameras[2].label == observation.cameras[2].label


def test_an_observation_of_another_contract_is_refused(contract):
    from wall_oss_ros.msg import Observation as ObservationMessage

    with pytest.raises(MessageError, match="same contract"):
        observation_from(ObservationMessage(schema="other"), contract)


def test_a_quaternion_that_is_no_rotation_is_refused():
    message = pose_message(some_pose(0))
    message.orientation.w += 0.5
    with pytest.raises(MessageError, match="length 1"):
        pose_from(message)


def test_a_task_state_survives_its_message():
    state = TaskState(
        stamp_ns=STAMP,
        task="pick_cube",
        instruction="pick up the red cube",
        seed=4,
        episode=2,
        objects={"red_cube": TaskObject("red_cube", some_pose(3), frozenset({"table"}))},
        progress=50.0,
        success=False,
        milestones=("approached",),
        elapsed_s=1.5,
    )
    back = task_from(task_message(state, "base_footprint", 1.0))
    assert back.objects["red_cube"].touching == {"table"}
    assert back.objects["red_cube"].pose.distance(state.objects["red_cube"].pose) == pytest.approx(
        (0, 0), abs=1e-7
    )
    assert (back.task, back.progress, back.milestones) == ("pick_cube", 50.0, ("approached",))


def test_the_bits_of_parts_are_those_of_the_message() -> None:
    for part, bit in PART_BITS.items():
        assert getattr(RobotCommandMessage, f"PART_{part.upper()}") == bit
