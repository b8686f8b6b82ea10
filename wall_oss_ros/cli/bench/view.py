"""What a browser costs the robot: CPU of web_view, bytes to the browser, rhythm of commands.

The browser is a program that takes everything and draws nothing: where a page is drawn is not the
robot's machine, or should not be.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from wall_oss_ros.cli.bench.browser import looking
from wall_oss_ros.cli.bench.markers import measured
from wall_oss_ros.cli.bench.monitor import WATCHED
from wall_oss_ros.cli.bench.stage import exercising
from wall_oss_ros.cli.bench.table import markdown
from wall_oss_ros.core.errors import BringUpError

NODE = "web_view"
_SETTLE_S, _QUICK_S = 4.0, 5.0
_HEAD = (
    "browser",
    "CPU of the node",
    "kB/s to it",
    "between commands p50 ms",
    "p99 ms",
    "max ms",
)


def run(options: argparse.Namespace) -> int:
    """Measure without and with a browser, alternating; return 0."""
    seconds = _QUICK_S if options.quick else options.seconds
    rows: list[Sequence[object]] = []
    with tempfile.TemporaryDirectory(prefix="wall_oss_") as folder:
        log = Path(options.node_log or Path(folder) / "nodes.log")
        arguments = {"view": "true", "image_size": str(options.image_size)}
        with exercising(
            WATCHED,
            arguments=arguments,
            parameters={NODE: {"port": 0}},
            node_log=str(log),
        ) as rig:
            printed = re.findall(r"web view: (http\S+)", log.read_text(encoding="utf-8"))
            if not printed:
                raise BringUpError("web_view did not print its address")
            for watched in (False, True, False, True):
                with _taking(printed[-1] if watched else "") as taken:
                    rig.pause(_SETTLE_S)
                    before = sum(taken)
                    share, gaps_ms = measured(rig, NODE, seconds)
                    rate_kb = (sum(taken) - before) / seconds / 1e3
                p50, p99 = np.percentile(gaps_ms, (50, 99))
                figures = (f"{value:.2f}" for value in (p50, p99, gaps_ms.max()))
                said = "yes" if watched else "no"
                rows.append((said, f"{share:.1%}", f"{rate_kb:.0f}", *figures))
    print(f"{seconds:g} s each, three cameras\n\n{markdown(_HEAD, rows)}")
    return 0


@contextlib.contextmanager
def _taking(address: str) -> Iterator[list[int]]:
    """Look as a browser does; gives how many bytes came, message by message."""
    taken: list[int] = []
    if not address:
        yield taken
        return
    from websockets.exceptions import ConnectionClosed

    with looking(address) as socket:

        def take() -> None:
            with contextlib.suppress(ConnectionClosed):
                for message in socket:
                    taken.append(len(message))

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield taken
    thread.join(5.0)
