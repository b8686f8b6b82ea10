"""A running graph for the length of a command: started, joined, stopped, whatever happens."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from wall_oss_ros.bringup.graph import make_graph
from wall_oss_ros.bringup.runner import Runner
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import BringUpError
from wall_oss_ros.ros.conductor import Conductor
from wall_oss_ros.ros.ending import Ending


class InterruptedSessionError(BringUpError):
    """Ctrl-C, or SIGTERM, while the graph ran."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a command needs of its graph."""

    runner: Runner
    conductor: Conductor
    contract: RobotContract


@contextlib.contextmanager
def session(
    arguments: Mapping[str, str], show: Callable[[str, str], None] | None = None
) -> Iterator[Session]:
    """Start the simulated graph on this machine alone and stop it at the end.

    Args:
        arguments: of the bring-up.
        show: called with node name and line of what the nodes print; by default it is printed.

    Raises:
        InterruptedSessionError: on a signal.
        WallOssError: before anything is started, or when the graph ends by itself.
    """
    # A simulated graph publishes controller topics: they must never reach a robot on the network.
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    graph = make_graph(arguments)
    os.environ.update(graph.environment)
    ending = Ending()

    def giving_up() -> None:
        if ending.requested:
            raise InterruptedSessionError("interrupted")
        if runner.poll() is not None:
            raise BringUpError("\n".join(["the graph ended; its last lines:", *runner.last_lines]))

    with ending.on_signals():
        runner = Runner(graph, show)
        try:
            runner.start()
            conductor = Conductor(graph.namespace, giving_up=giving_up)
            try:
                yield Session(runner, conductor, graph.contract)
            finally:
                conductor.close()
        finally:
            runner.stop()


def sorting(image_size: int) -> dict[str, str]:
    """Return the bring-up of a robot that is busy for a while, with pictures of a size [px]."""
    return {"task": "sort_cubes", "image_size": str(image_size), "log_level": "warn"}
