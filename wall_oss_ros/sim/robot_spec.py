"""TIAGo Pro in MuJoCo: the contract's URDF with drawn meshes, contacts, and position servos.

Only what touches the world collides: arms from the elbow on, gripper housings and finger pads. The
fingers' four-bar links are drawn but do not collide, they would with each other.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import mujoco

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.kinematics.description import (
    check_contract,
    find_urdf,
    fix_other_joints,
    read_urdf,
    resolve_meshes,
)
from wall_oss_ros.kinematics.robot_model import add_tool_site, spec_from_urdf
from wall_oss_ros.sim.meshes import clustered, read_stl

# Geometry groups: cameras draw 0 to 2.
SCENE_GROUP, ROBOT_GROUP, COLLISION_GROUP = 0, 1, 3

# Contact bits: the world touches everything, the left arm the right arm, no arm itself.
WORLD_BIT, LEFT_BIT, RIGHT_BIT = 1, 2, 4

BASE_JOINTS = ("base_x", "base_y", "base_yaw")

# Finger pad and its backing in the fingertip link's frame [m]: centre and half size. The mesh's
# inner face is at x = -0.0115; flat boxes hold a cube steadier than the mesh's hull.
_PAD = ((-0.0065, 0.0265, 0.0), (0.0050, 0.0205, 0.010))
_PAD_BACKING = ((0.0, 0.0090, 0.0), (0.0035, 0.0150, 0.017))
_PAD_FRICTION = (1.2, 0.02, 0.001)


@dataclass(frozen=True, slots=True)
class Servo:
    """Position servo of one joint: force = stiffness * error + damping * velocity error.

    Units: N/m, N s/m, N and kg for sliding joints; N m/rad, N m s/rad, N m and kg m^2 for others.
    """

    stiffness: float
    damping: float
    force: float
    armature: float


# Stiff enough that the tool lags a smooth reference by a few millimetres; forces as in the URDF.
SHOULDER = Servo(stiffness=2500.0, damping=110.0, force=43.0, armature=0.1)
WRIST = Servo(stiffness=800.0, damping=28.0, force=26.0, armature=0.05)
LIFT = Servo(stiffness=60e3, damping=4e3, force=2000.0, armature=5.0)
HEAD = Servo(stiffness=80.0, damping=4.0, force=5.2, armature=0.02)
# A pair of pads presses with some 15 N: enough to carry a cube, too little to break the contact.
GRIPPER = Servo(stiffness=20.0, damping=0.5, force=2.5, armature=0.002)
BASE_SLIDE = Servo(stiffness=60e3, damping=9e3, force=3000.0, armature=0.0)
BASE_TURN = Servo(stiffness=12e3, damping=1.8e3, force=1000.0, armature=0.0)

_SHOULDER_JOINTS = 4


def robot_spec(contract: RobotContract) -> mujoco.MjSpec:
    """Return the robot on its drive: three planar joints, arms, grippers, lift, head, servos.

    Raises:
        RobotModelError: if the URDF or a mesh is missing or does not fit the contract.
    """
    path = find_urdf(contract.description)
    urdf = read_urdf(path)
    check_contract(contract, urdf)
    fix_other_joints(contract, urdf)
    _prune_collisions(contract, urdf)
    resolve_meshes(urdf, path)
    spec = spec_from_urdf(urdf)
    _simplify_meshes(spec)
    _set_contacts(spec)
    _add_drive(spec, contract)
    _add_servos(spec, contract)
    for side, arm in contract.arms.items():
        add_tool_site(spec, f"tool_{side}", arm.tool)
    for body in spec.bodies:
        body.gravcomp = 1.0  # as the real arms' controllers do
    for equality in spec.equalities:
        equality.solref = [0.005, 1.0]
    return spec


def joint_servo(contract: RobotContract, name: str) -> Servo:
    """Return the servo of one of the contract's joints."""
    for arm in contract.arms.values():
        if name in arm.joints:
            return SHOULDER if list(arm.joints).index(name) < _SHOULDER_JOINTS else WRIST
    if contract.lift is not None and name in contract.lift.joints:
        return LIFT
    if contract.head is not None and name in contract.head.joints:
        return HEAD
    return GRIPPER


