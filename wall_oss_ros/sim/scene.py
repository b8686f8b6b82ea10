"""The world around the robot: floor, table, tray, three coloured cubes, lights and cameras.

World frame: the robot starts at the origin facing +x. Positions of cubes and tray are set at every
reset (`layout.py`); here is only what they are made of.
"""

from __future__ import annotations

import math

import mujoco
import numpy as np

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import SimulationError, choices
from wall_oss_ros.core.rotation import quaternion_from_matrix
from wall_oss_ros.kinematics.robot_model import compile_spec
from wall_oss_ros.sim.robot_spec import SCENE_GROUP, WORLD_BIT, robot_spec

# Two steps per 5 ms control tick: at 5 ms the finger contacts chatter, at 1 ms nothing improves.
PHYSICS_DT_S = 0.0025

TABLE_TOP_Z = 0.74  # m
TABLE_CENTER, TABLE_HALF = (0.86, 0.0), (0.34, 0.62)  # m, in the plane

CUBE_HALF = 0.025  # m
CUBE_MASS = 0.06  # kg
CUBE_COLOURS = {
    "red": (0.80, 0.10, 0.08, 1.0),
    "blue": (0.10, 0.25, 0.75, 1.0),
    "green": (0.12, 0.55, 0.20, 1.0),
}

# Inner half size and wall of the tray [m]; low enough that finger tips pass above the wall.
TRAY_HALF, TRAY_WALL_HEIGHT, TRAY_WALL, TRAY_FLOOR = (0.09, 0.13), 0.018, 0.005, 0.004
TRAY = "tray"

# Extra view for people: not a camera of the robot.
THIRD_VIEW = "third"

# Largest picture of the off-screen buffer [px].
MAX_WIDTH, MAX_HEIGHT = 1920, 1200


def cube_name(colour: str) -> str:
    """Return the object name of the cube of a colour."""
    return f"{colour}_cube"


def build_model(contract: RobotContract) -> mujoco.MjModel:
    """Return the whole world with the robot.

    Raises:
        RobotModelError: if the robot description is missing or does not fit the contract.
        SimulationError: if the contract has a camera that this simulator cannot mount.
    """
    spec = robot_spec(contract)
    spec.modelname = contract.name
    spec.option.timestep = PHYSICS_DT_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC  # a held cube does not creep
    spec.option.impratio = 10.0
    _add_surroundings(spec)
    _add_table(spec)
    for colour, rgba in CUBE_COLOURS.items():
        _add_cube(spec, cube_name(colour), rgba)
    _add_tray(spec)
    _add_cameras(spec, contract)
    return compile_spec(spec, contract.name)


def _add_surroundings(spec: mujoco.MjSpec) -> None:
    # No shadow map, no multisampling, no reflections: each costs more than the whole frame where
    # the processor does the drawing.
    spec.visual.quality.shadowsize = 0
    spec.visual.quality.offsamples = 0
    spec.visual.global_.offwidth, spec.visual.global_.offheight = MAX_WIDTH, MAX_HEIGHT
    # Near and far plane and the shadow map are multiples of the extent, which MuJoCo would take
    # from the floor: then the near plane cuts the fingers out of the wrist cameras' pictures.
    spec.stat.extent, spec.stat.center = 1.5, [0.4, 0.0, 0.7]
    spec.visual.map.znear, spec.visual.map.zfar = 0.01, 30.0
    spec.visual.headlight.ambient = [0.30] * 3
    spec.visual.headlight.diffuse = [0.35] * 3
    spec.visual.headlight.specular = [0.05] * 3
    texture = mujoco.mjtTexture
    builtin = mujoco.mjtBuiltin
    spec.add_texture(
        name="sky",
        type=texture.mjTEXTURE_SKYBOX,
        builtin=builtin.mjBUILTIN_GRADIENT,
        rgb1=[0.86, 0.89, 0.93],
        rgb2=[0.62, 0.68, 0.76],
        width=128,
        height=128,
    )
    _add_floor(spec)
    for position, direction, strength, shadow in (
        ((0.5, -1.5, 3.0), (0.1, 0.45, -1.0), 0.50, True),
        ((1.5, 2.0, 2.5), (-0.5, -0.7, -0.8), 0.22, False),
    ):
        spec.worldbody.add_light(
            pos=position,
            dir=direction,
            type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
            diffuse=[strength] * 3,
            specular=[0.25] * 3,
            castshadow=shadow,
        )


def _add_floor(spec: mujoco.MjSpec) -> None:
    # Joints between tiles are thin boxes: a texture on the floor takes a third of the drawing time.
    spec.add_material(name="tiles", rgba=[0.64, 0.64, 0.62, 1.0], specular=0.1, shininess=0.1)
    spec.add_material(name="joints", rgba=[0.50, 0.50, 0.48, 1.0], specular=0.0)
    extent, pitch, half_width = 4.0, 0.6, 0.004
    spec.worldbody.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[extent, extent, 0.1],
        material="tiles",
        contype=WORLD_BIT,
        conaffinity=WORLD_BIT,
        group=SCENE_GROUP,
    )
    for offset in np.arange(-6, 7) * pitch:
        for place, half in (
            ((offset, 0.0, 0.0), (half_width, extent, 0.001)),
            ((0.0, offset, 0.0), (extent, half_width, 0.001)),
        ):
            spec.worldbody.add_geom(
                type=mujoco.mjtGeom.mjGEOM_BOX,
                pos=place,
                size=half,
                material="joints",
                contype=0,
                conaffinity=0,
                group=SCENE_GROUP,
            )


