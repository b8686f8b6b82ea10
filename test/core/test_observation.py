"""Pins: the model's state says where the robot is, column by column; no part is mixed up."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from sample_robot import FakeKinematics, joint_sample

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.observation import JointSample, state_vector
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.rotation import matrix_from_rotation_vector

TOOLS = {
    "left": Pose(np.array([0.1, 0.2, 0.3]), np.eye(3)),
    "right": Pose(np.array([0.4, 0.5, 0.6]), matrix_from_rotation_vector([0, 0, math.pi / 2])),
}
TWIST = np.array([0.7, 0.8, 0.9])


def test_every_column_has_its_measurement(contract: RobotContract) -> None:
    positions = {
        **contract.home,
        "gripper_left_finger_joint": 0.2,  # 0.8 closed, 0 open
        "gripper_right_finger_joint": 0.8,
        "torso_lift_joint": 0.31,
        "head_1_joint": 0.41,
        "head_2_joint": -0.51,
    }
    state = state_vector(contract, positions, TOOLS, TWIST)
    expected = [0.1, 0.2, 0.3, 1, 0, 0, 0, 1, 0, 0.75]
    expected += [0.4, 0.5, 0.6, 0, -1, 0, 1, 0, 0, 0.0]
    expected += [0.7, 0.8, 0.9, 0.31, 0.41, -0.51]
    assert state == pytest.approx(expected)


def test_the_gripper_is_given_in_the_models_numbers(contract: RobotContract) -> None:
    wide = dataclasses.replace(contract.grippers["left"], model_closed=-0.12, model_open=4.4)
    other = dataclasses.replace(contract, grippers={**contract.grippers, "left": wide})
    state = state_vector(other, contract.home, TOOLS, TWIST)
    assert (state[9], state[19]) == pytest.approx((4.4, 1.0))  # home is open


def test_parts_that_the_robot_has_not_are_zero(contract: RobotContract) -> None:
    arms_only = dataclasses.replace(contract, base=None, odometry=None, lift=None, head=None)
    state = state_vector(arms_only, contract.home, TOOLS, np.zeros(3))
    assert state[20:].tolist() == [0.0] * 6
    assert state[:3].tolist() == [0.1, 0.2, 0.3]


def test_a_state_cannot_be_written(contract: RobotContract, kinematics: FakeKinematics) -> None:
    state = state_vector(contract, contract.home, kinematics.tool_poses(contract.home), TWIST)
    with pytest.raises(ValueError, match="read-only"):
        state[0] = 1.0


def test_a_joint_sample_has_one_number_per_name_and_cannot_be_written(
    contract: RobotContract,
) -> None:
    with pytest.raises(ValueError, match="expected"):
        JointSample(0, ("a", "b"), [1.0], [0.0, 0.0])
    sample = joint_sample(contract, 0)
    assert sample.position_of() == contract.home
    with pytest.raises(ValueError, match="read-only"):
        sample.positions[0] = 1.0
