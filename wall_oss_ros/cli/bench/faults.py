"""The fault matrix with real processes: every fault, its reaction, and that nothing else moved.

The policy is the exercise, so every part of the robot is in motion when something breaks. One graph
serves all faults that do not need another; what was killed is started anew.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, fields
from itertools import groupby
from typing import Any

import numpy as np

from wall_oss_ros.cli.bench.fault import DEAD_MAN, SIMULATED_TIME, UNWATCHED, Fault
from wall_oss_ros.cli.bench.fault_cases import chosen
from wall_oss_ros.cli.bench.fault_trial import Trial, try_fault
from wall_oss_ros.cli.bench.monitor import WATCHED
from wall_oss_ros.cli.bench.rig import Rig
from wall_oss_ros.cli.bench.stage import exercising
from wall_oss_ros.cli.bench.table import markdown
from wall_oss_ros.cli.bench.trial_log import TrialLog
from wall_oss_ros.cli.session import InterruptedSessionError
from wall_oss_ros.core.errors import BringUpError

_TRIALS = 20
# So many graphs in a row may fail to start.
_MOST_FAILURES = 3
# Longer than any loop's period, so that trials meet every phase of it [s].
_LONGEST_DELAY_S = 0.15


def run(options: argparse.Namespace) -> int:
    """Make all trials; print the table; return 1 if one failed."""
    wanted = chosen(options.only)
    if options.list:
        rows = [(fault.name, fault.title, fault.required) for fault in wanted]
        print(markdown(("name", "fault", "required"), rows))
        return 0
    log = TrialLog(options.log, frozenset(field.name for field in fields(Trial)))
    trials = 1 if options.quick else options.trials or _TRIALS
    begin = time.monotonic()
    for _, group in groupby(wanted, key=lambda fault: fault.stage):
        _make_trials(tuple(group), trials, log, options)
    made = [trial for fault in wanted for trial in _made(log, fault)]
    print(f"\n{(time.monotonic() - begin) / 60:.1f} minutes\n\n{report(wanted, made)}")
    return 0 if all(trial.passed for trial in made) else 1


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
                f"{sum(trial.passed for trial in made)} of {len(made)}",
                f"{np.median(times):.0f}" if times else "-",
                f"{max(times):.0f}" if times else "-",
                _moved(made),
                f"{max((trial.speed_share for trial in made), default=0.0):.0%}",
            )
        )
    head = ("fault", "required", "passed", "p50 ms", "max ms", "moved after", "fastest")
    return markdown(head, rows)


def _make_trials(
    faults: Sequence[Fault], trials: int, log: TrialLog, options: argparse.Namespace
) -> None:
    """Make the missing trials of faults that share a graph."""
    rng = random.Random(options.trial_seed)
    failures, stage = 0, faults[0].stage
    while missing := [fault for fault in faults if len(_made(log, fault)) < trials]:
        before = len(log.records)
        arguments = {
            "image_size": str(options.image_size),
            "use_sim_time": str(stage == SIMULATED_TIME).lower(),
            "log_level": "warn",
        }
        try:
            with exercising(
                WATCHED,
                controllers=stage != UNWATCHED,
                arguments=arguments,
                parameters={"safety_supervisor": {"dead_man_required": stage == DEAD_MAN}},
                node_log=options.node_log,
            ) as rig:
                for fault in missing:
                    for number in range(len(_made(log, fault)) + 1, trials + 1):
                        trial = _make_trial(rig, fault, rng.uniform(0.0, _LONGEST_DELAY_S), log)
                        print(_line(number, trial), flush=True)
        except InterruptedSessionError:
            raise
        except BringUpError as error:
            print(f"another graph is started: {error}", flush=True)
            failures = 0 if len(log.records) > before else failures + 1
            if failures == _MOST_FAILURES:
                raise


def _make_trial(rig: Rig, fault: Fault, delay_s: float, log: TrialLog) -> Trial:
    """Make a trial and keep it; a robot that cannot be put right again is a failure, too."""
    try:
        trial = try_fault(rig, fault, delay_s)
        rig.set_in_motion()
    except InterruptedSessionError:
        raise
    except BringUpError as error:
        failure = Trial(fault.name, False, None, None, None, 0.0, f"not put right: {error}")
        log.add(asdict(failure))
        raise
    log.add(asdict(trial))
    return trial


def _made(log: TrialLog, fault: Fault) -> list[Trial]:
    return [Trial(**record) for record in log.records if record["fault"] == fault.name]


def _line(number: int, trial: Trial) -> str:
    took = "-" if trial.reaction_ms is None else f"{trial.reaction_ms:.0f} ms"
    verdict = "ok" if trial.passed else f"FAILED: {trial.note}"
    return f"{trial.fault:28} {number:3} {took:>9}  {verdict}"


def _moved(trials: Sequence[Trial]) -> str:
    largest: list[str] = []
    for key, unit in (("moved_mrad", "mrad"), ("moved_mm", "mm")):
        moved: list[Any] = [getattr(trial, key) for trial in trials]
        known = [value for value in moved if value is not None]
        largest += [f"{max(known):.2f} {unit}"] if known else []
    return ", ".join(largest) or "(goes on)"
