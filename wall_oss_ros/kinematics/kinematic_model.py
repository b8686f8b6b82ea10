"""The robot as kinematics needs it: links, the contract's joints, the tool points; no meshes.

Joints that the contract does not name (wheels, the gripper's own links) are fixed, so the model has
one degree of freedom per arm, lift and head joint and nothing else. Where the contract declares a
clearance, simple shapes stand for the collision geometry.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

import mujoco
import numpy as np

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.kinematics.collision_geometry import LinkShape, link_shapes
from wall_oss_ros.kinematics.description import check_contract, find_urdf, read_urdf
from wall_oss_ros.kinematics.robot_model import add_tool_site, compile_spec, spec_from_urdf
from wall_oss_ros.kinematics.shapes import Capsule


@dataclass(frozen=True, slots=True, eq=False)
class KinematicModel:
    """A compiled model and the shapes in it.

    Attributes:
        model: joint ranges are the contract's; sites ``tool_left`` and ``tool_right`` are the tool
            points; geometry i is the shape of `shapes[i]`.
        shapes: empty where the contract declares no clearance.
    """

    model: mujoco.MjModel
    shapes: tuple[LinkShape, ...]


def kinematic_model(contract: RobotContract) -> KinematicModel:
    """Return the model of the contract's arm, lift and head joints.

    Raises:
        RobotModelError: if the URDF is missing or does not fit the contract.
    """
    path = find_urdf(contract.description)
    urdf = read_urdf(path)
    check_contract(contract, urdf)
    shapes = link_shapes(contract, path) if contract.clearance is not None else ()
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
    for index, shape in enumerate(shapes):
        _add_shape(spec, f"shape_{index}", shape)
    model = compile_spec(spec, contract.name)
    # MuJoCo numbers geometry by body, which need not be the order in which it was added.
    order = [int(model.geom(i).name.removeprefix("shape_")) for i in range(model.ngeom)]
    return KinematicModel(model, tuple(shapes[i] for i in order))


def _add_shape(spec: mujoco.MjSpec, name: str, link_shape: LinkShape) -> None:
    body, shape = spec.body(link_shape.link), link_shape.shape
    if not isinstance(shape, Capsule):
        quat = np.empty(4)
        mujoco.mju_mat2Quat(quat, np.ascontiguousarray(shape.axes).ravel())
        box = mujoco.mjtGeom.mjGEOM_BOX
        body.add_geom(name=name, type=box, pos=shape.center, quat=quat, size=shape.half, mass=0.0)
        return
    along = shape.end - shape.start
    length = float(np.linalg.norm(along))
    quat, radius = np.array([1.0, 0.0, 0.0, 0.0]), shape.radius
    kind, size = mujoco.mjtGeom.mjGEOM_SPHERE, [radius, 0.0, 0.0]
    if length > 0.0:
        kind, size = mujoco.mjtGeom.mjGEOM_CAPSULE, [radius, length / 2, 0.0]
        mujoco.mju_quatZ2Vec(quat, along / length)
    middle = (shape.start + shape.end) / 2
    body.add_geom(name=name, type=kind, pos=middle, quat=quat, size=size, mass=0.0)


def _fix(joint: ElementTree.Element) -> None:
    joint.set("type", "fixed")
    for tag in ("axis", "limit", "mimic", "dynamics", "safety_controller"):
        for element in joint.findall(tag):
            joint.remove(element)
