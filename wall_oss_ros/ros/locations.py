"""Where the installed files are: config, launch files, executables."""

from __future__ import annotations

from pathlib import Path

from ament_index_python.packages import (
    PackageNotFoundError,
    get_package_prefix,
    get_package_share_directory,
)

from wall_oss_ros.core.errors import BringUpError

PACKAGE = "wall_oss_ros"
_HINT = "build it with 'make build' or 'colcon build', then source install/setup.sh"


def share_folder() -> Path:
    """Return share/wall_oss_ros of the install space.

    Raises:
        BringUpError: if the package is not installed in this environment.
    """
    try:
        return Path(get_package_share_directory(PACKAGE))
    except (PackageNotFoundError, LookupError):
        raise BringUpError(f"package {PACKAGE} is not built in this environment; {_HINT}") from None


def executable(name: str) -> Path:
    """Return the path of a node executable.

    Raises:
        BringUpError: if it is not there.
    """
    share_folder()
    path = Path(get_package_prefix(PACKAGE)) / "lib" / PACKAGE / name
    if not path.is_file():
        raise BringUpError(f"no executable {path}; {_HINT}")
    return path


def robots_folder() -> Path:
    """Return the folder of the robot contracts."""
    return share_folder() / "config" / "robots"
