"""Everything that looks at the simulation: the robot's cameras, a window for people, a film."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core.errors import SimulationError, choices
from wall_oss_ros.core.rates import Percentiles
from wall_oss_ros.sim.cameras import SimCameras
from wall_oss_ros.sim.film import FILM_SIZE, Film
from wall_oss_ros.sim.robot import Snapshot
from wall_oss_ros.sim.still import StillCameras
from wall_oss_ros.sim.window import Window

CAMERA_KINDS = ("drawn", "still")
_DRAWING_NICENESS = 10


class Studio:
    """Takes pictures. Created anywhere, used by one thread.

    Attributes:
        still: whether the cameras look only once, see `still.py`.
        render_ms: how long the robot's pictures of one moment take.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        names: Sequence[str],
        px: int,
        *,
        seed: int = 0,
        cameras: str = "drawn",
        window: bool = False,
        film: str = "",
    ) -> None:
        """Prepare; nothing is drawn yet.

        Args:
            model: the compiled world.
            names: the robot's cameras.
            px: width and height of their pictures [px].
            seed: of their noise.
            cameras: "drawn", or "still".
            window: whether to show the simulation in a window.
            film: file to save a film to at the end, "" for none.

        Raises:
            SimulationError: for another kind of cameras, or still ones with a window or a film; or
                if there is no display.
        """
        if cameras not in CAMERA_KINDS:
            raise SimulationError(
                f"parameter 'cameras': got '{cameras}'; valid: {choices(CAMERA_KINDS)}"
            )
        self.still = cameras == "still"
        if self.still and (window or film):
            raise SimulationError("cameras 'still' draw nothing more: no window, no film with them")
        self._model, self._names, self._px, self._seed = model, tuple(names), px, seed
        self._window = Window(model) if window else None
        self._film = Film(Path(film)) if film else None
        self._drawing: SimCameras | None = None
        self._shimmering = StillCameras(self._make_cameras, seed=seed) if self.still else None
        self.render_ms = Percentiles()

    def warm_up(self, snapshot: Snapshot) -> None:
        """Draw once everything that will be drawn: meshes load for seconds."""
        if self._shimmering is not None:
            self._shimmering.render(snapshot)
            return
        cameras = self._cameras()
        cameras.render(snapshot)
        if self._film is not None:
            cameras.render_view(snapshot, "third", *FILM_SIZE)

    def shoot(self, snapshot: Snapshot) -> Mapping[str, NDArray[np.uint8]]:
        """Return a picture (px, px, 3) uint8 RGB per camera; show and film the moment, too."""
        begin = time.perf_counter()
        if self._shimmering is not None:
            pictures = self._shimmering.render(snapshot)
            self.render_ms.add((time.perf_counter() - begin) * 1e3)
            return pictures
        cameras = self._cameras()
        pictures = cameras.render(snapshot)
        self.render_ms.add((time.perf_counter() - begin) * 1e3)
        if self._window is not None:
            self._window.show(snapshot)
        if self._film is not None and self._film.wants(snapshot.stamp_ns):
            view = cameras.render_view(snapshot, "third", *FILM_SIZE)
            self._film.add(snapshot.stamp_ns, view)
        return pictures

    def close(self) -> None:
        """Close the window, save the film; when the drawing thread has ended."""
        if self._window is not None:
            self._window.close()
        if self._film is not None:
            self._film.save()

    def _cameras(self) -> SimCameras:
        if self._drawing is None:
            # Drawing may take what the loops leave: a late picture is a picture, a late joint
            # state stops the robot. The threads of a software renderer inherit this.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _DRAWING_NICENESS)
            # The GL context belongs to the thread that made it.
            self._drawing = self._make_cameras()
        return self._drawing

    def _make_cameras(self) -> SimCameras:
        return SimCameras(self._model, self._names, self._px, seed=self._seed)
