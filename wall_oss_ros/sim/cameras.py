"""The robot's cameras: pictures of a snapshot, with a sensor's noise.

Draws from its own copy of the state, so that physics may run on in another thread.
"""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

from wall_oss_ros.core.errors import SimulationError, choices
from wall_oss_ros.sim.offscreen import Image, OffscreenRenderer
from wall_oss_ros.sim.robot import Snapshot
from wall_oss_ros.sim.scene import MAX_HEIGHT, MAX_WIDTH

MIN_PX, MAX_PX = 32, 1200

# Noise is 0 to 3 in steps of the sensor's last bit (standard deviation 0.9), cut from one table at
# a random place: drawing fresh numbers for every pixel would take longer than the picture.
_NOISE_TOP = 3
_NOISE_TABLE = 1 << 21


class SimCameras:
    """Renders a set of cameras at one size. Create, use and close it on one thread.

    Args:
        model: the compiled world (``SimRobot.model``).
        names: cameras, e.g. those of the contract.
        px: width and height of the pictures [px].
        seed: of the noise; the same seed, camera and time since the reset give the same noise, so
            that an episode does not depend on those before it.

    Raises:
        SimulationError: for an unknown camera, a size out of range, or no way to draw.
    """

    def __init__(
        self, model: mujoco.MjModel, names: Sequence[str], px: int = 448, *, seed: int = 0
    ) -> None:
        if not MIN_PX <= px <= MAX_PX:
            raise SimulationError(f"image size {px} px; expected {MIN_PX} to {MAX_PX} px")
        self._model = model
        self._known = {model.camera(i).name for i in range(model.ncam)}
        for name in names:
            self._check_camera(name)
        self._names, self._seed = tuple(names), seed
        self._data = mujoco.MjData(model)
        self._renderer = OffscreenRenderer(model, px, px)
        self._view: tuple[tuple[int, int, bool], OffscreenRenderer] | None = None
        rng = np.random.default_rng(seed)
        size = _NOISE_TABLE + px * px * 3
        self._noise = rng.binomial(_NOISE_TOP, 0.5, size).astype(np.uint8)

    def render(self, snapshot: Snapshot) -> dict[str, Image]:
        """Return a picture (px, px, 3) uint8 RGB of every camera, by name."""
        self._load(snapshot)
        images = {}
        for index, name in enumerate(self._names):
            image = self._renderer.draw(self._data, name)
            self._add_noise(image, snapshot.episode_ns, index)
            images[name] = image
        return images

    def render_view(
        self, snapshot: Snapshot, name: str, width: int, height: int, *, detailed: bool = False
    ) -> Image:
        """Return a picture (height, width, 3) uint8 RGB for people, without noise.

        Args:
            snapshot: the moment.
            name: any camera of the model; "third" looks at the whole robot.
            width: [px].
            height: [px].
            detailed: with shadows and smooth edges; slow without a GPU.

        Raises:
            SimulationError: for an unknown camera or a size out of range.
        """
        self._check_camera(name)
        if not (MIN_PX <= width <= MAX_WIDTH and MIN_PX <= height <= MAX_HEIGHT):
            raise SimulationError(
                f"view of {width} x {height} px; expected {MIN_PX} to {MAX_WIDTH} wide and to "
                f"{MAX_HEIGHT} high"
            )
        wanted = (width, height, detailed)
        if self._view is not None and self._view[0] != wanted:
            self._view[1].close()
            self._view = None
        if self._view is None:
            renderer = OffscreenRenderer(self._model, width, height, detailed=detailed)
            self._view = (wanted, renderer)
        self._load(snapshot)
        return self._view[1].draw(self._data, name)

    def close(self) -> None:
        """Free the OpenGL contexts; on the thread that created them."""
        self._renderer.close()
        if self._view is not None:
            self._view[1].close()
            self._view = None

    def _load(self, snapshot: Snapshot) -> None:
        data = self._data
        data.qpos[:] = snapshot.qpos
        data.mocap_pos[:] = snapshot.mocap_pos
        data.mocap_quat[:] = snapshot.mocap_quat
        mujoco.mj_kinematics(self._model, data)
        mujoco.mj_comPos(self._model, data)
        mujoco.mj_camlight(self._model, data)

    def _add_noise(self, image: Image, time_ns: int, index: int) -> None:
        rng = np.random.default_rng((self._seed, time_ns, index))
        start = int(rng.integers(_NOISE_TABLE))
        flat = image.reshape(-1)
        np.minimum(flat, 255 - _NOISE_TOP, out=flat)  # room, so that no pixel wraps around
        np.add(flat, self._noise[start : start + flat.size], out=flat)

    def _check_camera(self, name: str) -> None:
        if name not in self._known:
            raise SimulationError(f"unknown camera '{name}'; valid: {choices(self._known)}")
