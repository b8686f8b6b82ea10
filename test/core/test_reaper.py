"""Pins: what a killed runner leaves behind ends, even if it hears nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

# A runner with two children; one that has no ears is stopped by the test. It says their numbers.
# In the background Ctrl-C would be ignored.
RUNNER = """
import signal, subprocess, sys, time
from wall_oss_ros.bringup.reaper import Reaper
signal.signal(signal.SIGINT, signal.default_int_handler)
reaper = Reaper(patience_s=0.5)
for _ in range(2):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                             stdout=subprocess.DEVNULL, start_new_session=True)
    reaper.watch(child.pid)
    print(child.pid, flush=True)
print(reaper._process.pid, flush=True)
if sys.argv[1] == "close":
    child.kill()
    child.wait()
    reaper.close()
    print("closed", flush=True)
time.sleep(600)
"""


def runner(how: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", RUNNER, how], stdout=subprocess.PIPE, text=True)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_until_gone(*pids: int) -> None:
    end = time.monotonic() + 20.0
    while any(map(alive, pids)):
        assert time.monotonic() < end, pids
        time.sleep(0.02)


def test_children_of_a_killed_runner_end_also_one_that_hears_nothing() -> None:
    process = runner("stay")
    pids = [int(process.stdout.readline()) for _ in range(3)]
    os.kill(pids[0], signal.SIGSTOP)
    assert all(map(alive, pids))
    process.kill()
    process.wait(timeout=10.0)
    wait_until_gone(*pids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_outlives_what_ends_a_runner_in_order(number: signal.Signals) -> None:
    process = runner("stay")
    pids = [int(process.stdout.readline()) for _ in range(3)]
    process.send_signal(number)
    process.wait(timeout=10.0)
    wait_until_gone(*pids)


def test_a_runner_that_has_ended_its_children_ends_it() -> None:
    process = runner("close")
    pids = [int(process.stdout.readline()) for _ in range(3)]
    os.kill(pids[0], signal.SIGKILL)
    assert process.stdout.readline() == "closed\n"
    wait_until_gone(pids[2])
    process.kill()
    process.wait(timeout=10.0)
