"""Random and adversarial commands through the supervisor's core; every output is checked.

The checks are arithmetic of their own, see `attack_checks`. Episodes run in one process per core.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator

from wall_oss_ros.cli.bench.attack_episode import Arena, Outcome
from wall_oss_ros.cli.bench.table import markdown
from wall_oss_ros.core.contract import load_contract
from wall_oss_ros.ros.locations import robots_folder

_EPISODE = 2000
_SHOWN = 10

_arena: Arena | None = None


def run(options: argparse.Namespace) -> int:
    """Attack and print; return 1 on any violation."""
    begun_s = time.monotonic()
    total = Outcome()
    told = 0
    for outcome in _outcomes(options.attack_seed, options.commands):
        total.add(outcome)
        percent = 100 * total.counts["commands"] // options.commands
        if percent >= told + 10:
            told = percent
            print(f"{percent} %, {len(total.violations)} violations", file=sys.stderr, flush=True)
    elapsed_s = time.monotonic() - begun_s
    commands = total.counts["commands"]
    print(f"{commands} commands in {elapsed_s:.0f} s, {commands / elapsed_s:.0f} per second\n")
    print(markdown(("what", "how often"), sorted(total.counts.items())))
    worst = [(name, f"{value:.3g}") for name, value in sorted(total.worst.items())]
    print(f"\n{markdown(('largest of what was commanded', 'value'), worst)}")
    print(f"\nviolations: {len(total.violations)}")
    for violation in total.violations[:_SHOWN]:
        print(f"  {violation}")
    return 1 if total.violations else 0


def _outcomes(first_seed: int, commands: int) -> Iterator[Outcome]:
    full, rest = divmod(commands, _EPISODE)
    sizes = [_EPISODE] * full + [rest] * (rest > 0)
    jobs = [(first_seed + index, size) for index, size in enumerate(sizes)]
    with multiprocessing.get_context("fork").Pool(os.cpu_count(), _begin) as pool:
        yield from pool.imap_unordered(_episode, jobs)


def _begin() -> None:
    global _arena
    _arena = Arena(load_contract(robots_folder() / "tiago_pro_sim.yaml"))


def _episode(job: tuple[int, int]) -> Outcome:
    assert _arena is not None
    return _arena.episode(*job)
