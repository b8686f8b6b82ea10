"""Pins: every shipped robot contract loads, and a wrong one is refused in one sentence.

The sentence names the file, the dotted key and what would be valid. A limit that is missing or
misread moves a real arm.
"""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from wall_oss_ros.core import action_space
from wall_oss_ros.core.contract import Gripper, RobotContract, find_contract, load_contract
from wall_oss_ros.core.contract.schema import build
from wall_oss_ros.core.errors import ContractError

SHIPPED = sorted((Path(__file__).parents[2] / "config" / "robots").glob("*.yaml"))
TIAGO = next(path for path in SHIPPED if path.stem == "tiago_pro_sim")
CONTENT: dict[str, Any] = yaml.safe_load(TIAGO.read_text(encoding="utf-8"))

LEFT_1 = "arms.left.joints.arm_left_1_joint"


def with_value(key: str, value: object) -> dict[str, Any]:
    """The contract's content with another value at a dotted key."""
    content = copy.deepcopy(CONTENT)
    *above, name = key.split(".")
    parent = content
    for step in above:
        parent = parent[step]
    parent[name] = value
    return content


def without(key: str) -> dict[str, Any]:
    content = copy.deepcopy(CONTENT)
    *above, name = key.split(".")
    parent = content
    for step in above:
        parent = parent[step]
    del parent[name]
    return content


def refused(content: object) -> str:
    """What is said of a contract's content; the file's name is put before it."""
    with pytest.raises(ContractError) as caught:
        build(RobotContract, content)
    message = str(caught.value)
    assert "\n" not in message
    return message


def refused_file(path: Path, text: str) -> str:
    """What is said of a contract's text, without the file's name, which must be there."""
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContractError) as caught:
        load_contract(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    return message.removeprefix(f"{path}: ")


# --- what is shipped -------------------------------------------------------------------------


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_contract_loads_and_is_found_by_its_name(path: Path) -> None:
    contract = load_contract(path)
    assert contract.name == path.stem
    assert find_contract(contract.name, path.parent) == path


def test_values_are_si_and_where_they_belong(contract: RobotContract) -> None:
    assert contract.action.dt == 0.05
    assert contract.arms["left"].joints["arm_left_1_joint"].position == (-0.5235, 4.7123)
    assert contract.arms["left"].tool.xyz == (0.0, 0.0, 0.15)
    assert contract.lift is not None
    assert contract.lift.joints["torso_lift_joint"].velocity == 0.035
    assert list(contract.cameras) == ["head", "wrist_left", "wrist_right"]


def test_joints_belong_to_parts_and_parts_to_controllers(contract: RobotContract) -> None:
    joints = [name for names in contract.part_joints.values() for name in names]
    assert tuple(joints) == contract.joint_names
    assert len(joints) == 7 + 1 + 7 + 1 + 1 + 2
    assert set(contract.joint_controllers) == set(contract.part_joints)
    assert contract.commanded_parts == set(action_space.PARTS)
    grippers = {gripper.joint for gripper in contract.grippers.values()}
    assert set(contract.limited_joints) == set(joints) - grippers
    assert set(contract.home) == set(joints)


def test_every_topic_that_moves_the_robot_is_listed_once(contract: RobotContract) -> None:
    topics = contract.controller_topics
    assert len(topics) == len(set(topics)) == len(contract.part_joints) + 1
    assert "cmd_vel" in topics


def test_a_contract_cannot_be_changed(contract: RobotContract) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        contract.name = "other"
    with pytest.raises(dataclasses.FrozenInstanceError):
        contract.arms["left"].joints["arm_left_1_joint"].velocity = 99.0
    with pytest.raises(TypeError):
        contract.arms["left"] = contract.arms["right"]
    with pytest.raises(TypeError):
        contract.cameras["head"] = contract.cameras["wrist_left"]


@pytest.mark.parametrize(
    ("gripper", "openings"),
    [
        ({"closed": 0.8, "open": 0.0}, {0.8: 0.0, 0.0: 1.0, 0.4: 0.5}),
        ({"closed": -0.1, "open": 0.3}, {-0.1: 0.0, 0.3: 1.0, 0.1: 0.5}),
    ],
)
def test_a_gripper_converts_between_joint_opening_and_the_models_number(
    contract: RobotContract, gripper: dict[str, float], openings: dict[float, float]
) -> None:
    left: Gripper = dataclasses.replace(
        contract.grippers["left"], model_closed=-0.12, model_open=4.4, **gripper
    )
    for joint, opening in openings.items():
        assert left.opening_from_joint(joint) == pytest.approx(opening)
        assert left.joint_from_opening(opening) == pytest.approx(joint)
        assert left.opening_from_model(left.model_from_opening(opening)) == pytest.approx(opening)
    assert left.joint_from_opening(1.5) == pytest.approx(left.open)
    assert left.joint_from_opening(-0.5) == pytest.approx(left.closed)


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "valid"),
    [
        ("colour", "'arms'"),
        ("cameras.head.exposure", "'capture_delay'"),
        (f"{LEFT_1}.effort", "'acceleration'"),
        ("arms.left.tool.yaw", "'rpy'"),
    ],
)
def test_an_unknown_key_is_named_with_the_valid_ones(key: str, valid: str) -> None:
    message = refused(with_value(key, 1))
    assert message.startswith(f"{key}: unknown key; valid: ") and valid in message


