"""Pins: a pool works in other processes, and none is left when the one they work for is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from wall_oss_ros.core.process_pool import process_pool

# A parent whose two workers say who they are and then work for a long time.
PARENT = textwrap.dedent(
    """
    import os, sys, time
    from pathlib import Path
    from wall_oss_ros.core.process_pool import process_pool

    def work(folder):
        (Path(folder) / str(os.getpid())).touch()
        time.sleep(300.0)  # busy until it is ended; should nobody end it, it does not stay for ever

    if __name__ == "__main__":
        with process_pool(2) as pool:
            for _ in range(2):
                pool.submit(work, sys.argv[1])
    """
)


def test_work_is_done_in_another_process() -> None:
    with process_pool(1) as pool:
        assert pool.submit(os.getpid).result() != os.getpid()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_process_that_started_them(
    tmp_path: Path, end: signal.Signals
) -> None:
    script, folder = tmp_path / "parent.py", tmp_path / "workers"
    script.write_text(PARENT, encoding="utf-8")
    folder.mkdir()
    parent = subprocess.Popen([sys.executable, str(script), str(folder)])
    try:
        _until(lambda: len(list(folder.iterdir())) == 2)
        parent.send_signal(end)
        parent.wait(30)
        workers = [int(path.name) for path in folder.iterdir()]
        _until(lambda: not any(_alive(worker) for worker in workers))
    finally:
        parent.kill()


def _alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    except OSError:
        return False
    return state.split()[0] != "Z"


def _until(holds: Callable[[], bool]) -> None:
    """Wait for long: machines are busy."""
    end = time.monotonic() + 60.0
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
