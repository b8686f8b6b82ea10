"""Pins: the exercise moves every part, gently, the way it says, and its chunks agree."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from wall_oss_ros.core import action_space
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import PolicyError
from wall_oss_ros.core.observation import JointSample, Observation, state_vector
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.relative import absolute_actions
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.policies.exercise import ExercisePolicy, ExerciseSettings
from wall_oss_ros.policies.registry import make_policy
from wall_oss_ros.sim.lockstep import Lockstep
from wall_oss_ros.sim.robot import SimRobot

TOOLS = {
    "left": Pose(np.array([0.6, 0.3, 1.0]), np.eye(3)),
    "right": Pose(np.array([0.6, -0.3, 1.0]), np.eye(3)),
}


def seen(contract: RobotContract, stamp_s: float, tools=TOOLS) -> Observation:
    """Return an observation of the robot at home with its tools where they are said to be."""
    names = contract.joint_names
    home = np.array([contract.home[name] for name in names])
    stamp_ns = round(stamp_s * 1e9)
    joints = JointSample(stamp_ns, names, home, np.zeros(len(names)))
    state = state_vector(contract, joints.position_of(), tools, np.zeros(3))
    return Observation(
        stamp_ns, 0, (), 0.0, joints, 0.0, tools, state[20:23], state, contract.schema_hash
    )


def rows_of(policy: ExercisePolicy, observation: Observation) -> Array:
    """Return the absolute rows (H, 26) of an answer."""
    return absolute_actions(policy.infer(observation, "move").actions, observation.state)


def test_chunks_agree_wherever_they_overlap(contract: RobotContract) -> None:
    policy = ExercisePolicy(contract)
    first = rows_of(policy, seen(contract, 5.0))
    moved = {side: Pose(t.position + 0.01, t.rotation) for side, t in TOOLS.items()}
    second = rows_of(policy, seen(contract, 5.3, moved))  # six rows later
    assert second[:-6] == pytest.approx(first[6:], abs=1e-12)


def test_it_begins_where_the_robot_is_and_at_rest(contract: RobotContract) -> None:
    observation = seen(contract, 5.0)
    rows = rows_of(ExercisePolicy(contract), observation)
    arms = [c for s in action_space.SIDES for c in action_space.part_columns(f"{s}_arm")]
    assert np.abs(rows[0] - observation.state)[arms].max() < 1e-3


def test_after_a_reset_or_when_it_was_moved_away_it_begins_anew(contract: RobotContract) -> None:
    policy = ExercisePolicy(contract)
    rows_of(policy, seen(contract, 5.0))
    away = {side: Pose(t.position + 0.1, t.rotation) for side, t in TOOLS.items()}
    begun = rows_of(policy, seen(contract, 9.0, away))  # 17 cm off
    for side in action_space.SIDES:
        columns = action_space.POSITION[side]
        assert begun[0, columns] == pytest.approx(away[side].position, abs=1e-3)
    policy.reset()
    begun = rows_of(policy, seen(contract, 10.0))
    columns = action_space.POSITION["left"]
    assert begun[0, columns] == pytest.approx(TOOLS["left"].position, abs=1e-3)


def test_every_part_moves_the_way_it_says_first(contract: RobotContract) -> None:
    observation = seen(contract, 0.0)
    policy = ExercisePolicy(contract, settings=ExerciseSettings(period_s=6.0))
    change = rows_of(policy, observation)[20] - observation.state  # after a sixth of a circle
    for side in action_space.SIDES:
        forward, left, up = change[action_space.POSITION[side]]
        assert left > 0.0 and up > 0.0 and forward == pytest.approx(0.0, abs=1e-12)
        assert change[action_space.GRIPPER[side]] < 0.0  # at home they are open; 1 is open
    forward, sideways, turn = change[action_space.BASE]
    assert forward > 0.0 and sideways == 0.0 and turn > 0.0
    assert change[action_space.LIFT] > 0.0
    assert np.all(change[action_space.HEAD] > 0.0)


@pytest.mark.parametrize("part", action_space.PARTS)
def test_one_part_can_move_alone(contract: RobotContract, part: str) -> None:
    policy = ExercisePolicy(contract, settings=ExerciseSettings(part=part))
    rows = rows_of(policy, seen(contract, 0.0))
    varied = {
        each
        for each in action_space.PARTS
        if np.ptp(rows[:, action_space.part_columns(each)], axis=0).max() > 1e-9
    }
    assert varied == {part}


@given(amplitude=st.floats(0.0, 3.0), period_s=st.floats(1.0, 60.0), stamp_s=st.floats(0.0, 100.0))
@examples(max_examples=60, deadline=None)
def test_no_row_is_faster_than_half_of_a_limit_or_outside_a_range(
    contract: RobotContract, amplitude: float, period_s: float, stamp_s: float
) -> None:
    policy = ExercisePolicy(
        contract, settings=ExerciseSettings(amplitude=amplitude, period_s=period_s)
    )
    rows_of(policy, seen(contract, 0.0))
    rows = rows_of(policy, seen(contract, stamp_s + period_s))  # past the slow beginning
    dt = contract.action.dt
    for side, arm in contract.arms.items():
        places = rows[:, action_space.POSITION[side]]
        speeds = np.linalg.norm(np.diff(places, axis=0), axis=1) / dt
        assert speeds.max() <= 0.51 * arm.speed.linear
        assert np.all(places >= arm.workspace.min) and np.all(places <= arm.workspace.max)
        opening = rows[:, action_space.GRIPPER[side]]
        assert opening.min() >= -1e-9 and opening.max() <= 1.0 + 1e-9
    joints = [*contract.lift.joints.values(), *contract.head.joints.values()]
    for joint, column in zip(joints, (23, 24, 25), strict=True):
        values = rows[:, column]
        assert joint.position[0] - 1e-9 <= values.min() <= values.max() <= joint.position[1] + 1e-9
        assert np.abs(np.diff(values)).max() / dt <= 0.51 * joint.velocity
    base = contract.base
    assert np.abs(rows[:, 20]).max() <= 0.51 * base.linear_velocity
    assert np.abs(rows[:, 22]).max() <= 0.51 * base.angular_velocity


def test_in_the_closed_loop_every_part_moves_and_nothing_stops_it(robot: SimRobot) -> None:
    contract = robot.contract
    blank = dict.fromkeys(contract.cameras, np.zeros((4, 4, 3), np.uint8))
    loop = Lockstep(contract, robot, ExercisePolicy(contract), render=lambda snapshot: blank)
    loop.session.instruct("exercise")
    places = []
    for _ in range(1600):  # 8 s: two circles
        loop.step()
        places.append([*robot.joint_sample().positions, *robot.odometry()[0]])
    assert loop.supervisor.motion_enabled, loop.supervisor.latched_causes
    ranges = dict(
        zip([*contract.joint_names, "x", "y", "yaw"], np.ptp(places, axis=0), strict=True)
    )
    for part, joints in contract.part_joints.items():
        assert max(ranges[joint] for joint in joints) > 0.01, part
    assert ranges["x"] > 0.01 and ranges["yaw"] > 0.02
    assert ranges["x"] < 0.1  # it comes back


def test_a_part_that_the_robot_has_not_is_refused(contract: RobotContract) -> None:
    without = dataclasses.replace(contract, lift=None)
    assert make_policy("exercise", without).name == "exercise"
    with pytest.raises(PolicyError, match="has no 'lift'"):
        make_policy("exercise", without, settings=ExerciseSettings(part="lift"))
    with pytest.raises(PolicyError, match="loads no checkpoint"):
        make_policy("exercise", contract, "somewhere")
