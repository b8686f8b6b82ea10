"""Run the node graph as child processes, for machines without launch_ros."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence

import yaml

from wall_oss_ros.bringup.graph import Graph, NodeSpec
from wall_oss_ros.bringup.process import ChildProcess
from wall_oss_ros.bringup.reaper import Reaper
from wall_oss_ros.ros.locations import executable

_LOG_FORMAT = "[{severity}] {message}"
_PATIENCE_S = 5.0
_LAST_LINES = 12


class Runner:
    """The started graph. Use from the main thread."""

    def __init__(self, graph: Graph, show: Callable[[str, str], None] | None = None) -> None:
        """Prepare; nothing runs yet.

        Args:
            graph: what to start.
            show: called with node name and line; the default prints ``[name] line``.
        """
        self._graph = graph
        self._shown = show or print_line
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._children: dict[str, ChildProcess] = {}
        self._reported: set[str] = set()
        self._reaper: Reaper | None = None

    @property
    def last_lines(self) -> tuple[str, ...]:
        """What the processes printed last."""
        return tuple(self._last)

    def _show(self, name: str, line: str) -> None:
        """Take a line of a process; called from the threads that read them."""
        self._last.append(f"[{name}] {line}")
        self._shown(name, line)

    def start(self) -> None:
        """Start every process, in order."""
        self._reaper = Reaper()
        for spec in self._graph.nodes:
            self._start(spec.executable, self._command(spec))
        for tool in self._graph.tools:
            self._start(tool.name, tool.command)

    def restart(self, name: str) -> None:
        """End a node's process if it still runs, and start another, which is not yet configured."""
        self._children[name].end(_PATIENCE_S)
        spec = next(spec for spec in self._graph.nodes if spec.executable == name)
        self._start(name, self._command(spec))
        self._reported.discard(name)

    @property
    def managed(self) -> tuple[str, ...]:
        """Names of the nodes that the lifecycle manager brings up."""
        return tuple(spec.executable for spec in self._graph.nodes if spec.managed)

    def pid(self, name: str) -> int:
        """Return the process id of a node."""
        return self._children[name].pid

    def poll(self) -> int | None:
        """Return the exit status with which the graph must end, or None while it may go on.

        Status 1 of a node is an error that its own sentence explains, and the end of the lifecycle
        manager is the end of all. A node that was killed is not: the supervisor stops the robot and
        must stay.
        """
        for name, child in self._children.items():
            status = child.returncode
            if status is None or name in self._reported:
                continue
            self._reported.add(name)
            child.wait(1.0)
            if status == 1 or name == "lifecycle_manager":
                return 1
            if status != 0:
                self._show(name, f"ended with status {status}; the others go on")
        return None

    def stop(self) -> None:
        """End everything: the lifecycle manager first, which deactivates the nodes in order."""
        children = dict(self._children)
        manager = children.pop("lifecycle_manager", None)
        if manager is not None:
            manager.end(2 * _PATIENCE_S)
        # The rest is inactive by now and may end side by side.
        threads = [
            threading.Thread(target=child.end, args=(_PATIENCE_S,)) for child in children.values()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._children.clear()
        if self._reaper is not None:
            self._reaper.close()
            self._reaper = None

    def _start(self, name: str, command: Sequence[str]) -> None:
        environment = {**os.environ, **self._graph.environment}
        environment.setdefault("RCUTILS_CONSOLE_OUTPUT_FORMAT", _LOG_FORMAT)
        environment["PYTHONUNBUFFERED"] = "1"
        child = ChildProcess(name, command, environment, self._show)
        self._children[name] = child
        if self._reaper is not None:
            self._reaper.watch(child.pid)

    def _command(self, spec: NodeSpec) -> list[str]:
        command = [str(executable(spec.executable)), "--ros-args"]
        command += self._graph.log_arguments(spec)
        command += ["-r", f"__node:={spec.executable}"]
        if self._graph.namespace:
            command += ["-r", f"__ns:=/{self._graph.namespace}"]
        for file in spec.parameter_files:
            command += ["--params-file", str(file)]
        for name, value in spec.parameters.items():
            # JSON-like flow style is what --param parses; it keeps "7" and 7 apart.
            style = '"' if isinstance(value, str) else None
            text = yaml.safe_dump(value, default_style=style, width=math.inf)  # on one line
            command += ["-p", f"{name}:={text.splitlines()[0]}"]
        return command


def print_line(name: str, line: str) -> None:
    """Print a line of a child with its name in front."""
    sys.stdout.write(f"[{name}] {line}\n")
    sys.stdout.flush()
