"""What this machine needs before anything is installed; each lack is a sentence with a way out."""

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from output import ROOT, Failure

OLDEST, NEWEST = (3, 10), (3, 13)  # CPython versions that the ROS wheels are built for
DISK_NEEDED_GB = 2.5  # one environment and pip's cache of it
MODEL_DISK_NEEDED_GB = 1.5  # torch for the CPU and all else the model needs, likewise


def check_machine(version):
    """Raises Failure where Python `version` (major, minor) on this machine cannot be used."""
    check_python(version)
    check_platform()
    check_compiler(version)


def check_disk(needed_gb):
    """Raises Failure where the disk of the repository has less left."""
    free_gb = shutil.disk_usage(str(ROOT)).free / 1e9
    if free_gb < needed_gb:
        raise Failure(f"{free_gb:.1f} GB free in {ROOT}, {needed_gb} GB are needed.")


def check_python(version):
    """The version has wheels, and the venv module is whole."""
    name = f"Python {version[0]}.{version[1]}"
    if not OLDEST <= version <= NEWEST:
        names = [f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
        # Tried, not only looked for: a version manager's stand-ins may lead nowhere.
        found = [
            command
            for command in names
            if shutil.which(command)
            and not subprocess.call([command, "-c", ""], stderr=subprocess.DEVNULL)
        ]
        if found:
            way_out = f"This machine has {found[0]}: PYTHON={found[0]} make ..."
        else:
            way_out = "Install one of them and name it, as in: PYTHON=python3.12 make ..."
        raise Failure(
            f"{sys.executable} is {name}; ROS 2 comes as wheels for Python 3.10 to 3.13. {way_out}"
        )
    try:
        import ensurepip  # noqa: F401  Debian puts it into a package of its own
        import venv  # noqa: F401
    except ImportError:
        raise Failure(f"{name} has no venv module. Do: apt install python3-venv") from None


def check_platform():
    """The wheels are for CPython on x86_64 Linux with glibc, and ROS takes no blanks in a path."""
    implementation = platform.python_implementation()
    machine = f"{platform.system()} {platform.machine()}"
    if machine != "Linux x86_64" or implementation != "CPython":
        raise Failure(
            f"this is {implementation} on {machine}; ROS 2 comes as wheels for CPython on "
            "Linux x86_64. With a ROS 2 installed another way, use colcon (see README.md)."
        )
    if "musl" in (sysconfig.get_config_var("SOABI") or ""):
        raise Failure(
            "this system uses musl and the ROS 2 wheels need glibc. Use Debian, Ubuntu, Fedora ..."
        )
    if re.search(r"\s", str(ROOT)):
        raise Failure(f"ROS 2's build takes no blanks in a path. Move the repository: {ROOT}")


def check_compiler(version):
    """The messages are compiled, against Python's headers."""
    compilers = [os.environ.get("CC", "cc"), os.environ.get("CXX", "c++")]
    missing = [command for command in compilers if not shutil.which(shlex.split(command)[0])]
    if missing:
        raise Failure(
            f"no C++ compiler ({' and '.join(missing)} not found). Do: apt install build-essential"
        )
    # The headers of another version than the running one are CMake's to find.
    headers = Path(sysconfig.get_paths()["include"])
    if version == sys.version_info[:2] and not (headers / "Python.h").is_file():
        raise Failure(
            f"no Python headers in {headers}, and the messages are compiled with them. "
            f"Do: apt install python{version[0]}.{version[1]}-dev"
        )
