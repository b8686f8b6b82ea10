"""The graph of a measurement: the exercise as policy, every part in motion, a monitor beside it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rclpy.qos import QoSProfile

from wall_oss_ros.bringup.graph import make_graph
from wall_oss_ros.cli.bench.monitor import Monitor, controller_topics
from wall_oss_ros.cli.bench.rig import EXERCISE, Rig
from wall_oss_ros.cli.parameter_file import parameter_file
from wall_oss_ros.cli.session import session

Topics = Mapping[str, tuple[type, QoSProfile]]


@contextlib.contextmanager
def exercising(
    topics: Topics,
    *,
    controllers: bool = False,
    arguments: Mapping[str, str] | None = None,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    node_log: str = "",
    priority: int = 0,
) -> Iterator[Rig]:
    """Start the graph and bring every part into motion; stop it at the end.

    Args:
        topics: what the monitor listens to.
        controllers: whether it listens to the controller topics, too.
        arguments: of the bring-up, beside the policy.
        parameters: by node, over the shipped ones.
        node_log: file for what the nodes print, "" to drop it.
        priority: real-time priority of the monitor; 0 for none.

    Raises:
        WallOssError: if the graph does not start, or the robot does not move.
    """
    given = {"policy": {"exercise": EXERCISE}, **(parameters or {})}
    with printed_to(node_log) as show, parameter_file(given) as params:
        wanted = {"policy": "exercise", "params": str(params), **(arguments or {})}
        watched = dict(topics)
        if controllers:
            watched.update(controller_topics(make_graph(wanted).contract))
        with session(wanted, show) as running:
            monitor = Monitor(watched, running.conductor.node.get_namespace(), priority)
            try:
                rig = Rig(running, monitor)
                try:
                    rig.begin()
                    yield rig
                finally:
                    rig.close()
            finally:
                monitor.close()


@contextlib.contextmanager
def printed_to(path: str) -> Iterator[Callable[[str, str], None]]:
    """Give where the nodes' lines go: a file, or nowhere."""
    if not path:
        yield lambda name, line: None
        return
    with Path(path).open("a", encoding="utf-8") as file:
        yield lambda name, line: print(f"[{name}] {line}", file=file, flush=True)
