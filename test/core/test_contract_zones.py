"""Pins: zones and clearance of a contract, and that wrong ones are refused in one sentence.

They can be replaced while the robot runs, so what is refused must say why, and change nothing.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from wall_oss_ros.core.contract import RobotContract, load_zones
from wall_oss_ros.core.contract.schema import build
from wall_oss_ros.core.errors import ContractError

TIAGO = Path(__file__).parents[2] / "config" / "robots" / "tiago_pro_sim.yaml"
CONTENT: dict[str, Any] = yaml.safe_load(TIAGO.read_text(encoding="utf-8"))

TABLE = {
    "keep": "out",
    "parts": ["left_arm", "right_arm"],
    "frame": "base_footprint",
    "margin": "3 cm",
    "half_space": {"point": "0 0 0.7 m", "normal": [0, 0, 1]},
}
ROOM = {
    "keep": "in",
    "parts": ["base"],
    "frame": "odom",
    "margin": "0.5 m",
    "box": {"min": "-2 -2 0 m", "max": "2 2 2 m"},
}


def text_of(zones: object) -> str:
    return yaml.safe_dump({"zones": zones}, sort_keys=False)


def refused(source: str | Path, contract: RobotContract) -> str:
    with pytest.raises(ContractError) as caught:
        load_zones(source, contract)
    message = str(caught.value)
    assert "\n" not in message
    return message


def refused_zone(zone: dict[str, Any], contract: RobotContract) -> str:
    """What is said of one zone, from a text and in a whole contract alike."""
    said = refused(text_of({"it": zone}), contract)
    content = copy.deepcopy(CONTENT)
    content["zones"] = {"it": zone}
    with pytest.raises(ContractError) as caught:
        build(RobotContract, content)
    assert str(caught.value) == said
    return said


def test_zones_are_loaded_with_their_units(contract: RobotContract) -> None:
    zones = load_zones(text_of({"table": TABLE, "room": ROOM}), contract)
    assert list(zones) == ["table", "room"]
    assert zones["table"].sides == ("left", "right") and zones["room"].sides == ()
    assert zones["table"].margin == pytest.approx(0.03)
    assert zones["table"].distance((0.3, 0.1, 0.75)) == pytest.approx(0.05)
    assert zones["room"].distance((1.5, 0.0)) == pytest.approx(0.5)


def test_what_must_be_kept_in_is_the_other_side_of_what_must_be_kept_out(
    contract: RobotContract,
) -> None:
    zones = load_zones(text_of({"out": TABLE, "in": {**TABLE, "keep": "in"}}), contract)
    for point in ((0.0, 0.0, 0.8), (0.5, 0.1, 0.2)):
        assert zones["in"].distance(point) == -zones["out"].distance(point)


def test_no_zones_must_be_said(contract: RobotContract) -> None:
    assert load_zones("zones: {}", contract) == {}
    assert "at least one name" in refused("zones:", contract)
    assert "zones: missing; write 'zones: {}'" in refused("name: tiago_pro_sim", contract)
    assert "expected the key 'zones'" in refused("", contract)
    assert "unknown key; valid: 'action'" in refused("zone: {}", contract)


def test_a_file_may_be_the_whole_contract(contract: RobotContract, tmp_path: Path) -> None:
    file = tmp_path / "robot.yaml"
    file.write_text(yaml.safe_dump({**CONTENT, "zones": {"table": TABLE}}), encoding="utf-8")
    assert list(load_zones(file, contract)) == ["table"]
    file.write_text(text_of({"table": {**TABLE, "keep": "off"}}), encoding="utf-8")
    assert refused(file, contract).startswith(f"{file}: zones.table.keep: got 'off'; valid: 'in'")
    assert "no such zones" in refused(tmp_path / "nowhere.yaml", contract)


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ({"keep": "away"}, "zones.it.keep: got 'away'; valid: 'in', 'out'"),
        ({"parts": ["arm"]}, "zones.it.parts: got 'arm'; valid: 'base', 'left_arm', 'right_arm'"),
        ({"parts": "left_arm"}, "zones.it.parts: got 'left_arm'; expected a list"),
        ({"parts": []}, "zones.it.parts: got none; expected at least one"),
        ({"parts": ["left_arm", "left_arm"]}, "expected each name once"),
        ({"parts": ["left_arm", "base"]}, "expected the base in a zone of its own"),
        ({"margin": 3}, "zones.it.margin: got 3 without a unit; write it like '0.5 m'"),
        ({"margin": "0 m"}, "zones.it.margin: got 0.0; expected above 0"),
        ({"cylinder": {}}, "zones.it.cylinder: unknown key; valid: 'box', 'frame', 'half_space'"),
        ({"half_space": None}, "zones.it.shape: got none; expected exactly one of 'box'"),
        (
            {"sphere": {"centre": "0 0 0 m", "radius": "1 m"}},
            "zones.it.shape: got 'half_space', 'sphere'; expected exactly one",
        ),
        (
            {"half_space": None, "sphere": {"centre": "0 0 0 m", "radius": "0 m"}},
            "zones.it.sphere.radius: got 0.0; expected above 0",
        ),
        (
            {"half_space": None, "box": {"min": "0 0 1 m", "max": "1 1 1 m"}},
            "zones.it.box.min: got (0.0, 0.0, 1.0) .. (1.0, 1.0, 1.0); expected each minimum",
        ),
        (
            {"half_space": {"point": "0 0 0 m", "normal": [0, 0, 0]}},
            "zones.it.half_space.normal: got [0.0, 0.0, 0.0]; expected a direction",
        ),
        (
            {"half_space": {"point": "0 0 0 m", "normal": [0, 1]}},
            "zones.it.half_space.normal: got [0, 1]; expected a list of 3",
        ),
        (
            {"half_space": {"point": "0 0 0 m", "normal": "0 0 1"}},
            "zones.it.half_space.normal: got '0 0 1'; expected a list of 3",
        ),
    ],
)
def test_a_wrong_zone_is_refused_with_what_would_be_right(
    contract: RobotContract, zone: dict[str, Any], said: str
) -> None:
    assert said in refused_zone({**TABLE, **zone}, contract)


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ({"frame": "map"}, "zones.it.frame: got 'map'; expected 'odom', the odometry's frame"),
        ({"links": ["torso_lift_link"]}, "zones.it.links: got ['torso_lift_link']; expected none"),
        (
            {"box": None, "half_space": {"point": "0 0 0 m", "normal": [1, 0, 1]}},
            "expected a horizontal direction, since the base moves in the plane",
        ),
    ],
)
def test_a_zone_of_the_base_is_in_the_plane_of_its_odometry(
    contract: RobotContract, zone: dict[str, Any], said: str
) -> None:
    assert said in refused_zone({**ROOM, **zone}, contract)


def test_a_zone_of_the_base_needs_a_base_and_its_size(contract: RobotContract) -> None:
    content = {**copy.deepcopy(CONTENT), "base": None, "odometry": None}
    fixed = build(RobotContract, content)
    assert "this robot has no base" in refused(text_of({"it": ROOM}), fixed)
    content = copy.deepcopy(CONTENT)
    del content["base"]["radius"]
    said = refused(text_of({"it": ROOM}), build(RobotContract, content))
    assert "zones.it.parts: got 'base', but base.radius is not given" in said


@pytest.mark.parametrize(
    ("clearance", "said"),
    [
        ({"stop": "2 cm"}, "clearance.slow: missing"),
        ({"stop": "-1 cm", "slow": "2 cm"}, "clearance.stop: got -0.01 m; expected 0 or more"),
        ({"stop": "2 cm", "slow": "2 cm"}, "clearance.slow: got 0.02 m; expected above stop"),
    ],
)
def test_a_clearance_slows_down_before_it_stops(clearance: dict[str, str], said: str) -> None:
    with pytest.raises(ContractError) as caught:
        build(RobotContract, {**CONTENT, "clearance": clearance})
    assert said in str(caught.value)


def test_only_an_arm_may_be_commanded_by_its_tools_pose() -> None:
    content = copy.deepcopy(CONTENT)
    content["arms"]["left"]["controller"] = {
        "topic": "a/target_pose",
        "interface": "cartesian_pose",
    }
    assert build(RobotContract, content).joint_controllers["left_arm"].interface == "cartesian_pose"
    content["lift"]["controller"] = {"topic": "b/target_pose", "interface": "cartesian_pose"}
    with pytest.raises(ContractError) as caught:
        build(RobotContract, content)
    expected = "got 'cartesian_pose'; valid: 'joint_trajectory', 'position_array'"
    assert str(caught.value) == f"lift.controller.interface: {expected}"


def test_only_a_trajectory_can_say_when_it_begins() -> None:
    content = copy.deepcopy(CONTENT)
    for part in ("lift", "left"):
        controller = {"topic": "a/commands", "interface": "position_array", "stamped": True}
        changed = copy.deepcopy(content)
        where = changed["lift"] if part == "lift" else changed["arms"][part]
        where["controller"] = controller
        with pytest.raises(ContractError, match="stamped: got True; expected false with position"):
            build(RobotContract, changed)
        where["controller"] = {**controller, "interface": "joint_trajectory"}
        assert build(RobotContract, changed) != build(RobotContract, content)
