"""Find the robot's URDF, read it and resolve the ``package://`` addresses inside it.

A description lives in a ROS package (``AMENT_PREFIX_PATH``), in a Python distribution
(``pip install example-robot-data``) or in a plain file. Nothing is downloaded.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from wall_oss_ros.core.contract import Description, RobotContract
from wall_oss_ros.core.errors import RobotModelError, choices

_PACKAGE_SCHEME = "package://"

# URDF joint types that fit the contract's joint types.
_URDF_TYPES = {"revolute": ("revolute", "continuous"), "prismatic": ("prismatic",)}

# How much wider than the URDF a position limit may be written: contracts round to 0.1 mrad.
_LIMIT_ROUNDING = 1e-3


def find_urdf(description: Description) -> Path:
    """Return the path of the URDF a contract names.

    Raises:
        RobotModelError: if the file or the package is not on this machine, with how to install it.
    """
    if description.package is None:
        path = Path(description.path)
        if not path.is_absolute():
            raise RobotModelError(
                f"description.path '{path}' is relative and no description.package is given; "
                "name the package it is in, or write an absolute path"
            )
        if not path.is_file():
            raise RobotModelError(f"no URDF at '{path}'; correct description.path in the contract")
        return path
    share = package_share(description.package)
    path = share / description.path
    if not path.is_file():
        found = [str(file.relative_to(share)) for file in sorted(share.rglob("*.urdf"))[:8]]
        raise RobotModelError(
            f"package '{description.package}' in '{share}' has no '{description.path}'; "
            f"URDFs in it: {choices(found)}"
        )
    return path


def package_share(package: str) -> Path:
    """Return the folder that ``package://<package>/`` stands for.

    Raises:
        RobotModelError: if neither ROS nor Python knows the package.
    """
    for prefix in filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)):
        share = Path(prefix) / "share" / package
        if share.is_dir():
            return share
    installed = _distribution_share(package)
    if installed is None:
        raise RobotModelError(
            f"robot description package '{package}' is not installed; run `pip install {package}`, "
            "or install the ROS package of that name and source its setup file (AMENT_PREFIX_PATH)"
        )
    return installed


@functools.cache  # a distribution's file list is long, and every mesh asks
def _distribution_share(package: str) -> Path | None:
    try:
        files = importlib.metadata.distribution(package).files or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        # A wheel keeps the ROS layout somewhere below site-packages: .../share/<package>/...
        parts = file.parts
        for index in range(len(parts) - 2):
            if parts[index : index + 2] == ("share", package):
                located = Path(str(file.locate()))
                return located.parents[len(parts) - index - 3].resolve()
    return None


def read_urdf(path: Path) -> ElementTree.Element:
    """Return the ``<robot>`` element of a URDF, without comments.

    Raises:
        RobotModelError: if the file cannot be read or is not a URDF.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise RobotModelError(f"'{path}' cannot be read as URDF: {error}") from None
    if root.tag != "robot":
        raise RobotModelError(
            f"'{path}' starts with <{root.tag}>; expected <robot> (expand xacro to URDF first)"
        )
    return root


def resolve_uri(uri: str, urdf: Path) -> Path:
    """Return the file of a mesh address: ``package://``, ``file://``, or relative to the URDF."""
    if uri.startswith(_PACKAGE_SCHEME):
        package, _, path = uri[len(_PACKAGE_SCHEME) :].partition("/")
        return package_share(package) / path
    return urdf.parent / uri.removeprefix("file://")


def resolve_meshes(urdf: ElementTree.Element, path: Path) -> None:
    """Replace the address of every mesh in a URDF by its file.

    Args:
        urdf: changed.
        path: where it was read from.
    """
    for mesh in urdf.iter("mesh"):
        mesh.set("filename", str(resolve_uri(mesh.attrib["filename"], path)))


def fix_other_joints(contract: RobotContract, urdf: ElementTree.Element) -> None:
    """Fix joints that neither the contract drives nor a driven joint moves: the wheels."""
    for joint in urdf.findall("joint"):
        mimic = joint.find("mimic")
        driver = joint.get("name") if mimic is None else mimic.get("joint")
        if driver not in contract.joint_names:
            joint.set("type", "fixed")


def check_contract(contract: RobotContract, urdf: ElementTree.Element) -> None:
    """Check that every joint and link the contract names is in the URDF, of the same kind.

    Raises:
        RobotModelError: naming the joint or link, and what the URDF has instead.
    """
    joints = {joint.get("name", ""): joint for joint in urdf.findall("joint")}
    links = {link.get("name", "") for link in urdf.findall("link")}
    where = f"robot contract '{contract.name}'"
    movable = [name for name, joint in joints.items() if joint.get("type") != "fixed"]
    missing = [name for name in contract.joint_names if name not in joints]
    if missing:
        raise RobotModelError(
            f"{where}: joints {choices(missing)} are not in the URDF; it has {choices(movable)}"
        )
    for name, joint in contract.limited_joints.items():
        _check_joint(where, name, joint.type, joint.position, joints[name])
    for gripper in contract.grippers.values():
        span = (min(gripper.open, gripper.closed), max(gripper.open, gripper.closed))
        _check_joint(where, gripper.joint, gripper.type, span, joints[gripper.joint])
    named = {contract.base_frame: "base_frame"}
    for side, arm in contract.arms.items():
        named.setdefault(arm.frame, f"arms.{side}.frame")
        named.setdefault(arm.tool.link, f"arms.{side}.tool.link")
    for link, key in named.items():
        if link not in links:
            raise RobotModelError(
                f"{where}: {key} '{link}' is not a link of the URDF; it has {choices(links)}"
            )


def _check_joint(
    where: str,
    name: str,
    kind: str,
    position: tuple[float, float],
    joint: ElementTree.Element,
) -> None:
    got = joint.get("type", "")
    if got not in _URDF_TYPES[kind]:
        raise RobotModelError(f"{where}: joint '{name}' is {kind}, but '{got}' in the URDF")
    limit = joint.find("limit")
    if got == "continuous" or limit is None:
        return
    low, high = (float(limit.get(key, "0")) for key in ("lower", "upper"))
    if position[0] < low - _LIMIT_ROUNDING or position[1] > high + _LIMIT_ROUNDING:
        raise RobotModelError(
            f"{where}: joint '{name}' has the range {position[0]} .. {position[1]}, wider than "
            f"{low} .. {high} of the URDF; a contract may narrow a range, not widen it"
        )
