"""RViz gets the graph's namespace and clock, and somebody who says what the simulated robot is."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from rclpy.parameter import parameter_dict_from_yaml_file

from wall_oss_ros.bringup.arguments import parse_arguments
from wall_oss_ros.bringup.rviz import rviz_tools, write_description
from wall_oss_ros.core.errors import BringUpError


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a function that makes a ROS package known, as an installed one is."""
    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path / "log"))
    known = os.environ["AMENT_PREFIX_PATH"]
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path}{os.pathsep}{known}")

    def install(package: str) -> Path:
        index = tmp_path / "share" / "ament_index" / "resource_index" / "packages"
        index.mkdir(parents=True, exist_ok=True)
        (index / package).touch()
        return tmp_path

    return install


def pairs(command: tuple[str, ...]) -> set[tuple[str, str]]:
    return set(zip(command, command[1:], strict=False))


def test_the_simulated_robot_is_described_to_rviz_in_its_namespace(installed, contract):
    installed("rviz2")
    prefix = installed("robot_state_publisher")
    values = parse_arguments({"rviz": "true", "namespace": "/one/", "use_sim_time": "true"})
    rviz, robot = rviz_tools(values, contract)
    assert rviz.command[0] == "rviz2"
    for tool in (rviz, robot):
        assert ("-r", "__ns:=/one") in pairs(tool.command)
        assert ("-p", "use_sim_time:=true") in pairs(tool.command)
        assert {("-r", "/tf:=tf"), ("-r", "/tf_static:=tf_static")} <= pairs(tool.command)
    assert Path(robot.command[0]).is_relative_to(prefix)
    assert ("-r", f"joint_states:={contract.joint_states.topic}") in pairs(robot.command)
    (file,) = [given for flag, given in pairs(robot.command) if flag == "--params-file"]
    assert Path(file).is_file()


def test_a_real_robot_describes_itself(installed, contract):
    installed("rviz2")
    (rviz,) = rviz_tools(parse_arguments({"rviz": "true", "sim": "false"}), contract)
    assert rviz.name == "rviz"
    assert "__ns:=" not in " ".join(rviz.command)


@pytest.mark.parametrize("missing", ["rviz2", "robot_state_publisher"])
def test_what_is_not_installed_is_named_with_its_remedy(installed, contract, missing):
    for package in {"rviz2", "robot_state_publisher"} - {missing}:
        installed(package)
    with pytest.raises(BringUpError, match=f"apt install .*{missing.replace('_', '-')}"):
        rviz_tools(parse_arguments({"rviz": "true"}), contract)


def test_the_description_is_a_parameter_and_its_meshes_are_files(contract, tmp_path):
    file = write_description(contract, tmp_path)
    parameters = parameter_dict_from_yaml_file(str(file), use_wildcard=True)
    text = parameters["robot_description"].value.string_value
    urdf = ElementTree.fromstring(text)
    links = {link.get("name") for link in urdf.findall("link")}
    assert {arm.tool.link for arm in contract.arms.values()} <= links
    meshes = [mesh.attrib["filename"] for mesh in urdf.iter("mesh")]
    assert len(meshes) > 10
    for mesh in meshes:
        assert Path(unquote(mesh.removeprefix("file://"))).is_file()
    told = set(contract.joint_names)
    for joint in urdf.findall("joint"):
        mimic = joint.find("mimic")
        moves = joint.get("name") if mimic is None else mimic.get("joint")
        assert joint.get("type") == "fixed" or moves in told
    assert list(tmp_path.iterdir()) == [file]  # nothing half-written is left
