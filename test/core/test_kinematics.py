"""Pins: inverse kinematics reaches its targets, never exceeds a limit, and never fails numerically.

Avoidance is in test_kinematics_avoidance.py, what one joint may do in test_kinematics_joint_box.py.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("mink", reason="inverse kinematics needs the 'sim' extra")
pytest.importorskip("daqp", reason="inverse kinematics needs the 'sim' extra")

from wall_oss_ros.core.contract import RobotContract, load_contract
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.rotation import matrix_from_rotation_vector
from wall_oss_ros.kinematics import MinkKinematics
from wall_oss_ros.kinematics.step_solver import PLANNED_ACCELERATION

CONTRACT = Path(__file__).parents[2] / "config" / "robots" / "tiago_pro_sim.yaml"
DT = 0.01  # s


@pytest.fixture(scope="module")
def contract() -> RobotContract:
    return load_contract(CONTRACT)


@pytest.fixture(scope="module")
def solver(contract: RobotContract) -> MinkKinematics:
    return MinkKinematics(contract)


@pytest.fixture(scope="module")
def without_avoidance(contract: RobotContract) -> MinkKinematics:
    return MinkKinematics(dataclasses.replace(contract, clearance=None))


@pytest.fixture
def kinematics(solver: MinkKinematics, contract: RobotContract) -> MinkKinematics:
    solver.seed(contract.home)
    return solver


def moved(pose: Pose, offset: list[float], turn: list[float]) -> Pose:
    return Pose(pose.position + offset, matrix_from_rotation_vector(turn) @ pose.rotation)


@pytest.mark.parametrize("seed", range(5))
def test_forward_of_inverse_is_the_target(
    kinematics: MinkKinematics, contract: RobotContract, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    targets = {
        side: moved(pose, rng.uniform(-0.1, 0.1, 3).tolist(), rng.uniform(-0.3, 0.3, 3).tolist())
        for side, pose in kinematics.tool_poses(contract.home).items()
    }
    for _ in range(200):
        step = kinematics.step(targets, {}, DT)
    reached = kinematics.tool_poses(step.positions)
    for side, target in targets.items():
        distance, angle = reached[side].distance(target)
        assert distance < 1e-3 and angle < 5e-3
        assert reached[side].distance(step.tools[side])[0] < 1e-9
    assert step.position_error < 1e-3


def wild_target(pose: Pose, rng: np.random.Generator) -> Pose:
    """Often out of reach, often through the other arm or the body."""
    return moved(pose, rng.uniform(-1, 1, 3).tolist(), rng.uniform(-2, 2, 3).tolist())


@given(seed=st.integers(0, 2**32 - 1), period=st.integers(1, 60))
def test_no_limit_is_ever_exceeded(
    without_avoidance: MinkKinematics, contract: RobotContract, seed: int, period: int
) -> None:
    """Position, velocity and acceleration, whatever the targets; from rest, at a steady rate."""
    rng = np.random.default_rng(seed)
    kinematics, joints = without_avoidance, contract.limited_joints
    home = kinematics.tool_poses(contract.home)
    before = {name: float(rng.uniform(*joint.position)) for name, joint in joints.items()}
    speed = dict.fromkeys(joints, 0.0)
    kinematics.seed(before)
    for tick in range(80):
        if tick % period == 0:
            targets = {side: wild_target(pose, rng) for side, pose in home.items()}
            if rng.random() < 0.2:
                del targets["left"]
            direct = {
                "torso_lift_joint": float(rng.uniform(-1, 1)),
                "head_1_joint": float(rng.uniform(-3, 3)),
            }
        step = kinematics.step(targets, direct, DT)
        for name, joint in joints.items():
            position, velocity = step.positions[name], step.velocities[name]
            assert joint.position[0] - 1e-12 <= position <= joint.position[1] + 1e-12
            assert abs(velocity) <= joint.velocity * (1 + 1e-9)
            assert abs(velocity - speed[name]) <= joint.acceleration * DT * (1 + 1e-6)
            assert position == pytest.approx(before[name] + velocity * DT, abs=1e-9)
        before, speed = dict(step.positions), dict(step.velocities)


@given(seed=st.integers(0, 2**32 - 1))
def test_position_and_velocity_limits_hold_at_any_rate(
    solver: MinkKinematics, contract: RobotContract, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    home = solver.tool_poses(contract.home)
    solver.seed(contract.home)
    for _ in range(60):
        targets = {side: wild_target(pose, rng) for side, pose in home.items()}
        dt = float(rng.choice([1e-4, 0.002, 0.005, 0.01, 0.05, 0.2]))
        step = solver.step(targets, {}, dt)
        for name, joint in contract.limited_joints.items():
            assert joint.position[0] - 1e-12 <= step.positions[name] <= joint.position[1] + 1e-12
            assert abs(step.velocities[name]) <= joint.velocity * (1 + 1e-9)


def test_a_target_that_moves_smoothly_is_followed_without_lag(
    kinematics: MinkKinematics, contract: RobotContract
) -> None:
    home = kinematics.tool_poses(contract.home)
    for tick in range(200):
        way = 0.1 * np.sin(np.pi * 0.5 * tick * DT) ** 2
        targets = {side: moved(pose, [way, 0, way], [0, 0, 3 * way]) for side, pose in home.items()}
        step = kinematics.step(targets, {}, DT)
        assert step.position_error < 5e-4 and step.rotation_error < 5e-3
        assert step.limited_by == ""


def test_a_target_that_jumps_is_approached_without_swinging_past_it(
    kinematics: MinkKinematics, contract: RobotContract
) -> None:
    left = kinematics.tool_poses(contract.home)["left"]
    target = {"left": moved(left, [0.1, 0.05, 0.1], [0.2, 0, 0.2])}
    errors = [kinematics.step(target, {}, DT).position_error for _ in range(150)]
    reached = next(tick for tick, error in enumerate(errors) if error < 2e-3)
    assert max(errors[reached:]) < 3e-3


@pytest.mark.parametrize("offset", [[5, 0, 0], [0.5, 0, 0], [0, 0, 1], [0, 0.6, -0.2]])
def test_an_unreachable_target_is_approached_and_the_arm_comes_to_rest(
    kinematics: MinkKinematics, contract: RobotContract, offset: list[float]
) -> None:
    left = kinematics.tool_poses(contract.home)["left"]
    target = {"left": Pose(left.position + offset, left.rotation)}
    steps = [kinematics.step(target, {}, DT) for _ in range(500)]
    errors = [step.position_error for step in steps]
    assert np.all(np.isfinite(errors))
    assert errors[-1] < errors[0]
    assert errors[-1] < min(errors) + 4e-3
    assert max(abs(velocity) for velocity in steps[-1].velocities.values()) < 0.1
    assert "arm_left" in steps[-1].limited_by or "singularity of the left" in steps[-1].limited_by


def test_a_joint_at_its_limit_is_named(kinematics: MinkKinematics, contract: RobotContract) -> None:
    left = kinematics.tool_poses(contract.home)["left"]
    target = {"left": Pose(left.position + [0.0, 0.6, -0.2], left.rotation)}
    for _ in range(300):
        step = kinematics.step(target, {}, DT)
    named = re.fullmatch(r"joint '(\w+)' at its limit (\S+) rad", step.limited_by)
    assert named is not None, step.limited_by
    assert step.positions[named[1]] == pytest.approx(float(named[2]), abs=6e-3)


def test_a_stretched_arm_is_near_a_singularity(
    kinematics: MinkKinematics, contract: RobotContract
) -> None:
    left = kinematics.tool_poses(contract.home)["left"]
    target = {"left": Pose(left.position + [0.5, 0.0, 0.0], left.rotation)}
    reasons = {kinematics.step(target, {}, DT).limited_by for _ in range(300)}
    assert "near a singularity of the left arm" in reasons


def test_a_target_that_is_too_fast_is_blamed_on_a_joint_of_that_arm(
    kinematics: MinkKinematics, contract: RobotContract
) -> None:
    home = kinematics.tool_poses(contract.home)
    reasons = set()
    for tick in range(12):
        fast = {**home, "left": moved(home["left"], [0.02 * tick, 0, 0.03 * tick], [0, 0, 0])}
        reasons.add(kinematics.step(fast, {}, DT).limited_by)
    assert any(
        re.match(r"joint 'arm_left_\d_joint' at its (speed|acceleration) limit", reason)
        for reason in reasons
    )


def test_a_seed_outside_its_limits_comes_back(
    kinematics: MinkKinematics, contract: RobotContract
) -> None:
    name = "arm_left_4_joint"
    joint = contract.limited_joints[name]
    outside = joint.position[0] - 0.05
    kinematics.seed({**contract.home, name: outside})
    targets = kinematics.tool_poses(contract.home)
    first = kinematics.step(targets, {}, DT)
    assert first.positions[name] == pytest.approx(
        outside + PLANNED_ACCELERATION * joint.acceleration * DT**2
    )
    before, speed = first.positions[name], first.velocities[name]
    for _ in range(300):
        last = kinematics.step(targets, {}, DT)
        if before < joint.position[0]:  # it comes back, ever nearer, within its acceleration
            assert last.positions[name] > before
            assert abs(last.velocities[name] - speed) <= joint.acceleration * DT * (1 + 1e-9)
        before, speed = last.positions[name], last.velocities[name]
    assert joint.position[0] <= last.positions[name]
    assert last.position_error < 1e-3


def test_mirrored_targets_give_mirrored_arms(
    kinematics: MinkKinematics, contract: RobotContract
) -> None:
    mirror = np.diag([1.0, -1.0, 1.0])
    left = moved(kinematics.tool_poses(contract.home)["left"], [0.03, 0.05, 0.04], [0.1, 0.2, 0.1])
    right = Pose(mirror @ left.position, mirror @ left.rotation @ mirror)
    for _ in range(300):
        step = kinematics.step({"left": left, "right": right}, {}, DT)
    for i in range(1, 8):
        sign = -1.0 if i in (1, 3, 5, 7) else 1.0
        # The two shoulders differ by some 0.1 mrad in the URDF.
        assert step.positions[f"arm_right_{i}_joint"] == pytest.approx(
            sign * step.positions[f"arm_left_{i}_joint"], abs=5e-2
        )


def test_an_arm_without_target_keeps_still(
    kinematics: MinkKinematics, contract: RobotContract
) -> None:
    left = moved(kinematics.tool_poses(contract.home)["left"], [0.05, 0, 0.05], [0, 0, 0])
    for _ in range(50):
        step = kinematics.step({"left": left}, {}, DT)
    assert all(
        step.positions[name] == contract.home[name] for name in contract.arms["right"].joints
    )
    assert step.position_error < 1e-3


def test_arms_whose_tools_are_held_stand_however_far_their_elbows_are_from_home(
    kinematics: MinkKinematics, contract: RobotContract
) -> None:
    posture = {
        name: home + (0.3 if name.startswith("arm_") else 0.0)
        for name, home in contract.home.items()
    }
    kinematics.seed(posture)
    targets = kinematics.tool_poses(posture)
    for _ in range(100):
        step = kinematics.step(targets, {}, DT)
    for side in ("left", "right"):
        for name in contract.arms[side].joints:
            assert step.positions[name] == pytest.approx(posture[name], abs=1e-6)


def test_an_elbow_goes_home_along_with_its_tool(
    kinematics: MinkKinematics, contract: RobotContract
) -> None:
    home = kinematics.tool_poses(contract.home)["left"]
    kinematics.seed({**contract.home, "arm_left_3_joint": contract.home["arm_left_3_joint"] + 0.4})

    def away_after(radius: float, ticks: int) -> float:
        for tick in range(ticks):
            angle = 2.0 * np.pi * tick / 100
            way = [radius * np.sin(angle), 0.0, radius * (1.0 - np.cos(angle))]
            step = kinematics.step({"left": moved(home, way, [0, 0, 0])}, {}, DT)
        joints = contract.arms["left"].joints
        return max(abs(step.positions[name] - contract.home[name]) for name in joints)

    held = away_after(0.0, 200)
    moving = away_after(0.03, 200)
    assert held > 0.05
    assert moving < 0.5 * held


def test_arms_make_up_for_the_lift(kinematics: MinkKinematics, contract: RobotContract) -> None:
    targets = kinematics.tool_poses(contract.home)
    for _ in range(200):
        step = kinematics.step(targets, {"torso_lift_joint": 0.25}, DT)
        assert step.position_error < 1e-3
    assert step.positions["torso_lift_joint"] == pytest.approx(0.25)


def test_the_same_calls_give_the_same_joints(
    kinematics: MinkKinematics, contract: RobotContract
) -> None:
    left = moved(kinematics.tool_poses(contract.home)["left"], [0.1, 0.1, 0.1], [0, 0, 0.4])
    runs = []
    for _ in range(2):
        kinematics.seed(contract.home)
        steps = [kinematics.step({"left": left}, {}, DT) for _ in range(50)]
        runs.append(steps[-1].positions)
    assert runs[0] == runs[1]


def test_forward_kinematics_does_not_disturb_a_running_step(
    kinematics: MinkKinematics, contract: RobotContract
) -> None:
    kinematics.tool_poses({**contract.home, "arm_left_1_joint": 0.0})
    assert kinematics.step({}, {}, DT).positions["arm_left_1_joint"] == 2.22


@pytest.mark.parametrize(
    ("targets", "direct", "dt", "words"),
    [
        ({"middle": Pose(np.zeros(3), np.eye(3))}, {}, DT, "arms are"),
        ({"left": Pose(np.full(3, np.nan), np.eye(3))}, {}, DT, "not finite"),
        ({}, {"elbow": 0.0}, DT, "elbow"),
        ({}, {"head_1_joint": float("inf")}, DT, "head_1_joint"),
        ({"left": Pose(np.zeros(3), np.eye(3))}, {"arm_left_1_joint": 0.0}, DT, "its arm's target"),
        ({"left": Pose(np.full(3, 1e9), np.eye(3))}, {}, DT, "within 1000 m"),
        ({}, {}, 0.0, "dt 0.0 s"),
        ({}, {}, float("nan"), "dt nan s"),
    ],
)
def test_wrong_input_is_refused_and_nothing_moves(
    kinematics: MinkKinematics,
    contract: RobotContract,
    targets: dict[str, Pose],
    direct: dict[str, float],
    dt: float,
    words: str,
) -> None:
    with pytest.raises(ValueError, match=words):
        kinematics.step(targets, direct, dt)
    assert kinematics.step({}, {}, DT).positions["arm_left_1_joint"] == 2.22


def test_a_joint_that_was_not_measured_is_named(kinematics: MinkKinematics) -> None:
    with pytest.raises(ValueError, match="arm_left_1_joint"):
        kinematics.seed({"head_1_joint": 0.0})
