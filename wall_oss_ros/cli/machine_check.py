"""What this machine has of what the suite wants: Python, ROS, memory, priority, drawing, a GPU."""

from __future__ import annotations

import importlib.util
import os
import platform
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from wall_oss_ros.core.finding import Finding, Health

_PYTHONS = ((3, 10), (3, 13))
# What `pip install wall_oss_ros[...]` brings, by extra.
_PACKAGES = {
    "": ("numpy", "yaml", "mujoco", "mink", "daqp", "ruckig", "simplejpeg"),
    "data": ("rosbags", "mcap", "av", "pyarrow", "matplotlib", "tqdm"),
    "model": ("torch", "transformers", "safetensors", "tokenizers"),
}
_SHM = Path("/dev/shm")
# Pictures of three cameras, in flight, at every node.
_SHM_FREE_MB = 512
_PRIORITY = 70
_DRAW = "import mujoco; mujoco.GLContext(64, 64).make_current()"


def check_machine() -> Iterator[Finding]:
    """Yield what was found, one line for each."""
    yield _python()
    yield from _packages()
    yield _ros()
    yield _shared_memory()
    yield _priority()
    yield _locked_memory()
    yield _drawing()
    yield _gpu()


def _python() -> Finding:
    version = platform.python_version()
    low, high = _PYTHONS
    if low <= sys.version_info[:2] <= high:
        return Finding("Python", Health.OK, version)
    return Finding("Python", Health.BAD, version, "use Python 3.10 to 3.13")


def _packages() -> Iterator[Finding]:
    for extra, names in _PACKAGES.items():
        missing = [name for name in names if importlib.util.find_spec(name) is None]
        what = f"packages of [{extra}]" if extra else "packages"
        if not missing:
            yield Finding(what, Health.OK, f"all {len(names)} are there")
            continue
        target = f"wall_oss_ros[{extra}]" if extra else "wall_oss_ros"
        health = Health.NOTE if extra else Health.BAD
        yield Finding(what, health, f"no {', '.join(missing)}", f"pip install '{target}'")


def _ros() -> Finding:
    try:
        import rclpy  # noqa: F401
        from rclpy.utilities import get_rmw_implementation_identifier

        import wall_oss_ros.msg  # noqa: F401
    except ImportError as error:
        return Finding(
            "ROS 2",
            Health.BAD,
            str(error),
            "source the ROS setup and install/setup.sh, or . tools/env.sh",
        )
    distro = os.environ.get("ROS_DISTRO", "of unknown name")
    rmw = get_rmw_implementation_identifier()
    domain = os.environ.get("ROS_DOMAIN_ID", "0")
    said = f"{distro}, {rmw}, domain {domain}"
    if rmw != "rmw_fastrtps_cpp":
        return Finding(
            "ROS 2",
            Health.NOTE,
            said,
            "measured with rmw_fastrtps_cpp only; set RMW_IMPLEMENTATION",
        )
    return Finding("ROS 2", Health.OK, said)


def _shared_memory() -> Finding:
    what = "shared memory"
    if not _SHM.is_dir():
        return Finding(what, Health.BAD, f"no {_SHM}", "mount it: pictures would go over sockets")
    free_mb = shutil.disk_usage(_SHM).free / 2**20
    segments = len([*_SHM.glob("fastrtps_*"), *_SHM.glob("fastdds_*")])
    said = f"{free_mb:.0f} MB free, {segments} files of Fast DDS"
    if free_mb < _SHM_FREE_MB:
        return Finding(
            what,
            Health.BAD,
            said,
            f"{_SHM_FREE_MB} MB are needed: docker run --shm-size=2g, or `fastdds shm clean`",
        )
    return Finding(what, Health.OK, said)


def _priority() -> Finding:
    what = "real-time priority"
    soft, _ = resource.getrlimit(resource.RLIMIT_RTPRIO)
    if os.geteuid() == 0 or soft == resource.RLIM_INFINITY or soft >= _PRIORITY:
        return Finding(what, Health.OK, "allowed; parameter `priority` of the loops uses it")
    return Finding(
        what,
        Health.NOTE,
        f"up to {soft}",
        f"'USER - rtprio {_PRIORITY}' in /etc/security/limits.conf and a new login, or "
        "docker run --cap-add=SYS_NICE",
    )


def _locked_memory() -> Finding:
    what = "locked memory"
    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if os.geteuid() == 0 or resource.RLIM_INFINITY in (soft, hard):
        return Finding(what, Health.OK, "allowed; parameter `lock_memory` of the loops uses it")
    return Finding(
        what,
        Health.NOTE,
        f"up to {soft / 2**20:.0f} MB",
        "'USER - memlock unlimited' in /etc/security/limits.conf and a new login",
    )


def _drawing() -> Finding:
    what = "off-screen drawing"
    environment = {**os.environ}
    environment.setdefault("MUJOCO_GL", "egl")
    try:
        tried = subprocess.run(
            [sys.executable, "-c", _DRAW], env=environment, capture_output=True, timeout=30
        )
    except subprocess.TimeoutExpired:
        return Finding(what, Health.NOTE, "no answer in 30 s", "MUJOCO_GL=osmesa may work")
    if tried.returncode == 0:
        return Finding(what, Health.OK, environment["MUJOCO_GL"])
    return Finding(
        what,
        Health.NOTE,
        "MuJoCo cannot open a context; only the simulator needs it",
        "apt install libegl1 libgl1-mesa-dri libgles2",
    )


def _gpu() -> Finding:
    what = "GPU"
    if importlib.util.find_spec("torch") is None:
        return Finding(what, Health.NOTE, "not looked at: no torch", "make model")
    import torch

    if not torch.cuda.is_available():
        return Finding(
            what, Health.NOTE, "none that torch sees", "the full model needs one to be in time"
        )
    device = torch.cuda.get_device_properties(0)
    return Finding(
        what,
        Health.OK,
        f"{device.name}, {device.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}",
    )
