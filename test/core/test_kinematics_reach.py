"""Pins: rows in reach are reached, others are seen, and looking ahead disturbs nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("mink", reason="inverse kinematics needs the 'sim' extra")

from wall_oss_ros.core.contract import RobotContract, load_contract
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.kinematics import MinkKinematics

CONTRACT = Path(__file__).parents[2] / "config" / "robots" / "tiago_pro_sim.yaml"
ROWS = 32
GOOD_POSITION, GOOD_ROTATION = 5e-3, np.deg2rad(2.0)

seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def contract() -> RobotContract:
    return load_contract(CONTRACT)


@pytest.fixture(scope="module")
def kinematics(contract: RobotContract) -> MinkKinematics:
    return MinkKinematics(contract)


def reachable_rows(
    kinematics: MinkKinematics, contract: RobotContract, seed: int, swing: float
) -> list[dict[str, Pose]]:
    """What the tools do while each joint swings by up to `swing` [rad], inside its range."""
    rng = np.random.default_rng(seed)
    swings = {name: rng.uniform(-swing, swing) for name in contract.limited_joints}
    rows = []
    for row in range(1, ROWS + 1):
        part = np.sin(np.pi / 2 * row / ROWS)
        posture = {
            name: float(np.clip(joint.home + part * swings[name], *joint.position))
            for name, joint in contract.limited_joints.items()
        }
        posture["torso_lift_joint"] = contract.home["torso_lift_joint"]
        rows.append(kinematics.tool_poses(posture))
    return rows


@given(seeds)
def test_reachable_rows_are_reached_inside_the_limits(
    contract: RobotContract, kinematics: MinkKinematics, seed: int
) -> None:
    targets = reachable_rows(kinematics, contract, seed, swing=0.35)
    reached = kinematics.reach(contract.home, targets, [{}] * ROWS, ("arm_left_4_link",))
    assert len(reached) == ROWS
    for row, target in zip(reached, targets, strict=True):
        assert row.position_error < GOOD_POSITION
        assert row.rotation_error < GOOD_ROTATION
        for name, joint in contract.limited_joints.items():
            assert joint.position[0] <= row.positions[name] <= joint.position[1]
        tools = kinematics.tool_poses(row.positions)
        errors = [tools[side].distance(target[side]) for side in target]
        assert row.position_error == pytest.approx(max(error[0] for error in errors), abs=1e-9)
        assert row.rotation_error == pytest.approx(max(error[1] for error in errors), abs=1e-6)


@given(seeds)
def test_the_survey_of_a_row_is_that_of_its_positions(
    contract: RobotContract, kinematics: MinkKinematics, seed: int
) -> None:
    targets = reachable_rows(kinematics, contract, seed, swing=0.5)[::8]
    links = ("arm_left_4_link", "torso_lift_link")
    for row in kinematics.reach(contract.home, targets, [{}] * len(targets), links):
        survey = kinematics.survey(row.positions, links)
        assert row.survey.clearance == pytest.approx(survey.clearance, abs=1e-9)
        assert row.survey.nearest == survey.nearest
        for side in contract.arms:
            assert row.survey.tools[side].distance(survey.tools[side])[0] < 1e-12
        for link in links:
            assert row.survey.links[link].distance(survey.links[link])[0] < 1e-12


def test_a_row_out_of_reach_is_seen_and_the_way_back_is_reached_again(
    contract: RobotContract, kinematics: MinkKinematics
) -> None:
    home = kinematics.tool_poses(contract.home)
    way = np.concatenate([np.linspace(0.0, 1.0, 16), np.linspace(1.0, 0.0, 16)])
    targets = [
        {"left": Pose(home["left"].position + [out, 0.0, 0.0], home["left"].rotation)}
        for out in way
    ]
    reached = kinematics.reach(contract.home, targets, [{}] * ROWS)
    errors = [row.position_error for row in reached]
    assert errors[0] < GOOD_POSITION and errors[-1] < GOOD_POSITION
    assert max(errors) > 0.4
    assert np.all(np.isfinite(errors))


def test_lift_and_head_go_where_they_are_told_inside_their_range(
    contract: RobotContract, kinematics: MinkKinematics
) -> None:
    home = kinematics.tool_poses(contract.home)
    (row,) = kinematics.reach(contract.home, [home], [{"torso_lift_joint": 9.0}])
    assert row.positions["torso_lift_joint"] == 0.35
    assert row.position_error < GOOD_POSITION  # the arms make up for it


def test_an_absent_arm_keeps_its_joints(
    contract: RobotContract, kinematics: MinkKinematics
) -> None:
    targets = [{"left": row["left"]} for row in reachable_rows(kinematics, contract, 1, 0.3)]
    last = kinematics.reach(contract.home, targets, [{}] * ROWS)[-1]
    assert all(
        last.positions[name] == contract.home[name] for name in contract.arms["right"].joints
    )


def test_looking_ahead_does_not_disturb_a_running_step(
    contract: RobotContract, kinematics: MinkKinematics
) -> None:
    targets = reachable_rows(kinematics, contract, 2, 0.3)
    kinematics.seed(contract.home)
    kinematics.reach(contract.home, targets, [{}] * ROWS)
    assert kinematics.step({}, {}, 0.01).positions == {
        name: contract.home[name] for name in contract.limited_joints
    }


def test_the_same_question_has_the_same_answer(
    contract: RobotContract, kinematics: MinkKinematics
) -> None:
    targets = reachable_rows(kinematics, contract, 3, 0.3)
    first, second = (kinematics.reach(contract.home, targets, [{}] * ROWS) for _ in range(2))
    assert [row.positions for row in first] == [row.positions for row in second]


@pytest.mark.parametrize(
    ("targets", "direct", "words"),
    [
        ([{"middle": Pose(np.zeros(3), np.eye(3))}], [{}], "arms are"),
        ([{"left": Pose(np.full(3, np.nan), np.eye(3))}], [{}], "not finite"),
        ([{}], [{"elbow": 0.0}], "elbow"),
        ([{"left": Pose(np.zeros(3), np.eye(3))}], [{"arm_left_1_joint": 0.0}], "its arm's target"),
        ([{}, {}], [{}], "shorter"),
    ],
)
def test_wrong_rows_are_refused(
    contract: RobotContract,
    kinematics: MinkKinematics,
    targets: list[dict[str, Pose]],
    direct: list[dict[str, float]],
    words: str,
) -> None:
    with pytest.raises(ValueError, match=words):
        kinematics.reach(contract.home, targets, direct)