@pytest.mark.parametrize("limit", ["position", "velocity", "acceleration", "jerk", "home"])
def test_a_missing_limit_is_named_with_its_unit(limit: str) -> None:
    message = refused(without(f"{LEFT_1}.{limit}"))
    assert message.startswith(f"{LEFT_1}.{limit}: missing; it is ") and "quantity in rad" in message


@pytest.mark.parametrize(
    "key", ["arms.left.workspace", "base.linear_velocity", "cameras.head.label", "joint_states"]
)
def test_every_other_required_key_is_asked_for_too(key: str) -> None:
    assert refused(without(key)).startswith(f"{key}: missing; it is ")


@pytest.mark.parametrize(
    ("key", "value", "valid"),
    [
        (f"{LEFT_1}.velocity", "2.5 m/s", "use rad/s, deg/s"),
        (f"{LEFT_1}.velocity", "2.5 rad", "use rad/s, deg/s"),
        ("lift.joints.torso_lift_joint.velocity", "2 deg/s", "use m/s, cm/s, mm/s"),
        ("arms.left.tool.xyz", "0 0 0.15 rad", "use m, cm, mm"),
        ("action.rate", "20 rpm", "use Hz"),
    ],
)
def test_a_wrong_unit_is_named_with_the_valid_ones(key: str, value: str, valid: str) -> None:
    message = refused(with_value(key, value))
    assert message.startswith(f"{key}: got '{value}'") and message.endswith(valid)


@pytest.mark.parametrize("value", [2.5, 2, "2.5", True, None, [2.5]])
def test_a_number_without_a_unit_is_refused(value: object) -> None:
    message = refused(with_value(f"{LEFT_1}.velocity", value))
    assert message.startswith(f"{LEFT_1}.velocity: got ") and "'0.5 rad/s'" in message


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("name", 7, "expected a text"),
        ("name", "  ", "empty text"),
        ("base.holonomic", "yes please", "expected true or false"),
        ("base.holonomic", 1, "expected true or false"),
        ("action.horizon", 32.5, "expected a whole number"),
        ("action.horizon", True, "expected a whole number"),
        ("grippers.left.model_open", "wide", "expected a number"),
        ("grippers.left.model_open", float("nan"), "expected a finite number"),
        ("arms.left", [1, 2], "expected a mapping of keys"),
        ("cameras", {}, "expected at least one name"),
        ("cameras", None, "expected at least one name"),
        ("cameras.head.transport", "jpeg", "valid: 'compressed', 'raw'"),
        (f"{LEFT_1}.type", "ball", "valid: 'prismatic', 'revolute'"),
        (f"{LEFT_1}.type", ["revolute"], "valid: 'prismatic', 'revolute'"),
    ],
)
def test_a_value_of_another_type_is_refused(key: str, value: object, expected: str) -> None:
    message = refused(with_value(key, value))
    assert message.startswith(f"{key}: got ") and expected in message


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (f"{LEFT_1}.velocity", "0 rad/s", "above 0"),
        (f"{LEFT_1}.position", "2 1 rad", "lower limit below upper"),
        (f"{LEFT_1}.home", "9 rad", "inside -0.5235 .. 4.7123"),
        ("arms.left.workspace.min", "2 0 0 m", "each minimum below its maximum"),
        ("cameras.head.rate", "0 Hz", "above 0"),
        ("cameras.head.capture_delay", "-20 ms", "0 to 1 s"),
        ("cameras.head.capture_delay", "20 s", "0 to 1 s"),
        ("action.rate", "1000 Hz", "at most 200 Hz"),
        ("action.horizon", 1, "2 to 512 rows"),
        ("grippers.left.open", "0.8 rad", "another position than closed"),
        ("base.angular_acceleration", "-1 rad/s^2", "above 0"),
    ],
)
def test_an_impossible_number_is_refused(key: str, value: object, expected: str) -> None:
    message = refused(with_value(key, value))
    assert message.startswith(f"{key}: got ") and expected in message


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("grippers.left.joint", "arm_left_1_joint", "each joint in one part only"),
        ("cameras.head.label", "left_wrist_view", "a different label each"),
        ("odometry", None, "both or neither"),
        ("base", None, "both or neither"),
        ("arms", {"left": CONTENT["arms"]["left"]}, "expected 'left', 'right'"),
        ("head.joints", {}, "expected at least one name"),
    ],
)
def test_parts_that_contradict_each_other_are_refused(
    key: str, value: object, expected: str
) -> None:
    message = refused(with_value(key, value))
    assert message.startswith(("joints: ", "cameras: ", "odometry: ", "arms: ", "head.joints: "))
    assert expected in message


