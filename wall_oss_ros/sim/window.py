"""A live window on the simulation, where there is a display."""

from __future__ import annotations

import os
import warnings

import mujoco

from wall_oss_ros.core.errors import SimulationError
from wall_oss_ros.sim.robot import Snapshot


class Window:
    """MuJoCo's own viewer, fed with snapshots; closing it changes nothing for the robot."""

    def __init__(self, model: mujoco.MjModel) -> None:
        """Open the window.

        Raises:
            SimulationError: if there is no display.
        """
        import glfw
        import mujoco.viewer

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # The viewer ends the whole process where this fails.
            opened = glfw.init()
        if not opened:
            raise SimulationError(
                f"no window can be opened on display '{os.environ.get('DISPLAY', '')}'; run "
                "without one: HEADLESS=1 or window:=false"
            )
        self._model = model
        self._data = mujoco.MjData(model)
        self._viewer = mujoco.viewer.launch_passive(
            model, self._data, show_left_ui=False, show_right_ui=False
        )
        with self._viewer.lock():
            self._viewer.cam.lookat[:] = (0.5, 0.0, 0.85)
            self._viewer.cam.distance, self._viewer.cam.azimuth = 2.2, 140.0
            self._viewer.cam.elevation = -20.0

    def show(self, snapshot: Snapshot) -> None:
        """Draw a moment."""
        if not self._viewer.is_running():
            return
        with self._viewer.lock():
            self._data.qpos[:] = snapshot.qpos
            self._data.mocap_pos[:] = snapshot.mocap_pos
            self._data.mocap_quat[:] = snapshot.mocap_quat
            mujoco.mj_kinematics(self._model, self._data)
        self._viewer.sync()

    def close(self) -> None:
        """Close it."""
        self._viewer.close()
