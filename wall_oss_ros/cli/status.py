"""``wall-oss status``: what the running graph says, on one screen of the terminal."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from wall_oss_ros.core.errors import BringUpError
from wall_oss_ros.core.view.console import screen
from wall_oss_ros.core.view.snapshot import Snapshot
from wall_oss_ros.core.view.words import needs_a_person
from wall_oss_ros.ros.ending import Ending
from wall_oss_ros.ros.graph_watch import GraphWatch

_POLL_S = 0.1
_HOME, _CLEAR_BELOW, _CLEAR = "\033[H", "\033[J", "\033[2J"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    add(
        "--once",
        action="store_true",
        help="print it and end, with status 0 if motion is enabled and nothing is wrong, else 1",
    )
    add("--seconds", type=float, default=2.0, help="how long --once listens")
    add("--period", type=float, default=0.5, help="between two screens [s]")
    add("--namespace", default="", help="of the graph")


def run(options: argparse.Namespace) -> int:
    """Show the state until Ctrl-C, or once.

    Raises:
        BringUpError: for times that are not above 0.
    """
    if options.seconds <= 0.0 or options.period <= 0.0:
        raise BringUpError("--seconds and --period: expected above 0")
    context = rclpy.Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = Node("wall_oss_status", namespace=options.namespace or None, context=context)
    ending = Ending()
    try:
        with ending.on_signals():
            watch = GraphWatch(node)
            if options.once:
                _listen(watch, options.seconds, ending)
                snapshot = watch.snapshot()
                _print(snapshot, sys.stdout.write, colour=sys.stdout.isatty(), height=1000)
                return int(needs_a_person(snapshot))
            sys.stdout.write(_CLEAR)
            while not ending.requested:
                _listen(watch, options.period, ending)
                sys.stdout.write(_HOME)
                _print(watch.snapshot(), sys.stdout.write, colour=True)
                sys.stdout.write(_CLEAR_BELOW)
                sys.stdout.flush()
            return 0
    finally:
        node.destroy_node()
        context.try_shutdown()


def _listen(watch: GraphWatch, seconds: float, ending: Ending) -> None:
    end = time.monotonic() + seconds
    while not ending.requested and (left := end - time.monotonic()) > 0.0:
        watch.poll()
        ending.wait(min(left, _POLL_S))


def _print(
    snapshot: Snapshot, write: Callable[[str], object], *, colour: bool, height: int = 0
) -> None:
    size = shutil.get_terminal_size((100, 40))
    for line in screen(
        snapshot, width=size.columns, height=height or size.lines - 1, colour=colour
    ):
        # To the end of the line: what was there before may have been longer.
        write(f"{line}\033[K\n" if colour else f"{line}\n")
