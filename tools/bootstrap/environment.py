"""One virtual environment with the packages of one lock file, and, where asked for, the model's."""

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
    installation is never taken for a finished one. The model's packages are recorded beside it in
    the same manner, and stay when they are not asked for.
    """

    def __init__(self, folder, distro):
        self.folder = folder
        self.distro = distro
        self.python = folder / "bin" / "python"
        self.lock = ROOT / "requirements" / f"{distro}.txt"
        self.model_lock = ROOT / "requirements" / "model.txt"
        self.model_test_lock = ROOT / "requirements" / "model-test.txt"
        self.view_lock = ROOT / "requirements" / "view.txt"
        self.view_test_lock = ROOT / "requirements" / "view-test.txt"
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

    def model_identity(self):
        """What the stamp has to say under "model" for the model's packages to be there."""
        locks = self.model_lock.read_bytes() + b"\0" + self.model_test_lock.read_bytes()
        return hashlib.sha256(locks).hexdigest()

    def view_identity(self, test):
        """What the stamp has to say under "view" for the web view's packages to be there."""
        locks = [self.view_lock, self.view_test_lock] if test else [self.view_lock]
        return {lock.name: hashlib.sha256(lock.read_bytes()).hexdigest() for lock in locks}

    def has_view(self, test):
        """True when the web view's packages are there, too; `test`: and what drives a browser."""
        recorded = self.recorded().get("view") or {}
        return all(
            recorded.get(name) == wanted for name, wanted in self.view_identity(test).items()
        )

    def record(self, **more):
        """Writes the stamp, with `more` beside what it says already."""
        stamp = dict(self.recorded(), **self.identity())
        stamp.update(more)
        self.stamp.write_text(json.dumps(stamp))

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

    def has_model(self):
        """True when the model's packages are there, too."""
        return self.recorded().get("model") == self.model_identity()

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
        if self.stamp.exists():
            self.stamp.unlink()
        # --no-deps: the lock names every package, so pip has nothing to resolve.
        self.pip_install(self.lock, "install.log", "--no-deps")
        # For tools/env.sh, which reads no JSON.
        (self.folder / "wall_oss_ros.distro").write_text(f"{self.distro}\n")
        self.record()

    def install_model(self):
        """Installs what the model needs, on top of the lock file."""
        self.record(model=None)
        # With dependencies: the build of torch that pip finds says which CUDA packages it takes.
        # All others are pinned, here or (-c: nothing that is there already may move) there.
        self.pip_install(self.model_lock, "install-model.log", "-c", str(self.lock))
        self.pip_install(self.model_test_lock, "install-model-test.log", "--no-deps")
        self.record(model=self.model_identity())

    def install_view(self, test):
        """Installs what the web view needs; `test`: and what drives a browser."""
        self.record(view=None)
        self.pip_install(self.view_lock, "install-view.log", "-c", str(self.lock))
        if test:
            self.pip_install(self.view_test_lock, "install-view-test.log", "-c", str(self.lock))
        self.record(view=self.view_identity(test))

    def pip_install(self, lock, log_name, *options):
        """Installs one file of requirements/ with pip."""
        total = len(set(re.findall(r"^[\w.-]+(?===)", lock.read_text(), flags=re.M)))
        seen = set()

        def progress(line):
            match = re.match(r"(?:Collecting|Requirement already satisfied:) ([\w.-]+)", line)
            if match:
                seen.add(match.group(1).lower())
                # Where dependencies are installed, there may be more than the file names.
                of = max(total, len(seen))
                return f"{len(seen)} of about {of} packages fetched: {match.group(1)}"
            # What takes minutes has a line of its own.
            match = re.match(r"\s*Downloading (\w+)-\S+\.whl \((\d{3,}\.\d MB)\)", line)
            if match:
                return f"fetching {match.group(1)}, {match.group(2)}"
            if line.startswith("Installing collected packages"):
                return f"unpacking {len(seen)} packages"
            return None

        log = self.folder / log_name
        pip = [str(self.python), "-m", "pip", "--disable-pip-version-check", "install"]
        if not run_logged(pip + list(options) + ["-r", str(lock)], log, progress):
            raise Failure(
                f"pip could not install {shown(lock)} (above; all of it in {shown(log)}). "
                "Check the network or the proxy, then run the same command again: "
                "what was downloaded is kept."
            )