def test_a_head_has_two_joints_and_a_lift_one() -> None:
    joint = CONTENT["head"]["joints"]["head_1_joint"]
    assert "pan joint and tilt joint" in refused(with_value("head.joints", {"head_1_joint": joint}))
    assert "exactly one joint" in refused(with_value("lift.joints", {"a": joint, "b": joint}))


@pytest.mark.parametrize(
    "key",
    [
        "cameras.head.topic",
        "joint_states.topic",
        "odometry.topic",
        "arms.left.controller.topic",
        "base.controller.topic",
    ],
)
def test_an_absolute_topic_is_refused_because_a_namespace_cannot_move_it(key: str) -> None:
    message = refused(with_value(key, "/somewhere"))
    assert message.startswith("topic: got ['/somewhere']") and "relative" in message


def test_a_key_given_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    text = "name: one\nbase_frame: base\nname: two\n"
    assert (
        refused_file(tmp_path / "robot.yaml", text) == "line 3: key 'name' is given twice; keep one"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "got nothing; expected a mapping"),
        ("just words", "got 'just words'; expected a mapping"),
        ("- a\n- b\n", "expected a mapping"),
        ("name: [1, 2", "is not YAML"),
        ("name: 2026-99-99", "is not YAML"),
        ("name: !!python/object:os.system x", "is not YAML"),
        ("? [a, b]\n: c\n", "line 1: got ['a', 'b'] as a key"),
    ],
)
def test_a_file_that_is_no_contract_is_refused(tmp_path: Path, text: str, words: str) -> None:
    assert words in refused_file(tmp_path / "robot.yaml", text)


def test_what_is_wrong_inside_is_said_with_the_files_name(tmp_path: Path) -> None:
    content = yaml.safe_dump(with_value("base.colour", "red"))
    message = refused_file(tmp_path / "robot.yaml", content)
    assert message.startswith("base.colour: unknown key; valid: 'angular_acceleration'")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="nowhere.yaml: no such robot contract"):
        load_contract(tmp_path / "nowhere.yaml")
    with pytest.raises(ContractError, match="cannot be read"):
        load_contract(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    with pytest.raises(ContractError, match=r"latin\.yaml: cannot be read"):
        load_contract(tmp_path / "latin.yaml")


def test_an_unknown_robot_is_named_with_those_that_exist(robots_folder: Path) -> None:
    with pytest.raises(ContractError, match="unknown robot 'tiaogo'; valid: .*'tiago_pro_sim'"):
        find_contract("tiaogo", robots_folder)


def test_a_robot_may_be_a_path(robots_folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    assert find_contract(str(own), robots_folder) == own


# --- what policy and robot must agree on -----------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("action.rate", "30 Hz"),
        ("action.horizon", 16),
        ("base_frame", "base_link"),
        ("arms.left.frame", "torso"),
        ("arms.right.tool.link", "wrist"),
        ("arms.right.tool.xyz", "0 0 0.16 m"),
        ("arms.right.tool.rpy", "0 90 0 deg"),
        ("cameras.head.label", "top_view"),
        ("model.normalizer_key", "other"),
        ("grippers.left.model_open", 4.4),
        ("lift", None),
    ],
)
def test_the_schema_hash_changes_with_what_a_policy_must_know(
    contract: RobotContract,
    key: str,
    value: object,
) -> None:
    assert build(RobotContract, with_value(key, value)).schema_hash != contract.schema_hash


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (f"{LEFT_1}.velocity", "1 rad/s"),
        (f"{LEFT_1}.position", "-30 240 deg"),
        ("arms.left.workspace.max", "1 1 1 m"),
        ("base.linear_velocity", "0.1 m/s"),
        ("cameras.head.topic", "elsewhere/image_raw"),
        ("arms.left.tool.xyz", "0 0 150.0 mm"),
        ("name", "another_tiago"),
    ],
)
def test_the_schema_hash_stays_with_what_it_need_not_know(
    contract: RobotContract,
    key: str,
    value: object,
) -> None:
    assert build(RobotContract, with_value(key, value)).schema_hash == contract.schema_hash
