"""The fault matrix with real processes: every fault, its reaction, and that nothing else moved.

The policy is the exercise, so every part of the robot is in motion when something breaks. One graph
serves all faults that do not need another; what was killed is started anew.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from wall_oss_ros.cli.bench.fault import Fault
from wall_oss_ros.cli.bench.fault_cases import chosen
from wall_oss_ros.cli.bench.fault_trial import Trial, try_fault
from wall_oss_ros.cli.bench.monitor import WATCHED, Monitor
from wall_oss_ros.cli.bench.rig import EXERCISE, Rig, parameter_file
from wall_oss_ros.cli.bench.table import markdown
from wall_oss_ros.cli.session import InterruptedSessionError, session
from wall_oss_ros.core.errors import BringUpError

_TRIALS = 20
# A graph that cannot be put right is started anew so often in a row.
_NEW_GRAPHS = 3
_LONGEST_DELAY_S = 0.15


def run(options: argparse.Namespace) -> int:
    """Make all trials; print the table; return 1 if one failed."""
    wanted = chosen(options.only)
    if options.list:
        print(
            markdown(("name", "fault", "required"), [(f.name, f.title, f.required) for f in wanted])
        )
        return 0
    trials = 1 if options.quick else options.trials or _TRIALS
    log = Log(Path(options.log) if options.log else None)
    begin = time.monotonic()
    for simulated, group in groupby(wanted, key=lambda fault: fault.simulated_time):
        _make_trials(tuple(group), simulated, trials, log, options)
    print(f"\n{(time.monotonic() - begin) / 60:.1f} minutes\n")
    print(report(wanted, log.trials))
    return 0 if all(trial.passed for trial in log.trials) else 1


class Log:
    """Trials that were made, also by an earlier run that was interrupted.

    Attributes:
        trials: all of them.
    """

    def __init__(self, path: Path | None) -> None:
        """Read what is there.

        Args:
            path: file of JSON lines; None keeps them in memory only.

        Raises:
            BringUpError: if it holds something else.
        """
        self._path = path
        self.trials: list[Trial] = []
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                try:
                    self.trials.append(Trial(**json.loads(line)))
                except (TypeError, ValueError):
                    raise BringUpError(f"--log: line {number} of {path} is no trial") from None

    def add(self, trial: Trial) -> None:
        """Keep a trial, on disk at once."""
        self.trials.append(trial)
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(trial.record()) + "\n")

    def count(self, fault: str) -> int:
        """Return how many trials of a fault were made."""
        return sum(trial.fault == fault for trial in self.trials)


@contextmanager
def graph(simulated_time: bool, image_size: int, node_log: str = "") -> Iterator[Rig]:
    """Start the graph of the trials and bring it into motion; stop it at the end.

    Args:
        simulated_time: whether its nodes follow the simulator's clock.
        image_size: of the cameras [px].
        node_log: file for what the nodes print, "" to drop it.
    """
    with _sink(node_log) as show, parameter_file({"policy": {"exercise": EXERCISE}}) as params:
        arguments = {
            "policy": "exercise",
            "image_size": str(image_size),
            "use_sim_time": str(simulated_time).lower(),
            "params": str(params),
        }
        with session(arguments, show) as running:
            monitor = Monitor(WATCHED)
            rig = Rig(running, monitor)
            try:
                rig.begin()
                yield rig
            finally:
                rig.close()
                monitor.close()


@contextmanager
def _sink(path: str) -> Iterator[Callable[[str, str], None]]:
    """Give where the nodes' lines go: a file, or nowhere."""
    if not path:
        yield lambda name, line: None
        return
    with Path(path).open("a", encoding="utf-8") as file:
        yield lambda name, line: print(f"[{name}] {line}", file=file, flush=True)


def _make_trials(
    faults: Sequence[Fault], simulated: bool, trials: int, log: Log, options: argparse.Namespace
) -> None:
    """Make the missing trials of faults that share a graph."""
    rng = random.Random(options.trial_seed)
    hopeless = 0
    while missing := [fault for fault in faults if log.count(fault.name) < trials]:
        try:
            with graph(simulated, options.image_size, options.node_log) as rig:
                for fault in missing:
                    while log.count(fault.name) < trials:
                        _make_trial(rig, fault, rng.uniform(0.0, _LONGEST_DELAY_S), log)
                        hopeless = 0
        except InterruptedSessionError:
            raise
        except BringUpError as error:
            # What it could not be brought back from counts as a failure of that fault.
            print(f"a new graph is needed: {error}", flush=True)
            hopeless += 1
            if hopeless == _NEW_GRAPHS:
                raise


def _make_trial(rig: Rig, fault: Fault, delay_s: float, log: Log) -> None:
    try:
        trial = try_fault(rig, fault, delay_s)
        rig.set_in_motion()
    except InterruptedSessionError:
        raise
    except BringUpError as error:
        log.add(Trial(fault.name, False, None, None, None, 0.0, f"not put right: {error}"))
        raise
    log.add(trial)
    took = "-" if trial.reaction_ms is None else f"{trial.reaction_ms:.0f} ms"
    verdict = "ok" if trial.passed else f"FAILED: {trial.note}"
    print(f"{fault.name:28} {log.count(fault.name):3} {took:>9}  {verdict}", flush=True)


def report(faults: Sequence[Fault], trials: Sequence[Trial]) -> str:
    """Return the table: one row per fault."""
    rows = []
    for fault in faults:
        made = [trial for trial in trials if trial.fault == fault.name]
        times = [trial.reaction_ms for trial in made if trial.reaction_ms is not None]
        rows.append(
            (
                fault.title,
                fault.required,
                len(made),
                sum(trial.passed for trial in made),
                f"{np.median(times):.0f}" if times else "-",
                f"{max(times):.0f}" if times else "-",
                _most(made, "moved_mrad", "mrad"),
                _most(made, "moved_mm", "mm"),
            )
        )
    head = ("fault", "required", "trials", "passed", "p50 ms", "max ms", "turned", "slid")
    return markdown(head, rows)


def _most(trials: Sequence[Trial], key: str, unit: str) -> str:
    moved: list[Any] = [getattr(trial, key) for trial in trials]
    known = [value for value in moved if value is not None]
    return f"{max(known):.2f} {unit}" if known else "goes on"
