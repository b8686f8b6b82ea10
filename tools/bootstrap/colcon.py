"""The build of this package in one environment: when it is needed, and colcon that does it."""

import hashlib
import json
import os
import re
import shutil
from pathlib import Path

from environment import read_stamp
from output import ROOT, Failure, run_logged, shown

# Of these the contents count ...
READ_BY_THE_BUILD = ("package.xml", "setup.py", "CMakeLists.txt", "cmake", "msg", "srv", "resource")
# ... and of these the names: --symlink-install links to the sources, so edits need no build.
LINKED = ("wall_oss_ros", "launch", "config")


class ColconBuild:
    """The folders build, install and log, each with `suffix`, and the stamp of the last build."""

    def __init__(self, environment, suffix):
        self.environment = environment
        self.build, self.install, self.log = (
            ROOT / (name + suffix) for name in ("build", "install", "log")
        )
        self.stamp = self.build / "wall_oss_ros.json"

    def inputs(self):
        """One hash of everything in the repository that a build depends on."""
        inputs = hashlib.sha256()
        for name in READ_BY_THE_BUILD + LINKED:
            top = ROOT / name
            for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
                if path.suffix == ".pyc" or not path.is_file():
                    continue
                inputs.update(f"\0{path.relative_to(ROOT)}\0".encode())
                if name in READ_BY_THE_BUILD:
                    inputs.update(path.read_bytes())
        return inputs.hexdigest()

    def is_incremental(self):
        """True when the last build was for this environment, so that colcon can go on from it."""
        # Through JSON, as the version is a list in the stamp.
        identity = json.loads(json.dumps(self.environment.identity()))
        return (self.install / "setup.sh").is_file() and (
            read_stamp(self.stamp).get("environment") == identity
        )

    def is_ready(self):
        """True when there is nothing to build."""
        return self.is_incremental() and read_stamp(self.stamp).get("inputs") == self.inputs()

    def run(self):
        """Builds what is needed."""
        if not self.is_incremental():
            # CMake's cache would hold on to the other environment's Python and ROS.
            for folder in (self.build, self.install):
                shutil.rmtree(str(folder), ignore_errors=True)
        inputs = self.inputs()
        # An unfinished build is gone on with, but not taken for a finished one.
        self.build.mkdir(parents=True, exist_ok=True)
        self.write_stamp("")

        command = ["colcon", "--log-base", str(self.log), "build", "--symlink-install"]
        command += ["--base-paths", str(ROOT), "--packages-select", "wall_oss_ros"]
        command += ["--build-base", str(self.build), "--install-base", str(self.install)]
        command += ["--event-handlers", "console_direct+"]
        command += ["--cmake-args", f"-DPython3_EXECUTABLE={self.environment.python}"]
        in_environment = ["/bin/sh", "-c", '. tools/env.sh && exec "$@"', "sh"]
        env = dict(os.environ, WALL_OSS_VENV=str(self.environment.folder), WALL_OSS_INSTALL="none")
        # Of the make that runs this script: its variables would reach CMake's Makefiles.
        for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"):
            env.pop(name, None)

        def progress(line):
            match = re.match(r"\[\s*(\d+)%\] (.*)", line)
            # Of the long paths that make prints, the file name says enough.
            return f"{match.group(1)} %: {re.sub(r'[^ ]*/', '', match.group(2))}" if match else None

        log = self.log / "colcon_build.log"
        if not run_logged(in_environment + command, log, progress, env=env):
            raise Failure(
                f"the build failed (above; all of it in {shown(log)}). Correct what it names, or "
                "`make clean`, and run the same command again."
            )
        # colcon leaves the links of removed sources behind.
        for parent, _, names in os.walk(str(self.install)):
            for path in (Path(parent, name) for name in names):
                if path.is_symlink() and not path.exists():
                    path.unlink()
        self.write_stamp(inputs)

    def write_stamp(self, inputs):
        """Records the environment and the inputs of a build."""
        stamp = {"environment": self.environment.identity(), "inputs": inputs}
        self.stamp.write_text(json.dumps(stamp))
