"""Pins: a survey says what MuJoCo and plain geometry say, and a clearance is never optimistic."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import mujoco
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("mink", reason="kinematics needs the 'sim' extra")

from wall_oss_ros.core.contract import RobotContract, load_contract
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.kinematics import MinkKinematics
from wall_oss_ros.kinematics.collision_geometry import BODY, LinkShape
from wall_oss_ros.kinematics.frames import Frames
from wall_oss_ros.kinematics.kinematic_model import KinematicModel, kinematic_model
from wall_oss_ros.kinematics.shapes import Capsule

CONTRACT = Path(__file__).parents[2] / "config" / "robots" / "tiago_pro_sim.yaml"
LINKS = ("torso_lift_link", "arm_left_4_link", "gripper_right_base_link", "base_footprint")

seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def contract() -> RobotContract:
    return load_contract(CONTRACT)


@pytest.fixture(scope="module")
def kinematics(contract: RobotContract) -> MinkKinematics:
    return MinkKinematics(contract)


@pytest.fixture(scope="module")
def built(contract: RobotContract) -> KinematicModel:
    return kinematic_model(contract)


def random_positions(contract: RobotContract, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    return {
        name: float(rng.uniform(*joint.position)) for name, joint in contract.limited_joints.items()
    }


@given(seeds)
def test_tools_and_links_are_where_mujoco_has_them(
    contract: RobotContract, kinematics: MinkKinematics, built: KinematicModel, seed: int
) -> None:
    positions = random_positions(contract, seed)
    survey = kinematics.survey(positions, LINKS)
    tools = kinematics.tool_poses(positions)
    data = mujoco.MjData(built.model)
    data.qpos[:] = Frames(built.model, contract).vector(positions)
    mujoco.mj_kinematics(built.model, data)
    base = data.body(contract.base_frame)
    inward = base.xmat.reshape(3, 3).T
    for side in contract.arms:
        assert survey.tools[side].distance(tools[side]) == (0.0, 0.0)
        site = data.site(f"tool_{side}")
        assert survey.tools_in_base[side].position == pytest.approx(
            inward @ (site.xpos - base.xpos)
        )
    for link in LINKS:
        body = data.body(link)
        assert survey.links[link].position == pytest.approx(inward @ (body.xpos - base.xpos))
        assert survey.links[link].rotation == pytest.approx(inward @ body.xmat.reshape(3, 3))


def test_the_frame_of_an_arm_may_be_another_than_the_base(contract: RobotContract) -> None:
    left = dataclasses.replace(contract.arms["left"], frame="torso_lift_link")
    other = dataclasses.replace(contract, arms={**contract.arms, "left": left})
    survey = MinkKinematics(other).survey(contract.home, ("torso_lift_link",))
    outer = survey.links["torso_lift_link"].compose(survey.tools["left"])
    assert outer.distance(survey.tools_in_base["left"])[0] < 1e-12
    assert survey.tools["left"].distance(survey.tools_in_base["left"])[0] > 0.5


def test_an_unknown_link_is_refused_with_the_known_ones(
    contract: RobotContract, kinematics: MinkKinematics
) -> None:
    with pytest.raises(ValueError, match="'elbow' is not a link.*arm_left_4_link"):
        kinematics.survey(contract.home, ("elbow",))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_positions_that_are_not_finite_are_refused(
    contract: RobotContract, kinematics: MinkKinematics, value: float
) -> None:
    with pytest.raises(ValueError, match="not finite"):
        kinematics.survey({**contract.home, "arm_left_3_joint": value})


def test_without_a_declared_clearance_nothing_is_measured(contract: RobotContract) -> None:
    without = MinkKinematics(dataclasses.replace(contract, clearance=None))
    survey = without.survey(contract.home)
    assert survey.clearance == math.inf and survey.nearest == ()
    assert without.left_out == ()


def segment(shape: Capsule, pose: tuple[Array, Array], count: int) -> Array:
    """Points (count, 3) of a capsule's segment in the world."""
    fraction = np.linspace(0.0, 1.0, count)[:, None]
    local = (1.0 - fraction) * shape.start + fraction * shape.end
    return local @ pose[1].T + pose[0]


def slow_distance(first: LinkShape, second: LinkShape, poses: dict[str, tuple]) -> float:
    """Distance of two shapes from 300 points on each segment; at most 1 mm too large."""
    shape, other = (first.shape, second.shape)
    if not isinstance(shape, Capsule):
        return slow_distance(second, first, poses)
    points = segment(shape, poses[first.link], 300)
    if isinstance(other, Capsule):
        others = segment(other, poses[second.link], 300)
        apart = np.linalg.norm(points[:, None] - others[None], axis=2).min() - other.radius
    else:
        position, rotation = poses[second.link]
        local = ((points - position) @ rotation - other.center) @ other.axes
        apart = np.linalg.norm(np.maximum(np.abs(local) - other.half, 0.0), axis=1).min()
    return float(apart) - shape.radius


def is_watched(first: LinkShape, second: LinkShape) -> bool:
    """What the documentation says about pairs of TIAGo Pro."""
    links = {first.link, second.link}
    shoulders = ({"torso_lift_link", "arm_left_1_link"}, {"torso_lift_link", "arm_right_1_link"})
    hands = {first.hand, second.hand}
    return (
        first.owner != second.owner
        and links not in shoulders
        and not ("fingers" in hands and "" not in hands)
    )


@given(seeds)
def test_the_clearance_is_what_plain_geometry_says(
    contract: RobotContract, kinematics: MinkKinematics, built: KinematicModel, seed: int
) -> None:
    positions = random_positions(contract, seed)
    survey = kinematics.survey(positions, {shape.link for shape in built.shapes})
    poses = {name: (pose.position, pose.rotation) for name, pose in survey.links.items()}
    distances = {
        (first.link, second.link): slow_distance(first, second, poses)
        for i, first in enumerate(built.shapes)
        for second in built.shapes[i + 1 :]
        if is_watched(first, second)
    }
    least = min(distances.values())
    if least > 0.0:
        assert survey.clearance == pytest.approx(least, abs=1e-3)
    else:
        assert survey.clearance <= 1e-3
    assert len(survey.nearest) == 2


def test_what_is_left_out_is_listed_with_its_reason(kinematics: MinkKinematics) -> None:
    left_out = kinematics.left_out
    joined = {frozenset(pair[:2]) for pair in left_out if "joint" in pair.reason}
    assert joined == {
        frozenset(("torso_lift_link", "arm_left_1_link")),
        frozenset(("torso_lift_link", "arm_right_1_link")),
    }
    hands = [pair for pair in left_out if "hold one thing" in pair.reason]
    assert {frozenset(pair[:2]) for pair in hands} == {
        frozenset(("gripper_left_base_link", "gripper_right_base_link"))
    }
    assert len(hands) == 3  # fingers to fingers, and to each other's housing
    assert {pair.reason for pair in left_out} == {
        "one joint connects them",
        "the two hands may hold one thing together",
    }


def test_the_home_posture_is_clear(contract: RobotContract, kinematics: MinkKinematics) -> None:
    assert contract.clearance is not None
    assert kinematics.survey(contract.home).clearance > contract.clearance.slow


def test_a_link_of_the_body_counts_once_per_arm(built: KinematicModel) -> None:
    owners = {shape.owner for shape in built.shapes}
    assert owners == {"left", "right", BODY}
    for side in ("left", "right"):
        hands = [shape.hand for shape in built.shapes if shape.owner == side and shape.hand]
        assert sorted(hands) == ["fingers", "housing"]
