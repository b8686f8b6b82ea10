"""Ends what a killed runner left behind and what did not end when it was asked to.

The kernel asks children to end when the runner dies (process.py). One that hangs outside Python, as
in Fast DDS when it was just about to hand something to a process that was killed (Fast-DDS issue
6485), does not hear it, and the runner is no more there to insist. This program is: it learns of
every child through a pipe, which closes with the runner, however that ends.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

# How long the children of a dead runner get to bring the robot to rest and end.
PATIENCE_S = 12.0


class Reaper:
    """The runner's end of the pipe."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        """Start the program; in a session of its own, so that Ctrl-C does not reach it."""
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(patience_s)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def watch(self, pid: int) -> None:
        """Tell it of a child that leads its process group."""
        stream = self._process.stdin
        if stream is not None and not stream.closed:
            with contextlib.suppress(BrokenPipeError):  # somebody killed it: no more insurance
                stream.write(f"{pid}\n".encode())
                stream.flush()

    def close(self) -> None:
        """End it, when every child has ended."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()


def main(patience_s: float) -> None:
    """Wait for the runner's end, then for its children's; kill those that take too long."""
    children: dict[int, int] = {}
    for line in sys.stdin:
        with contextlib.suppress(ProcessLookupError):  # it has ended already
            children[int(line)] = os.pidfd_open(int(line))
    end_s = time.monotonic() + patience_s
    for pid, handle in children.items():
        # The handle stays that of this child, whoever gets its number later.
        if not _ended(handle, end_s - time.monotonic()):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


def _ended(handle: int, timeout_s: float) -> bool:
    return bool(select.select([handle], [], [], max(0.0, timeout_s))[0])


if __name__ == "__main__":
    main(float(sys.argv[1]))
