"""Off-screen OpenGL for the simulated cameras: is it there, and if not, where does it come from."""

import ctypes
import os
import shutil
import subprocess

from lock import only_one
from output import Failure

PACKAGES = "libegl1 libgl1-mesa-dri libgles2"
# Opens a context as the simulator does; a library that loads may still have no driver.
TRIAL = "import mujoco; mujoco.GLContext(64, 64).make_current()"


def library_loads():
    """True when a library for off-screen OpenGL is installed."""
    for name in ("libEGL.so.1", "libOSMesa.so.8", "libOSMesa.so.6"):
        try:
            ctypes.CDLL(name)
            return True
        except OSError:
            pass
    return False


def provide():
    """Installs the libraries where this user may; raises Failure with the line to type if not."""
    root = os.geteuid() == 0
    if root and shutil.which("apt-get"):
        print(f"No off-screen OpenGL here: installing {PACKAGES} with apt-get, as root", flush=True)
        env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends"]
        with only_one("apt"):
            subprocess.call(["apt-get", "update", "-q"], env=env, stdout=subprocess.DEVNULL)
            failed = subprocess.call(install + PACKAGES.split(), env=env, stdout=subprocess.DEVNULL)
        if not failed:
            return
    raise Failure(
        "the simulated cameras need off-screen OpenGL, and this machine has none. Do: "
        f"{'' if root else 'sudo '}apt install {PACKAGES} "
        "(Fedora: dnf install mesa-libEGL mesa-dri-drivers); then run the same command again."
    )


def check(environment):
    """Tries it with the environment's MuJoCo, after installing drivers if need be."""
    problem = trial(environment)
    if problem:
        provide()
        problem = trial(environment)
    if problem:
        raise Failure(
            f"MuJoCo cannot open an off-screen OpenGL context: {problem}. "
            f"Do: apt install {PACKAGES}; or try another backend: MUJOCO_GL=osmesa make ..."
        )


def trial(environment):
    """Why no context can be opened; '' when one can."""
    env = dict(os.environ)
    env.setdefault("MUJOCO_GL", "egl")
    result = subprocess.run(
        [str(environment.python), "-c", TRIAL],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=env,
    )
    if result.returncode == 0:
        return ""
    lines = result.stdout.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"exit status {result.returncode}"
