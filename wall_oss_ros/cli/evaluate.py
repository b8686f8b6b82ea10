"""``wall-oss evaluate``: a policy in simulation, episode by episode, lockstep or in the graph."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from tqdm import tqdm

from wall_oss_ros.cli.policy_settings import add_settings, chosen_settings
from wall_oss_ros.core.contract import find_contract
from wall_oss_ros.core.errors import SimulationError, choices
from wall_oss_ros.evaluation.episode import CONTROLS, OTHER, TOLD, Case, Outcome
from wall_oss_ros.evaluation.evaluate import Candidate, evaluate
from wall_oss_ros.evaluation.report import plot, rows, table, write_episodes
from wall_oss_ros.ros.locations import robots_folder
from wall_oss_ros.sim.tasks import TASKS

# Where an instruction names one colour, another one can be named instead.
_ONE_COLOUR = ("pick_cube", "hand_over")
_BLIND = ("scripted", "exercise", "replay")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    add("--policy", default="wall_oss", help="policy back end")
    add("--checkpoint", default="", help="what the policy loads")
    add("--task", action="append", default=[], help="may be given several times; else all")
    add("--episodes", type=int, default=50, help="per task and control")
    add("--seed", type=int, default=1000, help="the first seed; collect begins at 100000")
    add("--speed", type=float, default=1.0, help="part of the speed that the policy means")
    add("--control", action="store_true", help="once more with a wrong colour named")
    add("--limit", type=float, default=20.0, help="give up after this long at full speed [s]")
    add("--latency", type=float, default=0.1, help="simulated, from pictures to chunk [s]")
    add("--image-size", type=int, default=224, help="pictures [px]")
    add_settings(parser)
    add("--output", default="log/evaluation", help="folder for episodes.csv, plot and films")
    add("--film", type=int, action="append", default=[], metavar="SEED", help="film this episode")
    add("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    add(
        "--nodes",
        action="store_true",
        help="in the full graph and in real time, one episode after the other; without --latency, "
        "--film and --workers",
    )
    add("--robot", default="tiago_pro_sim", help="contract by name, or a YAML file")
    add("--quiet", action="store_true", help="no progress bar")


def run(options: argparse.Namespace) -> int:
    """Evaluate; print a table, and write every episode and a plot.

    Raises:
        WallOssError: if the policy cannot be loaded, or an option cannot be used.
    """
    cases = _cases(options)
    output = Path(options.output).expanduser()
    blind = options.policy in _BLIND
    candidate = Candidate(
        robot=find_contract(options.robot, robots_folder()),
        policy=options.policy,
        checkpoint=options.checkpoint,
        settings=chosen_settings(options.policy, options.set),
        image_size=0 if blind else options.image_size,
        latency_s=options.latency,
        films=str(output) if options.film else "",
    )
    if options.nodes:
        # Not above: the lockstep loop does without ROS.
        from wall_oss_ros.cli.evaluate_nodes import evaluate_nodes

        coming = evaluate_nodes(candidate, cases)
    else:
        coming = evaluate(candidate, cases, frozenset(options.film), options.workers)
    outcomes: list[Outcome] = []
    with tqdm(total=len(cases), unit=" episodes", disable=options.quiet, leave=False) as bar:
        for outcome in coming:
            outcomes.append(outcome)
            # After each, so that what is interrupted is not lost.
            write_episodes(outcomes, output / "episodes.csv")
            bar.update()
            bar.set_postfix_str(f"{np.mean([o.progress for o in outcomes]):.0f} mean progress")
    found = rows(outcomes, np.random.default_rng(0))
    plot(found, output / "evaluation.png")
    print(table(found))
    print(f"every episode: {output / 'episodes.csv'}; plot: {output / 'evaluation.png'}")
    return 0


def _cases(options: argparse.Namespace) -> list[Case]:
    tasks = options.task or list(TASKS)
    unknown = [task for task in tasks if task not in TASKS]
    if unknown:
        raise SimulationError(f"unknown task '{unknown[0]}'; valid: {choices(TASKS)}")
    if options.episodes < 1 or options.workers < 1 or options.limit <= 0:
        raise SimulationError(
            f"--episodes {options.episodes}, --workers {options.workers}, --limit "
            f"{options.limit:g}; expected 1 or more, 1 or more, above 0"
        )
    if options.nodes and options.film:
        raise SimulationError("--film: not with --nodes; `wall-oss demo --film FILE` films a run")
    if not 0.0 < options.speed <= 1.0:
        raise SimulationError(f"--speed: got {options.speed:g}; expected above 0 to 1")
    controls = CONTROLS if options.control else (TOLD,)
    return [
        Case(task, seed, control, options.speed, options.limit)
        for task in tasks
        for control in controls
        if control != OTHER or task in _ONE_COLOUR
        for seed in range(options.seed, options.seed + options.episodes)
    ]
