"""Pins: the same seed gives the same world; the robot tracks, times out and reports truthfully."""

from __future__ import annotations

import numpy as np
import pytest

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import SimulationError
from wall_oss_ros.sim.controllers import TrajectoryPoint
from wall_oss_ros.sim.layout import draw_layout
from wall_oss_ros.sim.robot import SimRobot

CUBES = ("red_cube", "blue_cube", "green_cube")


def places(robot: SimRobot) -> np.ndarray:
    objects = robot.task_state().objects
    return np.array([objects[name].pose.position for name in (*CUBES, "tray")])


def drive(robot: SimRobot, seconds: float, **parts: list[float]) -> None:
    """Stream constant positions to parts at 100 Hz."""
    for tick in range(round(seconds / robot.dt_s)):
        if tick % 2 == 0:
            for part, positions in parts.items():
                names = robot.contract.part_joints[part]
                point = TrajectoryPoint(positions, None, 0.02)
                assert robot.command_joints(part, names, [point]) is None
        robot.step()


def test_the_same_seed_gives_the_same_motion(robot: SimRobot) -> None:
    runs = []
    for _ in range(2):
        robot.reset(task="pick_cube", seed=3)
        robot.command_base(0.2, 0.1, 0.3)
        drive(robot, 0.4, left_gripper=[0.4], head=[0.3, -0.2])
        runs.append(robot.snapshot())
    assert np.array_equal(runs[0].qpos, runs[1].qpos)
    assert runs[1].stamp_ns - runs[0].stamp_ns == 400_000_000  # time goes on over a reset


def test_another_seed_gives_another_scene(robot: SimRobot) -> None:
    robot.reset(seed=1)
    first, episode = places(robot), robot.task_state().episode
    robot.reset()
    assert robot.task_state().seed == 2 and robot.task_state().episode == episode + 1
    assert np.abs(places(robot) - first).max() > 0.01


def test_the_colour_is_drawn_from_the_seed_or_fixed(contract: RobotContract) -> None:
    robot = SimRobot(contract, task="pick_cube", seed=0)
    asked = set()
    for seed in range(20):
        robot.reset(seed=seed)
        asked.add(robot.task_state().instruction)
    assert len(asked) == 3
    robot.reset(seed=1, colour="red")
    assert robot.task_state().instruction == "pick up the red cube"
    robot.reset()
    assert robot.task_state().instruction == "pick up the red cube"  # stays within the task


@pytest.mark.parametrize("seed", range(20))
def test_objects_stand_apart_and_on_their_sides(seed: int) -> None:
    layout = draw_layout(np.random.default_rng(seed), CUBES, {"red_cube": "left"})
    spots = [(spot.x, spot.y) for spot in layout.cubes.values()]
    gaps = [np.hypot(a[0] - b[0], a[1] - b[1]) for a in spots for b in spots if a is not b]
    assert min(gaps) > 0.11
    assert layout.cubes["red_cube"].y > 0.2
    assert all(abs(spot[1]) > 0.2 for spot in spots)


def test_an_episode_starts_at_home_and_at_rest(robot: SimRobot, contract: RobotContract) -> None:
    sample = robot.joint_sample()
    assert sample.names == contract.joint_names
    assert sample.stamp_ns == robot.time_ns
    for name, position in sample.position_of().items():
        assert position == pytest.approx(contract.home[name], abs=2e-3)
    assert np.all(sample.velocities == 0.0)
    state = robot.task_state()
    assert state.progress == 0.0 and state.elapsed_s == 0.0
    assert all(state.objects[name].touching == {"table"} for name in CUBES)


def test_unattended_nothing_moves(robot: SimRobot) -> None:
    before, joints = places(robot), robot.joint_sample().positions
    for _ in range(200):
        robot.step()
    assert places(robot) == pytest.approx(before, abs=1e-3)
    assert robot.joint_sample().positions == pytest.approx(joints, abs=1e-3)


def test_servos_track_a_moving_setpoint(robot: SimRobot) -> None:
    names = robot.contract.part_joints["left_arm"]
    home = np.array([robot.contract.home[name] for name in names])
    worst = 0.0
    for tick in range(400):

        def at(time_s: float) -> np.ndarray:
            return home + 0.2 * np.sin(2 * time_s) ** 2

        now_s = tick * robot.dt_s
        if tick % 2 == 0:
            robot.command_joints("left_arm", names, [TrajectoryPoint(at(now_s + 0.02), None, 0.02)])
        robot.step()
        measured = robot.joint_sample().position_of()
        error = np.array([measured[name] for name in names]) - at(now_s + robot.dt_s)
        worst = max(worst, float(np.abs(error).max()))
    assert worst < 0.01  # rad, at up to 0.4 rad/s


def test_a_dead_commander_stops_base_and_arms(robot: SimRobot) -> None:
    names = robot.contract.part_joints["head"]
    robot.command_base(0.3, 0.0, 0.0)
    robot.command_joints("head", names, [TrajectoryPoint([1.2, -0.2], None, 4.0)])
    for _ in range(300):
        robot.step()
    assert robot.odometry()[1] == pytest.approx([0.0, 0.0, 0.0], abs=5e-3)
    held = robot.joint_sample().position_of()["head_1_joint"]
    assert 0.1 < held < 0.25  # half a second of the four
    for _ in range(100):
        robot.step()
    assert robot.joint_sample().position_of()["head_1_joint"] == pytest.approx(held, abs=2e-3)


def test_odometry_is_in_the_base_frame(robot: SimRobot) -> None:
    for _ in range(600):
        robot.command_base(0.0, 0.2, 0.4)
        robot.step()
    pose, twist = robot.odometry()
    assert twist == pytest.approx([0.0, 0.2, 0.4], abs=0.02)
    assert pose[2] == pytest.approx(0.4 * 3.0 - 0.5 * 0.4**2 / 2.0, abs=0.05)


def test_object_poses_are_in_the_base_frame(robot: SimRobot) -> None:
    before = places(robot)
    for _ in range(400):
        robot.command_base(-0.2, 0.0, 0.0)
        robot.step()
    pose, _ = robot.odometry()
    assert places(robot)[:, 0] == pytest.approx(before[:, 0] - pose[0], abs=5e-3)


def test_a_gripper_closes_and_opens(robot: SimRobot) -> None:
    drive(robot, 0.8, left_gripper=[0.8])
    assert robot.joint_sample().position_of()["gripper_left_finger_joint"] > 0.7
    drive(robot, 0.8, left_gripper=[0.0])
    assert robot.joint_sample().position_of()["gripper_left_finger_joint"] < 0.02


def test_wrong_commands_are_answered_with_a_reason(robot: SimRobot) -> None:
    point = [TrajectoryPoint([0.0], None, 0.1)]
    assert "'left_arm'" in str(robot.command_joints("tail", ["x"], point))
    assert "expected" in str(robot.command_joints("lift", ["x"], point))
    assert "finite" in str(robot.command_base(float("inf"), 0.0, 0.0))


def test_an_unknown_task_changes_nothing(robot: SimRobot) -> None:
    before = robot.task_state()
    with pytest.raises(SimulationError, match="unknown task"):
        robot.reset(task="juggle")
    assert robot.task_state() is before
