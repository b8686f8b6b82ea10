"""Pins: inverse kinematics reaches its targets, never exceeds a limit, and never fails numerically.

Not here: collision avoidance, which the solver does not do.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mink", reason="inverse kinematics needs the 'sim' extra")
pytest.importorskip("daqp", reason="inverse kinematics needs the 'sim' extra")

from wall_oss_ros.core.contract import RobotContract, load_contract
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.rotation import matrix_from_rotation_vector
from wall_oss_ros.kinematics import MinkKinematics

CONTRACT = Path(__file__).parents[2] / "config" / "robots" / "tiago_pro_sim.yaml"
DT = 0.01  # s


@pytest.fixture(scope="module")
def contract() -> RobotContract:
    return load_contract(CONTRACT)


@pytest.fixture(scope="module")
def solver(contract: RobotContract) -> MinkKinematics:
    return MinkKinematics(contract)


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


@pytest.mark.parametrize("seed", range(4))
def test_no_limit_is_ever_exceeded(
    kinematics: MinkKinematics, contract: RobotContract, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    home = kinematics.tool_poses(contract.home)
    before = {name: contract.home[name] for name in contract.limited_joints}
    for tick in range(300):
        if tick % 60 == 0:  # wild targets, many of them out of reach
            targets = {
                side: moved(pose, rng.uniform(-1, 1, 3).tolist(), rng.uniform(-2, 2, 3).tolist())
                for side, pose in home.items()
            }
            lift = {"torso_lift_joint": float(rng.uniform(-1, 1))}
        step = kinematics.step(targets, lift, DT)
        for name, joint in contract.limited_joints.items():
            position, velocity = step.positions[name], step.velocities[name]
            assert joint.position[0] <= position <= joint.position[1]
            assert abs(velocity) <= joint.velocity * (1 + 1e-9)
            assert position == pytest.approx(before[name] + velocity * DT, abs=1e-9)
        before = dict(step.positions)


def test_an_unreachable_target_stays_finite_and_is_approached(
    kinematics: MinkKinematics, contract: RobotContract
) -> None:
    left = kinematics.tool_poses(contract.home)["left"]
    target = {"left": Pose(left.position + [5.0, 0.0, 0.0], left.rotation)}
    errors = [kinematics.step(target, {}, DT).position_error for _ in range(300)]
    assert np.all(np.isfinite(errors))
    assert errors[-1] < errors[0]


def test_a_seed_outside_its_limits_comes_back(
    kinematics: MinkKinematics, contract: RobotContract
) -> None:
    name = "arm_left_4_joint"
    joint = contract.limited_joints[name]
    outside = joint.position[0] - 0.05
    kinematics.seed({**contract.home, name: outside})
    targets = kinematics.tool_poses(contract.home)
    first = kinematics.step(targets, {}, DT)
    assert first.positions[name] == pytest.approx(outside + joint.acceleration * DT**2)
    for _ in range(300):
        last = kinematics.step(targets, {}, DT)
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
        ({}, {}, 0.0, "above 0"),
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
