"""Drawing without a window: one OpenGL context, one picture size, one thread.

The back end is chosen here and not left to MuJoCo, which reads ``MUJOCO_GL`` once, when it is first
imported anywhere in the process.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import threading
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core.errors import SimulationError, choices

Image = NDArray[np.uint8]

_BACK_ENDS = {"egl": "mujoco.egl", "osmesa": "mujoco.osmesa", "glfw": "mujoco.glfw"}
_LIBRARIES = {"egl": ("libEGL.so.1",), "osmesa": ("libOSMesa.so.8", "libOSMesa.so.6")}
_INSTALL = "apt install libegl1 libgl1-mesa-dri libgles2"

# Picture side for the shadow map and samples per pixel of a `detailed` picture.
_SHADOW_MAP, _SAMPLES = 2048, 4
_MAX_GEOMS = 1000


class OffscreenRenderer:
    """Draws one model at one size. Create, use and close it on one thread.

    Args:
        model: the compiled world.
        width: picture width [px].
        height: picture height [px].
        detailed: with shadows and smooth edges, for pictures that people look at; some ten times
            slower without a GPU.

    Raises:
        SimulationError: if this machine cannot draw off screen, with what to install.
    """

    def __init__(
        self, model: mujoco.MjModel, width: int, height: int, *, detailed: bool = False
    ) -> None:
        self._model, self._thread = model, threading.get_ident()
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._option = mujoco.MjvOption()
        self._scene = mujoco.MjvScene(model, _MAX_GEOMS)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = detailed
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        self._rect = mujoco.MjrRect(0, 0, width, height)
        self._gl = _gl_context(width, height)
        self._context = self._drawing_context(detailed)
        mujoco.mjr_resizeOffscreen(width, height, self._context)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._pixels: Image = np.empty((height, width, 3), np.uint8)

    def draw(self, data: mujoco.MjData, camera: str) -> Image:
        """Return a new picture (height, width, 3) RGB of a camera of the model.

        Args:
            data: state with kinematics and camera poses computed.
            camera: name.
        """
        if threading.get_ident() != self._thread:
            raise ValueError("an OffscreenRenderer is used by the thread that created it only")
        self._gl.make_current()
        self._camera.fixedcamid = self._model.camera(camera).id
        mujoco.mjv_updateScene(
            self._model,
            data,
            self._option,
            None,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL,
            self._scene,
        )
        mujoco.mjr_render(self._rect, self._scene, self._context)
        mujoco.mjr_readPixels(self._pixels, None, self._rect, self._context)
        return self._pixels[::-1].copy()  # OpenGL counts rows from the bottom

    def close(self) -> None:
        """Free the context; on the thread that created it."""
        if self._gl is not None:
            self._gl.make_current()
            self._context.free()
            self._gl.free()
            self._gl = None

    def _drawing_context(self, detailed: bool) -> mujoco.MjrContext:
        quality = self._model.vis.quality
        before = quality.shadowsize, quality.offsamples
        try:
            # Read when a context is made and at no other time.
            if detailed:
                quality.shadowsize, quality.offsamples = _SHADOW_MAP, _SAMPLES
            return mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100)
        except (mujoco.FatalError, RuntimeError) as error:
            raise SimulationError(f"OpenGL cannot draw off screen: {error}; {_INSTALL}") from None
        finally:
            quality.shadowsize, quality.offsamples = before


def _gl_context(width: int, height: int) -> Any:
    """Return a current OpenGL context of the back end that ``MUJOCO_GL`` names or that is here."""
    asked = os.environ.get("MUJOCO_GL", "").strip().lower()
    if asked and asked not in _BACK_ENDS:
        raise SimulationError(f"MUJOCO_GL is '{asked}'; valid: {choices(_BACK_ENDS)}, or unset")
    name = asked or _installed_back_end()
    # PyOpenGL keeps the platform of its first import; another library may have set it.
    if os.environ.get("PYOPENGL_PLATFORM", name).lower() != name:
        raise SimulationError(
            f"PYOPENGL_PLATFORM is '{os.environ['PYOPENGL_PLATFORM']}' but the simulator draws "
            f"with '{name}'; unset PYOPENGL_PLATFORM or set MUJOCO_GL to the same"
        )
    try:
        context = importlib.import_module(_BACK_ENDS[name]).GLContext(width, height)
        context.make_current()
    except Exception as error:  # the bindings raise whatever the missing piece caused
        raise SimulationError(
            f"cannot draw off screen with '{name}' ({type(error).__name__}: {error}); install "
            f"software rendering: {_INSTALL}" + ("; or unset MUJOCO_GL" if asked else "")
        ) from None
    return context


def _installed_back_end() -> str:
    for name, libraries in _LIBRARIES.items():
        for library in libraries:
            try:
                ctypes.CDLL(library)
                return name
            except OSError:
                continue
    raise SimulationError(f"no EGL or OSMesa library to draw off screen; {_INSTALL}")
