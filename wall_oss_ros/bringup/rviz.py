"""Programs of other packages beside the nodes: RViz, and what it needs to draw the robot."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import yaml
from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from rclpy.logging import get_logging_directory

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import BringUpError
from wall_oss_ros.kinematics.description import (
    find_urdf,
    fix_other_joints,
    read_urdf,
    resolve_meshes,
)
from wall_oss_ros.ros.locations import share_folder


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A program beside the nodes, e.g. RViz. Its end changes nothing for the others."""

    name: str
    command: tuple[str, ...]


def rviz_tools(values: Mapping[str, str], contract: RobotContract) -> tuple[ToolSpec, ...]:
    """Return RViz with our configuration.

    A real robot says itself what it is and where its links are. For the simulated one,
    robot_state_publisher does.

    Args:
        values: of all arguments of the bring-up.
        contract: the robot.

    Raises:
        BringUpError: if a program is not on this machine.
        RobotModelError: if a mesh of the robot's is not.
    """
    config = share_folder() / "config" / "rviz" / "bimanual.rviz"
    ros = ["--ros-args", "-p", f"use_sim_time:={values['use_sim_time']}"]
    if namespace := values["namespace"].strip("/"):
        ros += ["-r", f"__ns:=/{namespace}"]
    rviz = ("rviz2", "-d", str(config), *ros)
    _check_package("rviz2")
    if values["sim"] == "false":
        return (ToolSpec("rviz", rviz),)
    package = "robot_state_publisher"
    program = _check_package(package) / "lib" / package / package
    description = write_description(contract, Path(get_logging_directory()))
    measured = ("-r", f"joint_states:={contract.joint_states.topic}")
    state = (str(program), *ros, "--params-file", str(description), *measured)
    # Two simulated robots have the same frames: each has transforms of its own.
    own = ("-r", "/tf:=tf", "-r", "/tf_static:=tf_static")
    return ToolSpec("rviz", (*rviz, *own)), ToolSpec(package, (*state, *own))


def write_description(contract: RobotContract, folder: Path) -> Path:
    """Write the robot's URDF as the parameter that robot_state_publisher takes; return the file.

    It may be longer than an argument of a program. Addresses of meshes are those of files, as RViz
    does not look into Python packages. Joints that the contract does not name are fixed: nobody
    says where they are, and RViz would have no transform for what hangs on them.
    """
    source = find_urdf(contract.description)
    urdf = read_urdf(source)
    resolve_meshes(urdf, source)
    fix_other_joints(contract, urdf)
    for mesh in urdf.iter("mesh"):
        mesh.set("filename", Path(mesh.attrib["filename"]).absolute().as_uri())
    parameters = {"robot_description": ElementTree.tostring(urdf, encoding="unicode")}
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{contract.name}.robot_description.yaml"
    written = file.with_suffix(f".{os.getpid()}")
    written.write_text(yaml.safe_dump({"/**": {"ros__parameters": parameters}}), encoding="utf-8")
    written.replace(file)  # another robot of this kind may be reading it
    return file


def _check_package(package: str) -> Path:
    """Return the prefix that a package is in."""
    # Its package and not its program: 'ros2' may be there without 'ros2 bag'.
    try:
        return Path(get_package_prefix(package))
    except (PackageNotFoundError, LookupError):
        raise BringUpError(
            f"rviz:=true needs the ROS package '{package}', which is not on this machine; on one "
            f"with a ROS of apt: apt install ros-$ROS_DISTRO-{package.replace('_', '-')}"
        ) from None
