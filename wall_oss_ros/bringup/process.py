"""One child process: prefixed output, ordered end, never an orphan."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def _die_with_parent() -> None:
    """Ask the kernel to end this child when the runner dies, however it dies."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class ChildProcess:
    """A started program.

    It runs in a session of its own, so that Ctrl-C reaches the runner alone and the runner decides
    the order in which things end.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        show: Callable[[str, str], None],
    ) -> None:
        """Start it. Only the main thread may: the kernel ties "parent died" to the thread.

        Args:
            name: for prefixes and messages.
            command: program and arguments.
            environment: complete environment.
            show: called with name and line for every line of output.
        """
        self.name = name
        self._process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        self._reader = threading.Thread(target=self._read, args=(show,), daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit status, negative signal number, or None while it runs."""
        return self._process.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and to what it started."""
        if self._process.poll() is None:
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                return

    def wait(self, timeout_s: float) -> bool:
        """Wait for its end; return whether it ended."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        self._reader.join(timeout=1.0)
        return True

    def end(self, patience_s: float) -> None:
        """Ask it to end, wait, and insist."""
        # SIGTERM, which our nodes treat like Ctrl-C: a Python that is still importing ends quietly.
        for number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, 2.0)):
            self.signal(number)
            if self.wait(wait_s):
                break
        # Whatever it started itself ends too.
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return

    def _read(self, show: Callable[[str, str], None]) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            show(self.name, line.rstrip("\n"))
