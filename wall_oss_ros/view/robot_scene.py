"""The robot in the scene of viser: a frame per link, shapes on them, marks in the frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from wall_oss_ros.core.drawing import Mark, MarkKind
from wall_oss_ros.core.errors import RobotModelError
from wall_oss_ros.core.rotation import Array, quaternion_from_matrix
from wall_oss_ros.kinematics.robot_drawing import DrawnLink, DrawnShape, RobotDrawing
from wall_oss_ros.sim.meshes import clustered, read_stl

_ROOT = "/robot"
# What the colours of marks fade to where they are transparent.
_BACKGROUND = np.array([0.07, 0.07, 0.07])


class RobotScene:
    """Draws one robot. Use from one thread after another."""

    def __init__(self, server: Any) -> None:
        """Begin with an empty floor.

        Args:
            server: viser's.
        """
        self._server = server
        self._paths: dict[str, str] = {}
        self._moving: list[tuple[DrawnLink, Any]] = []
        self._shown: dict[tuple[str, int], tuple[Mark, Any]] = {}
        self._positions: dict[str, float] = {}
        # Shadows cost a machine without a graphics card as much again as the robot does.
        server.scene.configure_default_lights(cast_shadow=False)
        server.scene.add_grid("/floor", width=4.0, height=4.0, cell_color=(60, 60, 60))
        server.scene.add_frame(_ROOT, show_axes=False)

    def build(self, drawing: RobotDrawing) -> tuple[str, ...]:
        """Draw the robot; return why parts of it are missing, in words."""
        lacks = list(drawing.lacks)
        moving = []
        for link in drawing.links:
            path = f"{self._paths.get(link.parent, _ROOT)}/{link.name}"
            self._paths[link.name] = path
            place, turn = link.pose({})
            handle = self._server.scene.add_frame(path, show_axes=False, position=place, wxyz=turn)
            if link.axis is not None:
                moving.append((link, handle))
        self._moving = moving
        for number, shape in enumerate(drawing.shapes):
            try:
                self._add(shape, f"{self._paths[shape.link]}/shape{number}")
            except RobotModelError as error:
                lacks.append(str(error))
        return tuple(dict.fromkeys(lacks))

    def move(self, positions: Mapping[str, float]) -> None:
        """Put every joint where it is measured.

        Args:
            positions: by joint [rad] or [m].
        """
        for link, handle in self._moving:
            now = positions.get(link.driver, 0.0)
            # Noise of a joint that stands is not worth a message.
            if abs(now - self._positions.get(f"{link.name}/{link.driver}", np.inf)) < 2e-4:
                continue
            self._positions[f"{link.name}/{link.driver}"] = now
            handle.position, handle.wxyz = link.pose(positions)

    def mark(self, marks: Iterable[Mark]) -> None:
        """Show these marks and no others."""
        wanted = {(mark.namespace, mark.number): mark for mark in marks}
        for key in [key for key in self._shown if key not in wanted]:
            self._shown.pop(key)[1].remove()
        for key, mark in wanted.items():
            before = self._shown.get(key)
            if before is not None and _same(before[0], mark):
                continue
            if mark.frame in self._paths or not self._paths:
                self._shown[key] = (mark, self._draw(mark))

    def _draw(self, mark: Mark) -> Any:
        name = (
            f"{self._paths.get(mark.frame, _ROOT)}/{mark.namespace.replace('/', '_')}_{mark.number}"
        )
        scene, points = self._server.scene, mark.points.astype(np.float32)
        colours = np.broadcast_to(_solid(mark.colours), (len(points), 3))
        if mark.kind is MarkKind.TEXT:
            return scene.add_label(
                name,
                mark.text.replace("\n", "; "),
                position=points[0],
                font_size_mode="scene",
                font_scene_height=mark.size,
            )
        if mark.kind is MarkKind.SPHERES:
            return scene.add_point_cloud(
                name, points, colours, point_size=mark.size / 2, point_shape="circle"
            )
        if mark.kind is MarkKind.STRIP:
            points = np.stack([points[:-1], points[1:]], axis=1)
            colours = np.stack([colours[:-1], colours[1:]], axis=1)
        else:
            points, colours = points.reshape(-1, 2, 3), colours.reshape(-1, 2, 3)
        return scene.add_line_segments(name, points, colours, thickness=mark.size)

    def _add(self, shape: DrawnShape, name: str) -> None:
        turn = np.roll(quaternion_from_matrix(shape.turn), 1)
        given = {
            "color": tuple(round(255 * part) for part in shape.colour),
            "position": shape.place,
            "wxyz": turn,
        }
        scene = self._server.scene
        if shape.mesh is not None:
            vertices, faces = clustered(read_stl(shape.mesh))
            if np.prod(shape.size) < 0.0:
                faces = faces[:, ::-1]  # mirrored: or the inside would be seen
            scaled = (vertices * shape.size).astype(np.float32)
            scene.add_mesh_simple(name, scaled, faces.astype(np.uint32), flat_shading=True, **given)
        elif len(shape.size) == 3:
            scene.add_box(name, dimensions=shape.size, **given)
        elif len(shape.size) == 2:
            scene.add_cylinder(name, radius=shape.size[0], height=shape.size[1], **given)
        else:
            scene.add_icosphere(name, radius=shape.size[0], **given)


def _solid(colours: Array) -> Array:
    """Return colours (N, 4) of 0 to 1 as (N, 3) uint8, mixed with the background."""
    opacity = colours[:, 3:]
    mixed = opacity * colours[:, :3] + (1.0 - opacity) * _BACKGROUND
    return np.round(255.0 * mixed).astype(np.uint8)


def _same(one: Mark, other: Mark) -> bool:
    return (
        one.points.shape == other.points.shape
        and one.text == other.text
        and one.frame == other.frame
        and np.array_equal(one.points, other.points)
        and np.array_equal(one.colours, other.colours)
    )
