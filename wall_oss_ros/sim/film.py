"""A film of a run, for machines without a display."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core.errors import SimulationError

FILM_SIZE = (480, 360)
_PERIOD_NS = 200_000_000
# Two minutes; a longer run keeps its last part.
_MOST_FRAMES = 600


class Film:
    """Collects pictures five times a second and writes an animated WebP."""

    def __init__(self, path: Path) -> None:
        """Start an empty film.

        Raises:
            SimulationError: if its folder cannot be made or Pillow is missing.
        """
        try:
            from PIL import Image
        except ImportError:
            raise SimulationError("a film needs Pillow: pip install wall_oss_ros[sim]") from None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SimulationError(f"film {path}: {error}") from None
        self._image = Image
        self._path = path
        self._frames: list[NDArray[np.uint8]] = []
        self._last_ns: int | None = None

    def wants(self, stamp_ns: int) -> bool:
        """Return whether it is time for the next picture."""
        return self._last_ns is None or stamp_ns - self._last_ns >= _PERIOD_NS

    def add(self, stamp_ns: int, picture: NDArray[np.uint8]) -> None:
        """Take a picture (height, width, 3) uint8 RGB."""
        self._last_ns = stamp_ns
        self._frames.append(picture)
        del self._frames[:-_MOST_FRAMES]

    def save(self) -> None:
        """Write the file; nothing where there is no picture."""
        if not self._frames:
            return
        first, *rest = [self._image.fromarray(frame) for frame in self._frames]
        first.save(
            self._path,
            save_all=True,
            append_images=rest,
            duration=_PERIOD_NS // 1_000_000,
            quality=60,
            method=0,
            loop=0,
        )
