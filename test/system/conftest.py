"""System ring: the real graph as real processes over real DDS."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rclpy.node import Node

# Every process that a test of this ring starts inherits this mark, so that none is left unseen.
MARK = "WALL_OSS_TEST"
OF_THIS_RUN = str(uuid.uuid4())

# How processes find each other and talk, as it is before the nodes ring chooses for itself.
_TRANSPORT = {
    name: os.environ.get(name)
    for name in (
        "FASTDDS_DEFAULT_PROFILES_FILE",
        "FASTRTPS_DEFAULT_PROFILES_FILE",
        "ROS_AUTOMATIC_DISCOVERY_RANGE",
    )
}


def marked_processes() -> list[str]:
    """Return the command lines of living processes that the tests started."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            environment = (folder / "environ").read_bytes()
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if f"{MARK}={OF_THIS_RUN}".encode() in environment.split(b"\0") and command:
            found.append(f"{folder.name}: {command}")
    return found


def nothing_left(timeout_s: float = 10.0) -> list[str]:
    """Wait until no marked process lives; return those that still do."""
    end = time.monotonic() + timeout_s
    while (left := marked_processes()) and time.monotonic() < end:
        time.sleep(0.1)
    return left


@pytest.fixture(scope="session", autouse=True)
def away_from_the_nodes_ring(undisturbed: None, other_domain: str) -> Iterator[None]:
    """Real graphs refuse to start where nodes of the same names are seen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_DOMAIN_ID", other_domain)
        patch.setenv(MARK, OF_THIS_RUN)
        for name, value in _TRANSPORT.items():
            patch.delenv(name, raising=False) if value is None else patch.setenv(name, value)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_shared_memory_in_this_process(
    away_from_the_nodes_ring: None, over_udp: dict[str, str]
) -> Iterator[None]:
    """Keep what looks at the graph from here out of the shared memory of nodes that get killed.

    A node that loops in Fast DDS after a kill (udp.xml) fails its test; here it would stop the run.
    """
    init = rclpy.init

    def init_over_udp(*args: Any, **kwargs: Any) -> None:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in over_udp.items():
                patch.setenv(name, value)
            init(*args, **kwargs)
            if not read:
                Node("reads_udp_xml", context=kwargs["context"]).destroy_node()
                read.append(True)

    # Fast DDS reads its file once per process, when the first participant is made.
    read: list[bool] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rclpy, "init", init_over_udp)
        yield


@pytest.fixture(scope="session")
def patient() -> dict[str, dict[str, float]]:
    """Return limits on age for a machine that is busy with something else, by node.

    Under the shipped ones a late message stops the robot, as it should, in the middle of a test
    that is about something else.
    """
    return {
        "safety_supervisor": {
            "command_max_age_s": 1.0,
            "state_max_age_s": 1.0,
            "heartbeat_max_age_s": 3.0,
            "pause_max_s": 1.5,
        },
        "chunk_executor": {"state_max_age_s": 1.5},
        "camera_sync": {"max_age_s": 2.0, "state_max_age_s": 0.5, "frozen_after_s": 1.5},
        "policy": {"observation_max_age_s": 1.5},
    }


@pytest.fixture(scope="module")
def no_process_left() -> Iterator[None]:
    """Check after the tests of a module that they left nothing behind."""
    yield
    assert nothing_left() == []


@pytest.fixture
def wall_oss() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``wall-oss`` to its end."""

    def run(*arguments: str, timeout_s: float = 120.0, **environment: str):
        return subprocess.run(
            ["wall-oss", *arguments],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env={**os.environ, **environment},
        )

    return run


@pytest.fixture
def left_behind() -> Callable[..., list[str]]:
    """Return the check that no process is left."""
    return nothing_left