def gripper_of(body: str) -> str | None:
    """Return "left" or "right" if a body belongs to that gripper."""
    for side in ("left", "right"):
        if body.startswith(f"gripper_{side}_"):
            return side
    return None


def _prune_collisions(contract: RobotContract, urdf: ElementTree.Element) -> None:
    """Keep the collision meshes of the arms' forearms and the gripper housings only."""
    forearms = [
        name.replace("_joint", "_link")
        for arm in contract.arms.values()
        for name in list(arm.joints)[3:]
    ]
    housings = [arm.tool.link for arm in contract.arms.values()]
    for link in urdf.findall("link"):
        if link.get("name") not in (*forearms, *housings):
            for collision in link.findall("collision"):
                link.remove(collision)


def _simplify_meshes(spec: mujoco.MjSpec) -> None:
    loaded: dict[str, tuple[list[float], list[int]]] = {}
    for mesh in spec.meshes:
        file = mesh.file
        if file not in loaded:
            vertices, faces = clustered(read_stl(Path(spec.meshdir or "") / file))
            loaded[file] = (vertices.ravel().tolist(), faces.ravel().tolist())
        mesh.name = mesh.name or Path(file).stem
        mesh.file = ""
        mesh.uservert, mesh.userface = loaded[file]


def _set_contacts(spec: mujoco.MjSpec) -> None:
    for body in spec.bodies:
        side = gripper_of(body.name) or ("left" if "_left_" in body.name else "right")
        bits = {"left": (LEFT_BIT, RIGHT_BIT), "right": (RIGHT_BIT, LEFT_BIT)}[side]
        for geom in body.geoms:
            drawn = geom.contype == 0 and geom.conaffinity == 0
            geom.group = ROBOT_GROUP if drawn else COLLISION_GROUP
            if not drawn:
                geom.contype, geom.conaffinity = bits[0] | WORLD_BIT, bits[1]
        if "fingertip" in body.name:
            for center, half in (_PAD, _PAD_BACKING):
                body.add_geom(
                    type=mujoco.mjtGeom.mjGEOM_BOX,
                    pos=center,
                    size=half,
                    group=COLLISION_GROUP,
                    contype=bits[0] | WORLD_BIT,
                    conaffinity=bits[1],
                    condim=4,
                    friction=_PAD_FRICTION,
                    solimp=[0.95, 0.99, 0.001, 0.5, 2.0],
                    solref=[0.006, 1.0],
                    mass=0.0,
                )


def _add_drive(spec: mujoco.MjSpec, contract: RobotContract) -> None:
    root = spec.body(contract.base_frame)
    for name, kind, axis in (
        (BASE_JOINTS[0], mujoco.mjtJoint.mjJNT_SLIDE, (1, 0, 0)),
        (BASE_JOINTS[1], mujoco.mjtJoint.mjJNT_SLIDE, (0, 1, 0)),
        (BASE_JOINTS[2], mujoco.mjtJoint.mjJNT_HINGE, (0, 0, 1)),
    ):
        root.add_joint(name=name, type=kind, axis=axis)


def _add_servos(spec: mujoco.MjSpec, contract: RobotContract) -> None:
    for joint in spec.joints:
        joint.actfrclimited = mujoco.mjtLimited.mjLIMITED_FALSE  # the servo's force is the limit
        joint.frictionloss = 0.0
        joint.damping = _damping(0.02)
        if joint.name in BASE_JOINTS:
            _add_servo(spec, joint.name, BASE_TURN if joint.name == "base_yaw" else BASE_SLIDE)
        elif joint.name in contract.joint_names:
            servo = joint_servo(contract, joint.name)
            joint.armature = servo.armature
            _add_servo(spec, joint.name, servo)
        else:
            joint.armature = 2e-4  # a mimic joint of a gripper


def _add_servo(spec: mujoco.MjSpec, joint: str, servo: Servo) -> None:
    actuator = spec.add_actuator(name=joint, target=joint, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    actuator.set_to_position(kp=servo.stiffness, kv=servo.damping)
    actuator.forcerange = [-servo.force, servo.force]
    actuator.forcelimited = mujoco.mjtLimited.mjLIMITED_TRUE


def _damping(value: float) -> list[float]:
    """Return joint damping as both MuJoCo 3.17 and 4 take it: linear, and two higher terms."""
    return [value, 0.0, 0.0]
