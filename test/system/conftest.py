"""System ring: the real graph as real processes over real DDS."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wall_oss_ros.bringup.graph import make_graph
from wall_oss_ros.bringup.runner import Runner
from wall_oss_ros.msg import ExecutorState
from wall_oss_ros.ros.conductor import Conductor

# Every process that a test starts inherits this mark, so that none can be left behind unseen.
MARK = f"WALL_OSS_TEST={uuid.uuid4()}"
os.environ["WALL_OSS_TEST"] = MARK.partition("=")[2]


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
        if MARK.encode() in environment.split(b"\0") and command:
            found.append(f"{folder.name}: {command}")
    return found


def nothing_left(timeout_s: float = 10.0) -> list[str]:
    """Wait until no marked process lives; return those that still do."""
    end = time.monotonic() + timeout_s
    while (left := marked_processes()) and time.monotonic() < end:
        time.sleep(0.1)
    return left


class Graph:
    """The running graph and a client of it."""

    def __init__(self, runner: Runner, lines: list[str], namespace: str) -> None:
        self.runner, self.lines = runner, lines
        self.conductor = Conductor(namespace, giving_up=self._check)
        self.seen = self.conductor.seen
        self.wait = self.conductor.wait_for
        self.call = self.conductor.call

    def _check(self) -> None:
        assert self.runner.poll() is None, "the graph ended:\n" + "\n".join(self.lines[-30:])

    def move(self) -> None:
        """Instruct, enable motion, and wait until a chunk is followed."""
        self.conductor.begin(self.runner.managed)

        def following() -> bool:
            if not self.seen.safety.motion_enabled:
                # A busy machine delays messages and the supervisor stops, rightly; a person would
                # enable again, and so does the test, which is about something else.
                self.conductor.enable_motion(15.0)
            return bool(self.seen.executor.state == ExecutorState.RUNNING)

        self.wait(following, 30.0, "a chunk being followed")


@pytest.fixture
def graph() -> Iterator[Callable[..., Graph]]:
    """Start a graph with small pictures; it is stopped, and nothing may live, after the test."""
    runners: list[Runner] = []
    clients: list[Graph] = []

    def start(**arguments: str) -> Graph:
        lines: list[str] = []
        given = {"image_size": "224", "colour": "red", **arguments}
        graph = make_graph(given)
        os.environ.update(graph.environment)
        runner = Runner(graph, lambda name, line: lines.append(f"[{name}] {line}"))
        runners.append(runner)
        runner.start()
        clients.append(Graph(runner, lines, graph.namespace))
        return clients[-1]

    yield start
    for client in clients:
        client.conductor.close()
    for runner in runners:
        runner.stop()
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
