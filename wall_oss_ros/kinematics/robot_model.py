"""From a URDF to a MuJoCo model: what kinematics and the simulator have in common."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import mujoco

from wall_oss_ros.core import rotation
from wall_oss_ros.core.contract import Tool
from wall_oss_ros.core.errors import RobotModelError

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
