"""Cameras that look once and then only shimmer: pictures for measurements, without drawing's cost.

Drawing three pictures in software takes most of a core; what the chain costs beside it could not be
seen. These pictures show nothing of what happens later: for policies that look at none.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.sim.cameras import SimCameras
from wall_oss_ros.sim.robot import Snapshot

# Rows of a picture that get another noise in every frame: as alive as a checksum can tell.
_ROWS = 4
_NOISE_TOP = 3


class StillCameras:
    """Draws one set of pictures when first asked, and changes a few rows of it for every other.

    Args:
        cameras: makes the cameras that draw; called, used and closed on the thread that asks.
        seed: of the noise.
    """

    def __init__(self, cameras: Callable[[], SimCameras], *, seed: int = 0) -> None:
        self._cameras = cameras
        self._rng = np.random.default_rng(seed)
        self._drawn: dict[str, NDArray[np.uint8]] = {}
        self._pictures: dict[str, NDArray[np.uint8]] = {}

    def render(self, snapshot: Snapshot) -> dict[str, NDArray[np.uint8]]:
        """Return a picture (px, px, 3) uint8 RGB of every camera, by name.

        The arrays are the same every time; whoever keeps one copies it.
        """
        if not self._drawn:
            cameras = self._cameras()
            self._drawn = cameras.render(snapshot)
            cameras.close()
            self._pictures = {name: picture.copy() for name, picture in self._drawn.items()}
        for name, picture in self._pictures.items():
            rows = picture[:_ROWS]
            noise = self._rng.integers(0, _NOISE_TOP + 1, rows.shape, dtype=np.uint8)
            np.bitwise_xor(self._drawn[name][:_ROWS], noise, out=rows)
        return self._pictures
