"""The surface of MuJoCo's geometry as triangles or as hull; round ones lie slightly outside."""

from __future__ import annotations

import math

import mujoco
import numpy as np

from wall_oss_ros.kinematics.frames import Array
from wall_oss_ros.kinematics.shapes import Box

# Corners that stand for a circle; the polygon is drawn around it.
_CORNERS = 24

# Faces of the cube with the corners (x, y, z) in counting order 000, 001, .., 111.
_CUBE = np.array([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)])
_CUBE_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 5, 7], [4, 7, 6], [0, 1, 5], [0, 5, 4]]
    + [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 3, 7], [1, 7, 5]]
)


def geom_triangles(model: mujoco.MjModel, geom: int) -> Array:
    """Return triangles (n, 3, 3) [m] of a mesh, box, cylinder or ball, in the geometry's frame."""
    kind, size = model.geom_type[geom], model.geom_size[geom]
    if kind == mujoco.mjtGeom.mjGEOM_MESH:
        mesh = int(model.geom_dataid[geom])
        vertex, face = int(model.mesh_vertadr[mesh]), int(model.mesh_faceadr[mesh])
        vertices = model.mesh_vert[vertex : vertex + int(model.mesh_vertnum[mesh])]
        faces = model.mesh_face[face : face + int(model.mesh_facenum[mesh])]
        surface: Array = np.asarray(vertices, dtype=np.float64)[faces]
        return surface
    if kind == mujoco.mjtGeom.mjGEOM_BOX:
        return box_triangles(Box(np.zeros(3), np.eye(3), np.asarray(size)))
    # URDF has two more: a cylinder, and a ball, which stands here for itself as the tube around it.
    half_length = size[1] if kind == mujoco.mjtGeom.mjGEOM_CYLINDER else size[0]
    return _tube(float(size[0]), float(half_length))


def hull_points(model: mujoco.MjModel, geom: int) -> Array:
    """Return points (n, 3) [m] whose hull encloses the geometry, in its frame."""
    mesh = int(model.geom_dataid[geom])
    if model.geom_type[geom] != mujoco.mjtGeom.mjGEOM_MESH or model.mesh_graphadr[mesh] < 0:
        return geom_triangles(model, geom).reshape(-1, 3)
    # MuJoCo's hull: counts of vertices and faces, a table of edges, then the vertices' numbers.
    graph = model.mesh_graph[int(model.mesh_graphadr[mesh]) :]
    count, vertex = int(graph[0]), int(model.mesh_vertadr[mesh])
    numbers = graph[2 + count : 2 + 2 * count]
    points: Array = np.asarray(model.mesh_vert[vertex + numbers], dtype=np.float64)
    return points


def box_triangles(box: Box) -> Array:
    """Return the twelve triangles (12, 3, 3) [m] of a box."""
    corners: Array = _CUBE * box.half @ box.axes.T + box.center
    triangles: Array = corners[_CUBE_FACES]
    return triangles


def _tube(radius: float, half_length: float) -> Array:
    angle = np.linspace(0.0, 2.0 * math.pi, _CORNERS, endpoint=False)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius / math.cos(math.pi / _CORNERS)
    low, high = (np.column_stack([ring, np.full(_CORNERS, z)]) for z in (-half_length, half_length))
    after = np.roll(np.arange(_CORNERS), -1)
    sides = [
        np.stack([low, low[after], high], axis=1),
        np.stack([high, high[after], low[after]], axis=1),
    ]
    caps = [
        np.stack([end, end[after], np.broadcast_to(end.mean(axis=0), end.shape)], axis=1)
        for end in (low, high)
    ]
    return np.concatenate(sides + caps)
