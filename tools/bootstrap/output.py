"""What a person sees while the environment is made: steps, progress, sizes, and how it failed."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Failure(Exception):  # noqa: N818  it is the outcome of a step, not a bug
    """A step that cannot go on; the text says what to do."""


class Steps:
    """Announces steps with a number and a sentence, and keeps the wall time of each."""

    def __init__(self, total):
        self.total = total
        self.times = []

    @contextmanager
    def step(self, sentence, short):
        """One step; `short` is its name in the closing summary."""
        print(f"[{len(self.times) + 1}/{self.total}] {sentence}", flush=True)
        start = time.monotonic()
        yield
        self.times.append((short, time.monotonic() - start))

    def summary(self):
        """The times, as in 'environment 4 s, packages 60 s; 64 s in total'."""
        parts = [f"{short} {seconds:.0f} s" for short, seconds in self.times]
        return f"{', '.join(parts)}; {sum(seconds for _, seconds in self.times):.0f} s in total"


def run_logged(command, log, progress, env=None):
    """Runs `command` with its output in the file `log`; True when it ended with status 0.

    `progress(line)` turns a line of the output into a text to show, or None. A terminal gets one
    line that changes, anything else a new line every ten seconds. After a failure the end of the
    log is shown.
    """
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns - 7
    last = time.monotonic()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", errors="replace") as file:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            errors="replace",
            env=env,
            cwd=str(ROOT),
        )
        for line in process.stdout:
            file.write(line)
            text = progress(line)
            if text and terminal:
                print(f"\r      {text[:width].ljust(width)}", end="", flush=True)
            elif text and time.monotonic() - last > 10:
                last = time.monotonic()
                print(f"      {text}", flush=True)
        status = process.wait()
    if terminal:
        print(f"\r{' ' * (width + 6)}\r", end="", flush=True)
    if status:
        for line in log.read_text(errors="replace").splitlines()[-25:]:
            print(f"      | {line}")
        sys.stdout.flush()
    return status == 0


def folder_mb(folder):
    """Disk use of a folder in MB, as `du` counts it; 0 where it does not exist."""
    blocks = 0
    for parent, _, names in os.walk(str(folder)):
        for name in names:
            blocks += os.lstat(os.path.join(parent, name)).st_blocks
    return blocks * 512 / 1e6


def shown(path):
    """A path as a person in the repository would type it."""
    return str(path.relative_to(ROOT)) if ROOT in path.parents else str(path)
