"""A browser for the tests of the web view: the Chromium of the system, where one can be had.

It is no condition: without one those tests are skipped, and say so.
"""

import os
import shutil
import subprocess

from lock import only_one

PACKAGE = "chromium"
NAMES = ("chromium", "chromium-browser", "google-chrome")


def found():
    """True when a browser is installed that the tests can drive."""
    return any(shutil.which(name) for name in NAMES)


def provide():
    """Installs one where this user may and there is none; says so where that is not possible."""
    if found():
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"No browser for the tests here: installing {PACKAGE} with apt-get", flush=True)
        env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", PACKAGE]
        with only_one("apt"):
            subprocess.call(["apt-get", "update", "-q"], env=env, stdout=subprocess.DEVNULL)
            subprocess.call(install, env=env, stdout=subprocess.DEVNULL)
    if not found():
        print(
            f"No browser for the tests of the web view (they will be skipped). Do: apt install "
            f"{PACKAGE}",
            flush=True,
        )
