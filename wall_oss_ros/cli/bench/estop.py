"""How soon an e-stop is on every controller topic, with the full graph running.

Measured from just before the service is called, or the input message published, to the arrival of
the stop at a subscriber in this process: its own latency counts in.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from std_srvs.srv import Trigger

from wall_oss_ros.cli.bench.monitor import EXECUTOR, SAFETY, TRUTH, WATCHED, Arrival
from wall_oss_ros.cli.bench.rig import Rig
from wall_oss_ros.cli.bench.stage import exercising
from wall_oss_ros.cli.bench.stops import stop_ns
from wall_oss_ros.cli.bench.table import markdown
from wall_oss_ros.cli.bench.trial_log import TrialLog
from wall_oss_ros.cli.session import InterruptedSessionError
from wall_oss_ros.core.errors import BringUpError

_TRIALS, _QUICK_TRIALS = 1000, 10
# What the project promises [ms].
_P99_MS, _MAX_MS = 10.0, 25.0
# The stop is known to last when a topic says the same again, as each does within 0.1 s, after this.
_TAIL_S = 0.06
_LONGEST_DELAY_S = 0.1
_MOST_FAILURES = 3
# The default of 5 ms could keep the listening thread waiting that long.
_SWITCH_INTERVAL_S = 0.0005
_WAYS = ("service", "input")
_KEYS = frozenset({"way", "ms"})


def run(options: argparse.Namespace) -> int:
    """Make all trials; print the tables; return 1 if a promise is not kept."""
    trials = _QUICK_TRIALS if options.quick else options.trials or _TRIALS
    log = TrialLog(options.log, _KEYS)
    rng = random.Random(options.trial_seed)
    begin, failures = time.monotonic(), 0
    while len(log.records) < trials:
        before = len(log.records)
        try:
            _make_trials(trials, log, rng, options)
        except InterruptedSessionError:
            raise
        except BringUpError as error:
            print(f"another graph is started: {error}", flush=True)
            failures = 0 if len(log.records) > before else failures + 1
            if failures == _MOST_FAILURES:
                raise
    print(f"\n{(time.monotonic() - begin) / 60:.1f} minutes\n\n{report(log.records)}")
    last = _last(log.records)
    good = np.all(np.isfinite(last)) and np.percentile(last, 99) <= _P99_MS
    return 0 if good and last.max() <= _MAX_MS else 1


def report(records: Sequence[Mapping[str, Any]]) -> str:
    """Return two tables: by topic, and the last topic of every trial by way."""
    topics = sorted({topic for record in records for topic in record["ms"]})
    rows = [
        (topic, *_figures([_number(record["ms"].get(topic)) for record in records]))
        for topic in topics
    ]
    ways = [
        (f"last of all topics, by {way}", *_figures(_last([r for r in records if r["way"] == way])))
        for way in _WAYS
    ]
    ways.append(("last of all topics", *_figures(_last(records))))
    return markdown(("stop on", "trials", "p50 ms", "p99 ms", "max ms"), [*rows, *ways])


def _make_trials(
    trials: int, log: TrialLog, rng: random.Random, options: argparse.Namespace
) -> None:
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    topics = {name: WATCHED[name] for name in (TRUTH, SAFETY, EXECUTOR)}
    arguments = {"image_size": str(options.image_size), "log_level": "error"}
    with exercising(
        topics,
        controllers=True,
        arguments=arguments,
        parameters={"safety_supervisor": {"priority": options.priority}},
        node_log=options.node_log,
        priority=options.priority,
    ) as rig:
        controllers = tuple(rig.session.contract.controller_topics)
        while len(log.records) < trials:
            way = _WAYS[len(log.records) % len(_WAYS)]
            rig.pause(rng.uniform(0.0, _LONGEST_DELAY_S))
            log.add({"way": way, "ms": _stop(rig, way, controllers)})
            rig.press_estop(False)
            rig.set_in_motion()
            if len(log.records) % 50 == 0:
                p50, p99, most = np.percentile(_last(log.records), (50, 99, 100))
                print(
                    f"{len(log.records):5} trials: p50 {p50:.2f} ms, p99 {p99:.2f} ms, "
                    f"max {most:.2f} ms",
                    flush=True,
                )


def _stop(rig: Rig, way: str, controllers: Sequence[str]) -> dict[str, float | None]:
    """Stop the robot once; return after how long the stop was on each topic [ms], None: never."""
    client = rig.conductor.client(Trigger, "safety_supervisor/estop")
    future = None
    begin_ns = time.monotonic_ns()
    if way == "service":
        future = client.call_async(Trigger.Request())
    else:
        rig.press_estop(True)
    # This thread keeps still: the listening one needs the interpreter to itself.
    rig.pause(_TAIL_S)
    until_ns = time.monotonic_ns()
    if future is not None:
        rig.conductor.wait_for(future.done, 2.0, "an answer of the e-stop")

    def told(topic: str) -> Sequence[Arrival]:
        return rig.monitor.since(topic, begin_ns)

    # Every topic says its setpoint again; one that is silent has nothing to say.
    rig.wait(lambda: all(told(name) and told(name)[-1].ns > until_ns for name in controllers), 0.2)
    stops = {topic: stop_ns(told(topic)) for topic in controllers}
    return {topic: None if ns is None else (ns - begin_ns) * 1e-6 for topic, ns in stops.items()}


def _last(records: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return when the last topic had its stop in each trial [ms]; infinite where one had none."""
    return np.array([max(map(_number, record["ms"].values())) for record in records])


def _number(ms: float | None) -> float:
    return float("inf") if ms is None else ms


def _figures(ms: Sequence[float] | np.ndarray) -> tuple[str, ...]:
    if len(ms) == 0:
        return ("0", "-", "-", "-")
    # No interpolation between what was measured: a stop that never came stays visible.
    p50, p99, most = np.percentile(ms, (50, 99, 100), method="higher")
    return (str(len(ms)), f"{p50:.2f}", f"{p99:.2f}", f"{most:.2f}")
