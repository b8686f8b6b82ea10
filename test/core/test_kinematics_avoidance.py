"""Pins: a step never brings the arms too near each other or the body, whatever it is asked for."""

from __future__ import annotations

import dataclasses
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

CONTRACT = Path(__file__).parents[2] / "config" / "robots" / "tiago_pro_sim.yaml"
DT = 0.01  # s
LINEARISATION_M = 1e-3

seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def contract() -> RobotContract:
    return load_contract(CONTRACT)


@pytest.fixture(scope="module")
def solver(contract: RobotContract) -> MinkKinematics:
    return MinkKinematics(contract)


@pytest.fixture(scope="module")
def blind(contract: RobotContract) -> MinkKinematics:
    """The same robot, with nothing to avoid."""
    return MinkKinematics(dataclasses.replace(contract, clearance=None))


def crossing(solver: MinkKinematics, contract: RobotContract, past: float) -> dict[str, Pose]:
    """Each tool is sent to the middle, and past it by so much [m]."""
    home = solver.tool_poses(contract.home)
    middle = (home["left"].position + home["right"].position) / 2 + [0.0, 0.0, 0.15]
    return {
        "left": Pose(middle - [0.0, past, 0.0], home["left"].rotation),
        "right": Pose(middle + [0.0, past, 0.0], home["right"].rotation),
    }


@pytest.mark.parametrize("past", [0.0, 0.1, 0.2, 0.3])
def test_arms_sent_through_each_other_stop_apart_and_say_why(
    solver: MinkKinematics, contract: RobotContract, past: float
) -> None:
    stop = contract.clearance.stop
    solver.seed(contract.home)
    targets = crossing(solver, contract, past)
    for _ in range(300):
        step = solver.step(targets, {}, DT)
        assert solver.survey(step.positions).clearance >= stop - LINEARISATION_M
    first, second = solver.survey(step.positions).nearest
    assert step.limited_by.startswith(f"'{first}' kept 0.01")
    assert step.limited_by.endswith(f" m from '{second}'")
    assert solver.survey(step.positions).clearance < contract.clearance.slow


def test_without_avoidance_they_would_meet(
    blind: MinkKinematics, solver: MinkKinematics, contract: RobotContract
) -> None:
    blind.seed(contract.home)
    targets = crossing(blind, contract, 0.1)
    for _ in range(300):
        step = blind.step(targets, {}, DT)
    assert solver.survey(step.positions).clearance < 0.0


@given(seeds)
def test_no_targets_bring_the_robot_nearer_than_stop(
    solver: MinkKinematics, contract: RobotContract, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    home = solver.tool_poses(contract.home)
    middle = (home["left"].position + home["right"].position) / 2
    solver.seed(contract.home)
    for tick in range(100):
        if tick % 25 == 0:
            targets = {
                side: Pose(
                    middle + rng.uniform([-0.6, -0.5, -0.5], [0.3, 0.5, 0.5]),
                    matrix_from_rotation_vector(rng.uniform(-2, 2, 3)) @ pose.rotation,
                )
                for side, pose in home.items()
            }
            lift = {"torso_lift_joint": float(rng.uniform(0.0, 0.35))}
        step = solver.step(targets, lift, DT)
        clearance = solver.survey(step.positions).clearance
        assert clearance >= contract.clearance.stop - LINEARISATION_M
        for name, joint in contract.limited_joints.items():
            assert joint.position[0] - 1e-12 <= step.positions[name] <= joint.position[1] + 1e-12
            assert abs(step.velocities[name]) <= joint.velocity * (1 + 1e-9)


def posture_at(
    blind: MinkKinematics, solver: MinkKinematics, contract: RobotContract, clearance: float
) -> dict[str, float]:
    """A posture on the way to a collision, at most so clear."""
    blind.seed(contract.home)
    targets = crossing(blind, contract, 0.2)
    for _ in range(300):
        step = blind.step(targets, {}, DT)
        if solver.survey(step.positions).clearance <= clearance:
            return dict(step.positions)
    raise AssertionError("the arms never came that near")


@pytest.mark.parametrize("clearance", [0.045, 0.025])
def test_from_inside_the_slow_zone_it_comes_no_nearer_than_stop(
    blind: MinkKinematics, solver: MinkKinematics, contract: RobotContract, clearance: float
) -> None:
    solver.seed(posture_at(blind, solver, contract, clearance))
    targets = crossing(solver, contract, 0.2)
    for _ in range(200):
        step = solver.step(targets, {}, DT)
        assert solver.survey(step.positions).clearance >= contract.clearance.stop - LINEARISATION_M


@pytest.mark.parametrize("clearance", [0.004, -0.02])
@pytest.mark.parametrize("asked", ["stay", "further in"])
def test_from_too_near_it_moves_out_and_never_further_in(
    blind: MinkKinematics,
    solver: MinkKinematics,
    contract: RobotContract,
    clearance: float,
    asked: str,
) -> None:
    start = posture_at(blind, solver, contract, clearance)
    solver.seed(start)
    further_in = crossing(solver, contract, 0.2)
    targets = solver.tool_poses(start) if asked == "stay" else further_in
    before = solver.survey(start).clearance
    for _ in range(300):
        now = solver.survey(solver.step(targets, {}, DT).positions).clearance
        assert now >= min(before, contract.clearance.stop) - 1e-9
        before = now
    assert now >= contract.clearance.stop - LINEARISATION_M


def test_joints_that_are_commanded_directly_stop_too(
    solver: MinkKinematics, contract: RobotContract
) -> None:
    solver.seed(contract.home)
    into_the_body = {"arm_left_1_joint": -0.5, "arm_left_2_joint": -2.4, "arm_left_4_joint": -2.4}
    for _ in range(300):
        step = solver.step({}, into_the_body, DT)
        assert solver.survey(step.positions).clearance >= contract.clearance.stop
    # They do not find a way around, they stand.
    assert solver.survey(step.positions).clearance < contract.clearance.slow
    assert not any(step.velocities.values())


def test_far_from_everything_avoidance_changes_nothing(
    blind: MinkKinematics, solver: MinkKinematics, contract: RobotContract
) -> None:
    home = solver.tool_poses(contract.home)
    targets = {
        side: Pose(pose.position + [0.1, 0.0, 0.1], pose.rotation) for side, pose in home.items()
    }
    for kinematics in (blind, solver):
        kinematics.seed(contract.home)
    for _ in range(100):
        free, avoiding = blind.step(targets, {}, DT), solver.step(targets, {}, DT)
    assert avoiding.positions == pytest.approx(free.positions, abs=1e-9)


def test_the_same_calls_give_the_same_joints(
    solver: MinkKinematics, contract: RobotContract
) -> None:
    targets = crossing(solver, contract, 0.2)
    runs = []
    for kinematics in (solver, MinkKinematics(contract)):
        kinematics.seed(contract.home)
        runs.append([kinematics.step(targets, {}, DT) for _ in range(100)][-1].positions)
    assert runs[0] == runs[1]