def _add_table(spec: mujoco.MjSpec) -> None:
    spec.add_material(name="wood", rgba=[0.74, 0.60, 0.44, 1.0], specular=0.2, shininess=0.3)
    spec.add_material(name="steel", rgba=[0.30, 0.31, 0.33, 1.0], specular=0.4, shininess=0.5)
    table = spec.worldbody.add_body(name="table", pos=[*TABLE_CENTER, 0.0])
    thickness = 0.02
    _add_box(table, (0.0, 0.0, TABLE_TOP_Z - thickness), (*TABLE_HALF, thickness), material="wood")
    leg = (TABLE_TOP_Z - 2 * thickness) / 2
    for x in (-1, 1):
        for y in (-1, 1):
            place = (x * (TABLE_HALF[0] - 0.05), y * (TABLE_HALF[1] - 0.05), leg)
            _add_box(table, place, (0.022, 0.022, leg), material="steel")


def _add_cube(spec: mujoco.MjSpec, name: str, rgba: tuple[float, ...]) -> None:
    spec.add_material(name=name, rgba=rgba, specular=0.3, shininess=0.4)
    body = spec.worldbody.add_body(name=name)
    body.add_freejoint(name=name)
    _add_box(body, (0.0, 0.0, 0.0), (CUBE_HALF,) * 3, material=name, mass=CUBE_MASS, condim=4)


def _add_tray(spec: mujoco.MjSpec) -> None:
    spec.add_material(name=TRAY, rgba=[0.17, 0.19, 0.22, 1.0], specular=0.3, shininess=0.4)
    # A motion-capture body: resets place it, nothing moves it.
    tray = spec.worldbody.add_body(name=TRAY, mocap=True)
    half_x, half_y = TRAY_HALF
    outer_x, outer_y = half_x + 2 * TRAY_WALL, half_y + 2 * TRAY_WALL
    height = TRAY_WALL_HEIGHT / 2
    _add_box(tray, (0, 0, TRAY_FLOOR / 2), (outer_x, outer_y, TRAY_FLOOR / 2), material=TRAY)
    for sign in (-1, 1):
        wall_x, wall_y = sign * (half_x + TRAY_WALL), sign * (half_y + TRAY_WALL)
        _add_box(tray, (wall_x, 0, height), (TRAY_WALL, outer_y, height), material=TRAY)
        _add_box(tray, (0, wall_y, height), (outer_x, TRAY_WALL, height), material=TRAY)


def _add_box(
    body: mujoco.MjsBody,
    center: tuple[float, ...],
    half: tuple[float, ...],
    *,
    material: str,
    mass: float = 0.0,
    condim: int = 3,
) -> None:
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=center,
        size=half,
        material=material,
        mass=mass,
        condim=condim,
        friction=[0.9, 0.01, 0.001],
        contype=WORLD_BIT,
        conaffinity=WORLD_BIT,
        group=SCENE_GROUP,
    )


def _add_cameras(spec: mujoco.MjSpec, contract: RobotContract) -> None:
    mounts = {"head": ("head_front_camera_link", (0.03, 0.0, 0.0), 0.0, 74.0)}
    for side, arm in contract.arms.items():
        mounts[f"wrist_{side}"] = (arm.tool.link, (0.10, 0.0, 0.07), math.radians(40), 78.0)
    unknown = [name for name in contract.cameras if name not in mounts]
    if unknown:
        raise SimulationError(
            f"the simulator has no camera {choices(unknown)}; name the contract's cameras "
            f"{choices(mounts)}"
        )
    for name, camera in contract.cameras.items():
        link, position, pitch, field_of_view = mounts[name]
        body = spec.body(link)
        if body is None:
            raise SimulationError(
                f"the robot has no link '{link}' to mount camera '{name}' on; this simulator is "
                "for TIAGo Pro"
            )
        # Columns: right, up, back, in the link's frame.
        if name == "head":
            axes = np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        else:
            # On the robot's side of the gripper, where the housing hides neither the finger tips
            # nor what lies ahead; turned from the fingers' direction towards the tool point.
            back = np.array([math.sin(pitch), 0.0, -math.cos(pitch)])
            right = np.array([0.0, -1.0, 0.0])
            axes = np.stack([right, np.cross(back, right), back], axis=1)
        x, y, z, w = quaternion_from_matrix(axes)
        body.add_camera(name=name, pos=position, quat=[w, x, y, z], fovy=field_of_view)
        x, y, z, w = quaternion_from_matrix(axes * np.array([1.0, -1.0, -1.0]))
        body.add_site(name=camera.frame, pos=position, quat=[w, x, y, z], group=5)
    spec.worldbody.add_camera(
        name=THIRD_VIEW,
        pos=[2.35, -1.45, 1.85],
        xyaxes=[0.53, 0.85, 0.0, -0.33, 0.21, 0.92],
        fovy=42.0,
    )
