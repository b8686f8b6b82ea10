"""Pins: a robot description that is missing or does not fit is one clear sentence."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

pytest.importorskip("mujoco", reason="the robot model needs the 'sim' extra")

from wall_oss_ros.core.contract import Description, Joint, RobotContract, load_contract
from wall_oss_ros.core.errors import RobotModelError
from wall_oss_ros.kinematics.description import check_contract, find_urdf, read_urdf, resolve_uri
from wall_oss_ros.kinematics.kinematic_model import kinematic_model

CONTRACT = Path(__file__).parents[2] / "config" / "robots" / "tiago_pro_sim.yaml"


@pytest.fixture(scope="module")
def contract() -> RobotContract:
    return load_contract(CONTRACT)


def with_left_joints(contract: RobotContract, joints: dict[str, Joint]) -> RobotContract:
    left = dataclasses.replace(contract.arms["left"], joints=joints)
    return dataclasses.replace(contract, arms={**contract.arms, "left": left})


def test_a_python_distribution_is_found(contract: RobotContract) -> None:
    urdf = find_urdf(contract.description)
    assert urdf.name == "tiago_pro.urdf"
    mesh = read_urdf(urdf).find(".//mesh")
    assert mesh is not None and resolve_uri(mesh.attrib["filename"], urdf).is_file()


def test_a_ros_package_is_found_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contract: RobotContract
) -> None:
    urdf = tmp_path / "share" / "example-robot-data" / contract.description.path
    urdf.parent.mkdir(parents=True)
    urdf.write_text("<robot name='r'/>")
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{tmp_path}")
    assert find_urdf(contract.description) == urdf


@pytest.mark.parametrize(
    ("description", "words"),
    [
        (Description(path="a.urdf", package="no_such_robot"), "pip install no_such_robot"),
        (Description(path="a.urdf", package="example-robot-data"), "URDFs in it"),
        (Description(path="a.urdf"), "relative"),
        (Description(path="/nowhere/a.urdf"), "no URDF at"),
    ],
)
def test_a_missing_urdf_says_what_to_do(description: Description, words: str) -> None:
    with pytest.raises(RobotModelError, match=words):
        find_urdf(description)


@pytest.mark.parametrize("text", ["<robot", "<sdf/>"])
def test_a_file_that_is_no_urdf_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "robot.urdf"
    path.write_text(text)
    with pytest.raises(RobotModelError, match="robot.urdf"):
        read_urdf(path)


def test_joints_that_the_urdf_lacks_are_named_with_the_available_ones(
    contract: RobotContract,
) -> None:
    joints = dict(contract.arms["left"].joints)
    joints["elbow"] = joints.pop("arm_left_4_joint")
    with pytest.raises(RobotModelError, match="'elbow'.*'arm_left_4_joint'"):
        kinematic_model(with_left_joints(contract, joints))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "prismatic"}, "'revolute' in the URDF"),
        ({"position": (-3.0, 1.0)}, "wider"),
    ],
)
def test_a_joint_that_does_not_fit_is_refused(
    contract: RobotContract, change: dict[str, object], words: str
) -> None:
    joints = dict(contract.arms["left"].joints)
    joints["arm_left_4_joint"] = dataclasses.replace(joints["arm_left_4_joint"], **change)
    with pytest.raises(RobotModelError, match=f"arm_left_4_joint.*{words}"):
        kinematic_model(with_left_joints(contract, joints))


def test_an_unknown_link_is_named_with_its_key(contract: RobotContract) -> None:
    arm = dataclasses.replace(contract.arms["left"], frame="torso")
    wrong = dataclasses.replace(contract, arms={**contract.arms, "left": arm})
    urdf = read_urdf(find_urdf(contract.description))
    with pytest.raises(RobotModelError, match="arms.left.frame 'torso'"):
        check_contract(wrong, urdf)


def test_the_model_has_the_contracts_joints_and_ranges_only(contract: RobotContract) -> None:
    model = kinematic_model(contract).model
    names = [model.joint(i).name for i in range(model.njnt)]
    assert sorted(names) == sorted(contract.limited_joints)
    for name, joint in contract.limited_joints.items():
        assert tuple(model.joint(name).range) == joint.position
