"""Load MuJoCo without touching OpenGL.

MuJoCo picks a drawing back end when it is imported and fails there, with a traceback, if that back
end is missing. Kinematics and physics draw nothing, and the simulator's cameras open their own
context (`sim/offscreen.py`), so a machine without a display driver can still run them.
"""

from __future__ import annotations

import importlib
import os

from wall_oss_ros.core.errors import RobotModelError

_PACKAGES = ("mujoco", "mink", "daqp")


def load_engine() -> None:
    """Import MuJoCo and the solver's packages; later imports find them loaded.

    Raises:
        RobotModelError: if one is not installed.
    """
    asked = os.environ.get("MUJOCO_GL")
    os.environ["MUJOCO_GL"] = "disable"
    try:
        for package in _PACKAGES:
            importlib.import_module(package)
    except ImportError as error:
        raise RobotModelError(
            f"kinematics and simulation need the Python packages {', '.join(_PACKAGES)}, but: "
            f"{error}; run `pip install {' '.join(_PACKAGES)}`"
        ) from None
    finally:
        if asked is None:
            del os.environ["MUJOCO_GL"]
        else:
            os.environ["MUJOCO_GL"] = asked
