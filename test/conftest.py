"""For all rings: a ROS domain that no other test run here uses, and how laws are tried."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import hypothesis
import pytest

# The same cases on every machine, and no case fails for being slow: a red ring means a broken law.
hypothesis.settings.register_profile("suite", derandomize=True, deadline=None, max_examples=20)
hypothesis.settings.load_profile("suite")

# Domains above 101 use ports that Linux hands out to programs at random.
_DOMAINS = range(1, 101)


def _claim_domain() -> tuple[int, IO[str]]:
    """Return a free domain and its lock, which is held as long as the file is open."""
    start = os.getpid() % len(_DOMAINS)
    for domain in [*_DOMAINS[start:], *_DOMAINS[:start]]:
        lock = (Path(tempfile.gettempdir()) / f"wall_oss_ros.domain.{domain}").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        return domain, lock
    raise pytest.UsageError("every ROS domain from 1 to 100 is in use by a test run")


# Before anything imports rclpy: no test may meet another graph, here or on the network.
_domain, _lock = _claim_domain()
os.environ["ROS_DOMAIN_ID"] = str(_domain)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"


@pytest.fixture(scope="session")
def other_domain() -> Iterator[str]:
    """A second domain: what this process still has in the first one is not there.

    A node of rclpy is seen by others until Python has collected the last object that refers to it.
    """
    domain, lock = _claim_domain()
    with lock:
        yield str(domain)


@pytest.fixture(scope="session")
def undisturbed() -> Iterator[None]:
    """Wait until no other test run on this machine is in a ring that runs in real time."""
    with (Path(tempfile.gettempdir()) / "wall_oss_ros.real_time_tests").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def over_udp() -> dict[str, str]:
    """Return the environment of participants that use no shared memory: udp.xml says why.

    Fast DDS reads such a file once per process, before the first participant.
    """
    from wall_oss_ros.bringup.graph import dds_environment

    file = str(Path(__file__).with_name("udp.xml"))
    chosen = dict.fromkeys(dds_environment(), file)  # empty where somebody chose another file
    return {**chosen, "ROS_AUTOMATIC_DISCOVERY_RANGE": "SYSTEM_DEFAULT"} if chosen else {}
