"""The robot as kinematics needs it: links, the contract's joints, the tool points; no meshes.

Joints that the contract does not name (wheels, the gripper's own links) are fixed, so the model has
one degree of freedom per arm, lift and head joint and nothing else.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import mujoco

from wall_oss_ros.core import rotation
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.contract.model import Tool
from wall_oss_ros.core.errors import RobotModelError
from wall_oss_ros.kinematics.description import check_contract, find_urdf, read_urdf

# MuJoCo merges a URDF's root link into its world body; with a link above it, all keep their names.
ROOT_LINK = "wall_oss_root"

# Joints that move need inertia to compile; kinematics never looks at it.
_COMPILER = {
    "fusestatic": "false",
    "boundmass": "0.001",
    "boundinertia": "1e-6",
    "balanceinertia": "true",
    "strippath": "false",
    "discardvisual": "false",
}


def kinematic_model(contract: RobotContract) -> mujoco.MjModel:
    """Return a MuJoCo model of the contract's arm, lift and head joints.

    Joint ranges are the contract's. Sites ``tool_left`` and ``tool_right`` are the tool points.

    Raises:
        RobotModelError: if the URDF is missing or does not fit the contract.
    """
    urdf = read_urdf(find_urdf(contract.description))
    check_contract(contract, urdf)
    for link in urdf.findall("link"):
        for tag in ("visual", "collision", "inertial"):
            for element in link.findall(tag):
                link.remove(element)
    for element in urdf.findall("joint"):
        if element.get("name") not in contract.limited_joints:
            _fix(element)
    spec = spec_from_urdf(urdf)
    for name, joint in contract.limited_joints.items():
        spec.joint(name).range = joint.position
        spec.joint(name).limited = mujoco.mjtLimited.mjLIMITED_TRUE
    for side, arm in contract.arms.items():
        add_tool_site(spec, f"tool_{side}", arm.tool)
    return compile_spec(spec, contract.name)


def spec_from_urdf(urdf: ElementTree.Element) -> mujoco.MjSpec:
    """Return an editable MuJoCo model of a URDF; every link is a body of the same name.

    The element is changed: what MuJoCo does not know is removed, a root link and compiler settings
    are added.

    Raises:
        RobotModelError: if MuJoCo refuses it.
    """
    for tag in ("gazebo", "ros2_control", "transmission"):
        for element in urdf.findall(tag):
            urdf.remove(element)
    children = {child.get("link") for child in urdf.iterfind("joint/child")}
    roots = [link.get("name", "") for link in urdf.findall("link")]
    roots = [name for name in roots if name not in children]
    if len(roots) != 1:
        raise RobotModelError(f"the URDF has {len(roots)} root links {roots}; expected one")
    ElementTree.SubElement(urdf, "link", {"name": ROOT_LINK})
    joint = ElementTree.SubElement(urdf, "joint", {"name": f"{ROOT_LINK}_joint", "type": "fixed"})
    ElementTree.SubElement(joint, "parent", {"link": ROOT_LINK})
    ElementTree.SubElement(joint, "child", {"link": roots[0]})
    settings = ElementTree.SubElement(urdf, "mujoco")
    ElementTree.SubElement(settings, "compiler", _COMPILER)
    try:
        return mujoco.MjSpec.from_string(ElementTree.tostring(urdf, encoding="unicode"))
    except ValueError as error:
        raise RobotModelError(f"MuJoCo cannot read the URDF: {error}") from None


def add_tool_site(spec: mujoco.MjSpec, name: str, tool: Tool) -> None:
    """Add the contract's tool point to a model as an invisible site."""
    x, y, z, w = rotation.quaternion_from_matrix(rotation.matrix_from_rpy(tool.rpy))
    spec.body(tool.link).add_site(name=name, pos=tool.xyz, quat=[w, x, y, z], group=5)


def compile_spec(spec: mujoco.MjSpec, name: str) -> mujoco.MjModel:
    """Compile a model.

    Raises:
        RobotModelError: if MuJoCo refuses it.
    """
    try:
        return spec.compile()
    except ValueError as error:
        raise RobotModelError(f"MuJoCo cannot build the model of '{name}': {error}") from None


def _fix(joint: ElementTree.Element) -> None:
    joint.set("type", "fixed")
    for tag in ("axis", "limit", "mimic", "dynamics", "safety_controller"):
        for element in joint.findall(tag):
            joint.remove(element)
