"""From the URDF's collision geometry to a few simple shapes per link.

Arms get one capsule per link, links of the body a few boxes. MuJoCo reads the meshes;
the model that it compiles for that is thrown away.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import mujoco
import numpy as np

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.kinematics.cover import cover
from wall_oss_ros.kinematics.description import read_urdf, resolve_meshes
from wall_oss_ros.kinematics.frames import Array
from wall_oss_ros.kinematics.geom_surface import box_triangles, geom_triangles, hull_points
from wall_oss_ros.kinematics.robot_model import compile_spec, spec_from_urdf
from wall_oss_ros.kinematics.shapes import Box, Capsule, enclosing_box, enclosing_capsule

BODY = "body"

# A link of the body that is smaller than this around and fixed to its parent (sensors, antennas,
# wheels) is enclosed with the parent: as a shape of its own it would only cost time.
_SMALL_RADIUS_M = 0.1
# Openings of a gripper that its fingers' shape encloses.
_OPENINGS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class LinkShape:
    """One shape.

    Attributes:
        link: the URDF's link that carries it.
        owner: "left" or "right" for an arm with its gripper, `BODY` for everything else.
        hand: "" or, for a gripper, "housing" or "fingers".
        shape: in the link's frame.
    """

    link: str
    owner: str
    hand: str
    shape: Capsule | Box


class Part(NamedTuple):
    """What is enclosed together; see `LinkShape`."""

    link: str
    owner: str
    hand: str


@dataclass(frozen=True, slots=True)
class ShapeRequest:
    """What the shapes of a robot depend on.

    Attributes:
        urdf: its description.
        moved: joints of the kinematic model.
        first_joints: per arm, its side and its joint nearest to the body.
        grippers: per gripper, the driven joint and its positions closed and open [rad] or [m].
    """

    urdf: Path
    moved: frozenset[str]
    first_joints: tuple[tuple[str, str], ...]
    grippers: tuple[tuple[str, float, float], ...]


def link_shapes(contract: RobotContract, urdf: Path) -> tuple[LinkShape, ...]:
    """Return the shapes of a robot, in the order of its links.

    The fingers of a gripper are one shape that encloses them at every opening; it belongs to the
    link that carries them. Takes some 0.4 s the first time in a process; the same robot again
    takes nothing.

    Raises:
        RobotModelError: if a mesh is missing or MuJoCo refuses it.
    """
    grippers = contract.grippers.values()
    return _shapes(
        ShapeRequest(
            urdf,
            frozenset(contract.limited_joints),
            tuple((side, next(iter(arm.joints))) for side, arm in contract.arms.items()),
            tuple((gripper.joint, gripper.closed, gripper.open) for gripper in grippers),
        )
    )


@functools.lru_cache(maxsize=4)
def _shapes(request: ShapeRequest) -> tuple[LinkShape, ...]:
    surfaces = _Reader(request, _collision_model(request.urdf)).surfaces()
    return tuple(
        LinkShape(*part, shape)
        for part, surface in surfaces.items()
        for shape in (cover(surface) if part.owner == BODY else [enclosing_capsule(surface)])
    )


def _collision_model(path: Path) -> mujoco.MjModel:
    urdf = read_urdf(path)
    for link in urdf.findall("link"):
        for tag in ("visual", "inertial"):
            for element in link.findall(tag):
                link.remove(element)
    resolve_meshes(urdf, path)
    spec = spec_from_urdf(urdf)
    for mesh in spec.meshes:
        # Only the vertices count; inertia of a volume fails for meshes that are not closed.
        mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
    return compile_spec(spec, path.name)


class _Reader:
    """Collects surfaces by the part that they belong to."""

    def __init__(self, request: ShapeRequest, model: mujoco.MjModel) -> None:
        self._request, self._model = request, model
        self._data = mujoco.MjData(model)
        self._moved = request.moved
        self._first_joints = {joint: side for side, joint in request.first_joints}
        self._geoms: dict[int, list[int]] = {}  # by body
        for geom in range(model.ngeom):
            self._geoms.setdefault(int(model.geom_bodyid[geom]), []).append(geom)

    def surfaces(self) -> dict[Part, Array]:
        """Return points (n, 3) of arms' parts, triangles (n, 3, 3) of the body's, in their link."""
        parts = {body: self._part(body) for body in self._geoms}
        surfaces: dict[Part, list[Array]] = {}
        for opening in _OPENINGS:
            self._open_grippers(opening)
            for body, (carrier, part) in parts.items():
                if part.hand == "fingers" or opening == _OPENINGS[0]:
                    read = geom_triangles if part.owner == BODY else hull_points
                    surface = self._in_link(body, carrier, read)
                    if part.owner == BODY and carrier != body:
                        surface = box_triangles(enclosing_box(surface.reshape(-1, 3)))
                    surfaces.setdefault(part, []).append(surface)
        return {part: np.concatenate(found) for part, found in surfaces.items()}

    def _part(self, body: int) -> tuple[int, Part]:
        """Return the link whose shape encloses a link, and the part."""
        owner, carrier = self._owner(body), self._carrier(body)
        hand = ""
        if owner == BODY:
            carrier = self._large_ancestor(carrier)
        elif carrier != body:
            hand = "fingers"
        elif any(self._carrier(other) == body != other for other in self._geoms):
            hand = "housing"
        return carrier, Part(str(self._model.body(carrier).name), owner, hand)

    def _in_link(self, body: int, link: int, read: Callable[[mujoco.MjModel, int], Array]) -> Array:
        """Return what `read` finds of a body's geometry, in the frame of a link."""
        data, found = self._data, []
        inward = data.xmat[link].reshape(3, 3)
        for geom in self._geoms[body]:
            outward = data.geom_xmat[geom].reshape(3, 3).T
            world = read(self._model, geom) @ outward + data.geom_xpos[geom]
            found.append((world - data.xpos[link]) @ inward)
        return np.concatenate(found)

    def _open_grippers(self, opening: float) -> None:
        model, data = self._model, self._data
        data.qpos[:] = 0.0
        for joint, closed, opened in self._request.grippers:
            data.joint(joint).qpos[0] = closed + opening * (opened - closed)
        for i in range(model.neq):
            if model.eq_type[i] == mujoco.mjtEq.mjEQ_JOINT:  # what URDF calls mimic
                follower, leader = (int(model.eq_obj1id[i]), int(model.eq_obj2id[i]))
                offset, factor = model.eq_data[i][:2]
                led = data.qpos[model.jnt_qposadr[leader]]
                data.qpos[model.jnt_qposadr[follower]] = offset + factor * led
        mujoco.mj_kinematics(model, data)

    def _owner(self, body: int) -> str:
        for ancestor in self._ancestors(body):
            side = self._first_joints.get(self._joint(ancestor))
            if side is not None:
                return side
        return BODY

    def _carrier(self, body: int) -> int:
        """Return the link that a link moves with in the kinematic model, seen from the fingers."""
        carrier = body
        for ancestor in self._ancestors(body):
            joint = self._joint(ancestor)
            if joint in self._moved:
                break
            if joint:
                carrier = int(self._model.body_parentid[ancestor])
        return carrier

    def _large_ancestor(self, body: int) -> int:
        """Return the nearest link upwards that is worth a shape, or the link itself."""
        half = self._model.geom_aabb[:, 3:]  # half edges of each geometry's box
        for ancestor in self._ancestors(body):
            geoms = self._geoms.get(ancestor, [])
            if any(np.linalg.norm(half[geom]) >= _SMALL_RADIUS_M for geom in geoms):
                return ancestor
            if self._joint(ancestor) in self._moved:
                break
        return body

    def _ancestors(self, body: int) -> Iterator[int]:
        while body != 0:
            yield body
            body = int(self._model.body_parentid[body])

    def _joint(self, body: int) -> str:
        first = int(self._model.body_jntadr[body])
        return "" if first < 0 else str(self._model.joint(first).name)
