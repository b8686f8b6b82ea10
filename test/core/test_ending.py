"""Pins: a signal ends a process whatever it is in the middle of."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

from wall_oss_ros.ros.ending import Ending

# A process that does nothing but look whether it is to end, again and again.
LOOKS = """
import signal
from wall_oss_ros.ros.ending import Ending

ending = Ending()
signal.signal(signal.SIGTERM, lambda number, frame: ending.request())
print("ready", flush=True)
for _ in range(10_000):
    while not ending.wait(0.0):
        pass
    ending = Ending()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ended", flush=True)
"""


def test_a_signal_ends_it_also_in_the_middle_of_looking() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LOOKS],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    end = time.monotonic() + 60.0
    while process.poll() is None and time.monotonic() < end:
        process.send_signal(signal.SIGTERM)
        time.sleep(0.0001)
    process.kill()
    assert process.stdout.read() == "ended\n"


def test_who_waits_is_woken_and_the_first_error_counts() -> None:
    ending = Ending()
    assert not ending.requested and not ending.wait(0.01)
    first = ValueError("first")
    thread = threading.Timer(0.05, ending.fail, args=(first,))
    thread.start()
    begin = time.monotonic()
    assert ending.wait(20.0)
    assert time.monotonic() - begin < 10.0
    ending.fail(ValueError("second"))
    assert ending.requested and ending.error is first
    assert ending.wait(20.0)  # at once, from now on
