"""One virtual environment with the packages of one lock file."""

import hashlib
import json
import re
import shutil
import subprocess
import sys

from machine import NEWEST, OLDEST
from output import ROOT, Failure, run_logged, shown


def read_stamp(path):
    """The dictionary in a stamp file, {} where there is none."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


class Environment:
    """A virtual environment at `folder`, to hold requirements/<distro>.txt.

    `wall_oss_ros.json` inside records what it was made from. It is written last, so an interrupted
    installation is never taken for a finished one.
    """

    def __init__(self, folder, distro):
        self.folder = folder
        self.distro = distro
        self.python = folder / "bin" / "python"
        self.lock = ROOT / "requirements" / f"{distro}.txt"
        self.stamp = folder / "wall_oss_ros.json"

    def recorded(self):
        """What the stamp says."""
        return read_stamp(self.stamp)

    def identity(self):
        """What the stamp has to say for the environment to be used as it is."""
        return {
            "folder": str(self.folder),
            "python": self.version(),
            "lock": hashlib.sha256(self.lock.read_bytes()).hexdigest(),
        }

    def record(self, **more):
        """Writes the stamp."""
        self.stamp.write_text(json.dumps(dict(self.identity(), **more)))

    def version(self):
        """Python version inside as (3, 11); None where there is no working environment."""
        try:
            config = (self.folder / "pyvenv.cfg").read_text()
        except OSError:
            return None
        match = re.search(r"^version\s*=\s*(\d+)\.(\d+)", config, flags=re.M)
        if not match:
            return None
        version = int(match.group(1)), int(match.group(2))
        site = self.folder / "lib" / f"python{version[0]}.{version[1]}" / "site-packages"
        # The link is dead when the Python that it was made from is gone.
        return version if self.python.exists() and (site / "pip").is_dir() else None

    def is_ready(self):
        """True when nothing has to be installed."""
        recorded = self.recorded()
        # Through JSON, as the version is a list in the stamp.
        wanted = json.loads(json.dumps(self.identity()))
        return all(recorded.get(key) == value for key, value in wanted.items())

    def reason_to_remake(self, python_given):
        """Why an existing environment cannot stay, in words; None when it can, or there is none."""
        if not self.folder.exists():
            return None
        version = self.version()
        if version is None:
            return "it does not work (its Python is gone, or its making was interrupted)"
        if python_given and version != sys.version_info[:2]:
            asked = f"{sys.version_info[0]}.{sys.version_info[1]}"
            return f"it has Python {version[0]}.{version[1]} and PYTHON asks for {asked}"
        if not OLDEST <= version <= NEWEST:
            return f"it has Python {version[0]}.{version[1]}"
        if self.recorded().get("folder", str(self.folder)) != str(self.folder):
            return "it was moved, and holds the old path"
        return None

    def make(self):
        """Creates it, empty, in place of what is there."""
        if self.folder.exists():
            shutil.rmtree(str(self.folder))
        if subprocess.call([sys.executable, "-m", "venv", str(self.folder)]):
            raise Failure("python -m venv failed (above). Do: apt install python3-venv")

    def install(self):
        """Installs the lock file."""
        total = len(set(re.findall(r"^[\w.-]+(?===)", self.lock.read_text(), flags=re.M)))
        seen = set()

        def progress(line):
            match = re.match(r"(?:Collecting|Requirement already satisfied:) ([\w.-]+)", line)
            if match:
                seen.add(match.group(1).lower())
                return f"{len(seen)} of about {total} packages fetched: {match.group(1)}"
            if line.startswith("Installing collected packages"):
                return f"unpacking {len(seen)} packages"
            return None

        if self.stamp.exists():
            self.stamp.unlink()
        log = self.folder / "install.log"
        pip = [str(self.python), "-m", "pip", "--disable-pip-version-check", "install"]
        # --no-deps: the lock names every package, so pip has nothing to resolve.
        if not run_logged(pip + ["--no-deps", "-r", str(self.lock)], log, progress):
            raise Failure(
                f"pip could not install {shown(self.lock)} (above; all of it in {shown(log)}). "
                "Check the network or the proxy, then run the same command again: "
                "what was downloaded is kept."
            )
        # For tools/env.sh, which reads no JSON.
        (self.folder / "wall_oss_ros.distro").write_text(f"{self.distro}\n")
        self.record()
