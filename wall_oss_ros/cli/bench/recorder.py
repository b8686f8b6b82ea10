"""The episode recorder beside drivers at full rate: losses, cost, and what a kill leaves."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rosbags.rosbag2 import Reader

from wall_oss_ros.bringup.graph import dds_environment
from wall_oss_ros.bringup.process import ChildProcess
from wall_oss_ros.cli.bench.derived_contract import derived_contract
from wall_oss_ros.cli.bench.drivers import Drivers
from wall_oss_ros.cli.bench.loops import cpu_s
from wall_oss_ros.cli.bench.stage import printed_to
from wall_oss_ros.cli.bench.table import markdown
from wall_oss_ros.core.contract import RobotContract, load_contract
from wall_oss_ros.core.errors import BringUpError, EpisodeError
from wall_oss_ros.data.bag_index import message_counts
from wall_oss_ros.data.bag_metadata import read_record
from wall_oss_ros.data.episode_repair import read_prefix, repair, unfinished
from wall_oss_ros.data.message_types import suite_types
from wall_oss_ros.ros.conductor import Conductor
from wall_oss_ros.ros.locations import executable, share_folder
from wall_oss_ros.srv import StartEpisode, StopEpisode

# What the project promises.
_CPU_SHARE = 0.40
_LAST_SECOND_S = 1.0
_QUICK_S, _QUICK_KILLS = 5.0, 2
# What is under way when the drivers stop.
_ARRIVING_S = 0.5
_ME = "episode_recorder"


def run(options: argparse.Namespace) -> int:
    """Measure; print the tables; return 1 if a promise is not kept."""
    seconds = _QUICK_S if options.quick else options.seconds
    kills = min(options.kills, _QUICK_KILLS) if options.quick else options.kills
    rng = np.random.default_rng(options.trial_seed)
    # As in a graph, before this process has anything of ROS.
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.update(dds_environment())
    with (
        derived_contract(options.camera_rate, "compressed") as path,
        tempfile.TemporaryDirectory(prefix="wall_oss_episodes_") as folder,
        printed_to(options.node_log) as show,
    ):
        stand = _Stand(path, Path(folder), options.image_size, show)
        try:
            good = _losses(stand, seconds) if seconds > 0.0 else True
            return 0 if _kills(stand, kills, rng) and good else 1
        finally:
            stand.close()


class _Stand:
    """Drivers, and a recorder that can be started and killed."""

    def __init__(
        self, contract: Path, folder: Path, px: int, show: Callable[[str, str], None]
    ) -> None:
        self._path, self.folder, self._show = contract, folder, show
        self.contract: RobotContract = load_contract(contract)
        self.conductor = Conductor()
        self.drivers = Drivers(self.conductor.node, self.contract, px)
        self.process: ChildProcess | None = None

    def start_recorder(self) -> ChildProcess:
        """Start the node and bring it up."""
        command = [str(executable(_ME)), "--ros-args", "-p", f"contract:={self._path}"]
        command += ["-p", f"folder:={self.folder}", "-p", "min_free_mb:=1"]
        self.process = ChildProcess(_ME, command, dict(os.environ), self._show)
        self.conductor.bring_up(_ME)
        self.conductor.wait_for(lambda: self.drivers.heard, 10.0, "subscriptions of the recorder")
        return self.process

    def start(self, name: str) -> None:
        """Start an episode."""
        request = StartEpisode.Request(name=name, instruction="measure")
        self._checked(self.conductor.call(f"{_ME}/start", (StartEpisode, request), 20.0))

    def stop(self) -> None:
        """Stop the episode."""
        request = StopEpisode.Request(outcome="success", progress=1.0)
        self._checked(self.conductor.call(f"{_ME}/stop", (StopEpisode, request), 60.0))

    def kill(self) -> None:
        """Kill the recorder, as the kernel does it when memory runs out."""
        if self.process is not None:
            self.process.signal(signal.SIGKILL)
            self.process.wait(10.0)
            self.process = None

    def close(self) -> None:
        """End everything."""
        self.drivers.stop()
        self.kill()
        self.conductor.close()

    @staticmethod
    def _checked(answer: StartEpisode.Response | StopEpisode.Response) -> None:
        if not answer.success:
            raise BringUpError(f"the recorder says: {answer.message}")


def _losses(stand: _Stand, seconds: float) -> bool:
    process = stand.start_recorder()
    stand.start("full_rate")
    before, begin = cpu_s(process.pid), time.monotonic()
    stand.drivers.start()
    stand.conductor.spin(seconds)
    stand.drivers.stop()
    took_s = time.monotonic() - begin
    share = (cpu_s(process.pid) - before) / took_s
    time.sleep(_ARRIVING_S)
    stand.stop()
    stand.kill()
    bag = stand.folder / "full_rate"
    in_bag = _counts(bag)
    noticed = {account.topic: account.lost for account in read_record(bag).accounts}
    rows = [
        (topic, sent, found, sent - found, noticed[f"/{topic}"], f"{sent / took_s:.1f}")
        for topic, sent in stand.drivers.sent.items()
        for found in [in_bag.get(f"/{topic}", 0)]
    ]
    columns = ("topic", "published", "in the bag", "lost", "noticed by the recorder", "Hz")
    size = sum(file.stat().st_size for file in bag.iterdir()) / 1e6
    print(
        f"{took_s:.0f} s, pictures of {stand.drivers.picture_bytes / 1e3:.0f} kB; "
        f"{size:.0f} MB in the bag\n\n"
        + markdown(columns, rows)
        + f"\n\nthe recorder's process: {share:.0%} of a core\n",
        flush=True,
    )
    return all(row[3] == 0 for row in rows) and share <= _CPU_SHARE


def _kills(stand: _Stand, kills: int, rng: np.random.Generator) -> bool:
    rows = []
    types = suite_types(share_folder() / "msg")
    good = True
    for trial in range(kills):
        whole, opened = f"whole_{trial}", f"open_{trial}"
        stand.start_recorder()
        stand.drivers.start()
        stand.start(whole)
        stand.conductor.spin(0.5)
        stand.stop()
        stand.start(opened)
        stand.conductor.spin(float(rng.uniform(0.5, 5.0)))
        sent_ns = stand.drivers.last_ns
        stand.kill()
        stand.drivers.stop()
        finished = sum(_counts(stand.folder / whole).values())
        lost_s = float("inf")
        readable = 0
        with contextlib.suppress(EpisodeError):
            for partial in unfinished(stand.folder):
                file = next(partial.glob("*.mcap"))
                last_ns = max((m.log_time for _, _, m in read_prefix(file)), default=0)
                lost_s = (sent_ns - last_ns) * 1e-9
                readable = repair(partial, stand.folder, types).messages
        ok = finished > 0 and readable > 0 and lost_s <= _LAST_SECOND_S
        good = good and ok
        rows.append((trial + 1, finished, readable, f"{lost_s:.2f}", "yes" if ok else "NO"))
    if rows:
        columns = (
            "kill",
            "messages of the finished episode",
            "of the open one, repaired",
            "missing at its end s",
            "kept",
        )
        print(markdown(columns, rows), flush=True)
    return good


def _counts(bag: Path) -> dict[str, int]:
    """Return messages by topic; rosbags and mcap must agree."""
    with Reader(bag) as reader:
        counts = {connection.topic: connection.msgcount for connection in reader.connections}
    if counts != message_counts(bag):
        raise EpisodeError(f"{bag}: rosbags finds {counts}, mcap {message_counts(bag)}")
    return counts
