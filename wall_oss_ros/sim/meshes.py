"""Meshes light enough to draw in software: read STL, merge vertices that share a grid cell.

The robot's CAD meshes have 250 000 faces; drawing them costs most of a frame without a GPU. Merging
leaves no holes, which edge-collapse tools do on these many-shelled meshes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core.errors import RobotModelError

_STL = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_HEADER_BYTES = 84

# Cell sizes [m]: small parts (fingers) are looked at from near by the wrist cameras.
_CELL, _SMALL_CELL, _SMALL_PART = 0.009, 0.0035, 0.12
# Below this many faces a mesh is cheap as it is.
_FEW_FACES = 300

Vertices = NDArray[np.float64]
Faces = NDArray[np.int64]


def read_stl(path: Path) -> Vertices:
    """Return the corners (faces, 3, 3) [m] of a binary STL file.

    Raises:
        RobotModelError: if it is missing or not a binary STL.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RobotModelError(f"mesh '{path}' cannot be read: {error}") from None
    count = int.from_bytes(content[80:_HEADER_BYTES], "little")
    if len(content) != _HEADER_BYTES + count * _STL.itemsize:
        raise RobotModelError(f"mesh '{path}' is not a binary STL file")
    return np.frombuffer(content, _STL, offset=_HEADER_BYTES)["corners"].astype(np.float64)


def clustered(corners: Vertices) -> tuple[Vertices, Faces]:
    """Return vertices (n, 3) [m] and faces (m, 3) of a mesh with nearby vertices merged.

    Args:
        corners: (faces, 3, 3) [m].
    """
    points = corners.reshape(-1, 3)
    extent = points.max(axis=0) - points.min(axis=0)
    cell = _SMALL_CELL if extent.max() < _SMALL_PART else _CELL
    # Few faces: only exact duplicates (STL has no shared vertices) are merged.
    cell = 1e-6 if len(corners) < _FEW_FACES else cell
    grid = np.floor((points - points.min(axis=0)) / cell).astype(np.int64)
    spans = grid.max(axis=0) + 1
    keys = (grid[:, 0] * spans[1] + grid[:, 1]) * spans[2] + grid[:, 2]
    _, owner, count = np.unique(keys, return_inverse=True, return_counts=True)
    owner = owner.reshape(-1)
    vertices = np.stack([np.bincount(owner, points[:, axis]) / count for axis in range(3)], axis=1)
    faces = owner.reshape(-1, 3)
    distinct = (
        (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])
    )
    faces = faces[distinct]
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    return vertices, faces[np.sort(first)]
