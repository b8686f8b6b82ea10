"""Pins: the expert solves every task in the closed loop, and refuses what it cannot follow."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import StageTimes, chunk_from_output
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import PolicyError
from wall_oss_ros.core.observation import Observation, state_vector
from wall_oss_ros.core.policy import Policy
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.kinematics import MinkKinematics
from wall_oss_ros.policies.instructions import Request, parse
from wall_oss_ros.policies.leader import LeaderArm, Motion, Pace, advance
from wall_oss_ros.policies.registry import make_policy
from wall_oss_ros.policies.scripted import ScriptedPolicy
from wall_oss_ros.sim.lockstep import Lockstep
from wall_oss_ros.sim.robot import SimRobot

PICK = "pick up the red cube"
PACE = Pace(speed=0.3, acceleration=1.0, turn_speed=1.0, turn_acceleration=3.0)


@pytest.fixture
def loop(contract: RobotContract, robot: SimRobot) -> Lockstep:
    blank = dict.fromkeys(contract.cameras, np.zeros((4, 4, 3), np.uint8))
    return Lockstep(contract, robot, ScriptedPolicy(contract), render=lambda snapshot: blank)


def observe(loop: Lockstep) -> Observation:
    """Return what is seen now, without pictures: this policy looks at none."""
    robot = loop.robot
    contract, joints = robot.contract, robot.joint_sample()
    tools = MinkKinematics(contract).tool_poses(joints.position_of())
    state = state_vector(contract, joints.position_of(), tools, robot.odometry()[1])
    return Observation(
        joints.stamp_ns, 0, (), 0.0, joints, 0.0, tools, state[20:23], state, contract.schema_hash
    )


def infer(loop: Lockstep, instruction: str):
    """Return the chunk of what is seen now."""
    observation = observe(loop)
    return chunk_from_output(
        loop.policy.infer(observation, instruction),
        observation,
        loop.robot.contract,
        seq=0,
        epoch=0,
        instruction=instruction,
        policy=loop.policy.name,
        stages=StageTimes(),
    )


def fed(loop: Lockstep) -> ScriptedPolicy:
    loop.policy.observe_task(loop.robot.task_state())
    return loop.policy


@pytest.mark.parametrize("task", ["pick_cube", "sort_cubes", "hand_over"])
@pytest.mark.parametrize("seed", [11, 12])
def test_every_task_is_solved_with_latency(loop: Lockstep, task: str, seed: int) -> None:
    loop.robot.reset(task=task, seed=seed)
    state = loop.run(loop.robot.task_state().instruction, limit_s=25.0)
    assert state.progress == 100.0 and state.success, state.milestones


@pytest.mark.parametrize("latency_ns", [0, 200_000_000])
def test_latency_does_not_matter(loop: Lockstep, latency_ns: int) -> None:
    loop.latency_ns = latency_ns
    assert loop.run(PICK, limit_s=10.0).success


def test_the_same_seed_gives_the_same_episode(loop: Lockstep) -> None:
    runs = []
    for _ in range(2):
        loop.robot.reset(task="pick_cube", seed=5)
        loop.run(loop.robot.task_state().instruction, limit_s=3.0)
        runs.append(loop.robot.snapshot().qpos)
    assert np.array_equal(runs[0], runs[1])


def test_a_cube_that_is_moved_away_is_still_picked(loop: Lockstep) -> None:
    """The grasp fails, the expert notices and tries again where the cube is now."""
    loop.run(PICK, limit_s=1.6)
    cube = loop.robot._data.joint("red_cube")
    cube.qpos[1] -= np.sign(cube.qpos[1]) * 0.06
    assert loop.run(PICK, limit_s=12.0).success


def test_a_cube_that_lies_on_the_floor_is_told_every_time_it_is_asked_for(loop: Lockstep) -> None:
    state, expert, seen = loop.robot.task_state(), loop.policy, observe(loop)
    fallen = dataclasses.replace(
        state.objects["red_cube"], pose=Pose(np.array([0.3, 0.2, 0.03]), np.eye(3))
    )
    expert.observe_task(dataclasses.replace(state, objects={**state.objects, "red_cube": fallen}))
    for _ in range(3):
        with pytest.raises(PolicyError, match="red_cube fell off the table"):
            expert.infer(seen, PICK)


def test_rows_compose_to_the_same_reference_from_any_anchor(loop: Lockstep) -> None:
    """Two chunks 100 ms apart agree on where the tool is at the same time."""
    policy = fed(loop)
    first = infer(loop, PICK)
    for _ in range(20):
        loop.robot.step()  # the arm has not moved: it lags the reference
    policy.observe_task(loop.robot.task_state())
    second = infer(loop, PICK)
    columns = action_space.POSITION["left"]
    late = slice(2, 12)  # 100 ms are two rows
    early = slice(0, 10)
    assert second.actions[early, columns] == pytest.approx(first.actions[late, columns], abs=2e-4)


def test_unused_parts_are_commanded_to_stay(loop: Lockstep) -> None:
    fed(loop)
    chunk = infer(loop, PICK)
    assert chunk.mask.all() and chunk.horizon == 32
    assert np.all(chunk.actions[:, action_space.BASE] == 0.0)
    assert np.all(chunk.actions[:, action_space.LIFT] == chunk.anchor[action_space.LIFT])
    red = loop.robot.task_state().objects["red_cube"].pose.position
    idle = "right" if red[1] > 0 else "left"
    columns = action_space.POSITION[idle]
    assert np.ptp(chunk.actions[:, columns], axis=0) == pytest.approx(np.zeros(3), abs=1e-12)


def test_an_arm_held_back_is_led_from_where_it_is(loop: Lockstep) -> None:
    policy = fed(loop)
    infer(loop, PICK)
    for _ in range(200):
        loop.robot.step()
    policy.observe_task(loop.robot.task_state())
    chunk = infer(loop, PICK)
    for side in action_space.SIDES:
        step = chunk.actions[0] - chunk.anchor
        assert np.abs(step[action_space.POSITION[side]]).max() < 0.01


def test_an_unsolvable_instruction_lists_what_it_understands(loop: Lockstep) -> None:
    fed(loop)
    for text in ("make me a coffee", "pick up the cube", "pick up the red and blue cube", ""):
        with pytest.raises(PolicyError, match="pick up the <colour> cube"):
            infer(loop, text)
    with pytest.raises(PolicyError, match="'yellow_cube'.*'red_cube'"):
        infer(loop, "pick up the yellow cube")


def test_ground_truth_must_be_of_the_same_moment(loop: Lockstep, contract: RobotContract) -> None:
    with pytest.raises(PolicyError, match="no task state"):
        ScriptedPolicy(contract).infer(observe(loop), PICK)
    fed(loop)
    for _ in range(120):
        loop.robot.step()
    with pytest.raises(PolicyError, match="0.60 s older"):
        loop.policy.infer(observe(loop), PICK)


def test_arm_poses_must_be_in_the_base_frame(contract: RobotContract) -> None:
    arm = dataclasses.replace(contract.arms["left"], frame="torso_lift_link")
    other = dataclasses.replace(contract, arms={**contract.arms, "left": arm})
    ScriptedPolicy(contract).load()
    with pytest.raises(PolicyError, match="torso_lift_link"):
        ScriptedPolicy(other).load()


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("Pick up the RED cube.", Request("pick", ("red",))),
        ("lift the blue cube", Request("pick", ("blue",))),
        (
            "put the red cube and the blue cube into the tray",
            Request("place", ("red", "blue")),
        ),
        (
            "hand the red cube from the left gripper to the right gripper",
            Request("hand_over", ("red",), "left"),
        ),
        (
            "pass the green cube to the left gripper from the right gripper",
            Request("hand_over", ("green",), "right"),
        ),
    ],
)
def test_instructions_in_other_words(text: str, request_: Request) -> None:
    assert parse(text) == request_


def test_a_leader_is_bounded_smooth_and_arrives() -> None:
    start, goal = Pose(np.zeros(3), np.eye(3)), Pose(np.array([0.3, -0.2, 0.1]), np.eye(3))
    motion, dt = Motion(start, np.zeros(3), np.zeros(3)), 0.0125
    speeds = [np.zeros(3)]
    for _ in range(400):
        motion = advance(motion, goal, PACE, dt)
        speeds.append(motion.velocity)
    assert motion.pose.distance(goal)[0] == 0.0
    assert np.linalg.norm(speeds, axis=1).max() <= PACE.speed + 1e-9
    changes = np.linalg.norm(np.diff(speeds, axis=0), axis=1) / dt
    assert changes.max() <= PACE.acceleration + 1e-6


def test_a_leader_keeps_its_speed_when_the_goal_changes() -> None:
    leader = LeaderArm(Pose(np.zeros(3), np.eye(3)), 0)
    leader.plan(0, Pose(np.array([1.0, 0, 0]), np.eye(3)), PACE, 12_500_000, 128)
    before = leader.at(800_000_000)
    leader.plan(800_000_000, Pose(np.array([0, 1.0, 0]), np.eye(3)), PACE, 12_500_000, 128)
    after = leader.at(812_500_000)
    assert (
        np.linalg.norm(after.velocity - before.velocity) <= PACE.acceleration * 0.0251
    )  # two steps
    assert after.pose.distance(before.pose)[0] < 0.3 * 0.0126


def test_the_registry_names_its_back_ends(contract: RobotContract) -> None:
    policy: Policy = make_policy("scripted", contract)
    assert policy.name == "scripted"
    with pytest.raises(PolicyError, match="unknown policy 'oracle'; valid: .*'scripted'"):
        make_policy("oracle", contract)


def test_a_hand_over_from_the_wrong_side_is_refused(loop: Lockstep) -> None:
    loop.robot.reset(task="hand_over", seed=0)
    fed(loop)
    with pytest.raises(PolicyError, match="out of reach of the right gripper"):
        infer(loop, "hand the red cube from the right gripper to the left gripper")


def test_a_hand_over_goes_the_other_way_too(loop: Lockstep) -> None:
    for seed in range(10):
        loop.robot.reset(task="pick_cube", seed=seed)
        if loop.robot.task_state().objects["blue_cube"].pose.position[1] < 0:
            break
    state = loop.run("hand the blue cube from the right gripper to the left gripper", limit_s=15.0)
    touching = state.objects["blue_cube"].touching
    assert "left_grasp" in touching and "right_gripper" not in touching
