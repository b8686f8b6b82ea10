"""``python -m wall_oss_ros.bringup [name:=value ...]``: the launch file for machines without it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from wall_oss_ros.bringup.arguments import ARGUMENTS
from wall_oss_ros.bringup.graph import make_graph
from wall_oss_ros.bringup.runner import Runner
from wall_oss_ros.core.errors import BringUpError, WallOssError
from wall_oss_ros.ros.ending import Ending

_USAGE = "usage: wall-oss bringup [name:=value ...] [--show-args]"


def show_arguments() -> str:
    """Return name, help, default and choices of every argument."""
    lines = []
    for item in ARGUMENTS:
        lines.append(f"    {item.name}:={item.default}")
        lines.append(f"        {item.help}")
        if item.valid:
            lines.append(f"        one of: {', '.join(item.valid)}")
    return "\n".join(lines)


def run_graph(arguments: Sequence[str]) -> int:
    """Start the graph and wait for its end; return the exit status.

    Raises:
        WallOssError: before anything is started.
    """
    given = {}
    for argument in arguments:
        name, separator, value = argument.partition(":=")
        if not separator:
            raise BringUpError(f"got '{argument}'; {_USAGE}")
        given[name] = value
    ending = Ending()
    with ending.on_signals():
        runner = Runner(make_graph(given))
        try:
            runner.start()
            status = None
            while status is None and not ending.wait(0.2):
                status = runner.poll()
        finally:
            runner.stop()
    return status or 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if {"-h", "--help", "--show-args", "-s"} & set(arguments):
        print(f"{_USAGE}\n{show_arguments()}")
        return 0
    try:
        return run_graph(arguments)
    except WallOssError as error:
        print(f"wall_oss_ros: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
