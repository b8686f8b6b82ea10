"""``wall-oss collect``: demonstrations of the scripted expert in simulation, as a dataset."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from wall_oss_ros.cli.dataset_progress import described, frames_bar
from wall_oss_ros.cli.names import names_in
from wall_oss_ros.collection.collect import Collected, collect
from wall_oss_ros.collection.disturbance import DisturbanceSettings
from wall_oss_ros.collection.episode import CollectSettings
from wall_oss_ros.core.contract import find_contract
from wall_oss_ros.core.errors import DatasetError
from wall_oss_ros.ros.locations import robots_folder

_USUAL = DisturbanceSettings()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    add("--output", required=True, metavar="FOLDER", help="folder of the dataset")
    add("--task", default="pick_cube", help="task of the simulator")
    add("--episodes", type=int, default=400, help="how many are tried, one seed each")
    add("--seed", type=int, default=100_000, help="the first seed")
    add("--image-size", type=int, default=224, help="pictures [px]")
    add(
        "--cameras",
        default="",
        metavar="A,B",
        help="the model's names of the pictures to take (all)",
    )
    add("--validation", type=float, default=0.05, help="share of episodes for the split 'val'")
    add(
        "--glances",
        type=float,
        default=0.0,
        help="share of the moments shown once more above another scene, in episodes of their own",
    )
    add("--plain", action="store_true", help="always the same light and colours")
    add("--unpushed", action="store_true", help="nothing pushes the arms, not even at the start")
    add("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    add("--quiet", action="store_true", help="no progress bar")
    add("--robot", default="tiago_pro_sim", help="contract by name, or a YAML file")


def run(options: argparse.Namespace) -> int:
    """Collect; print what is in the dataset.

    Raises:
        WallOssError: if the simulator cannot be built, or the target cannot be written.
    """
    if options.episodes < 1 or options.workers < 1:
        raise DatasetError(
            f"--episodes: got {options.episodes}, --workers: got {options.workers}; expected 1 or "
            "more of both"
        )
    if options.glances < 0.0 or options.glances > 1.0:
        raise DatasetError(f"--glances: got {options.glances:g}; expected 0 to 1")
    final = Path(options.output).expanduser().resolve()
    settings = CollectSettings(
        task=options.task,
        image_size=options.image_size,
        cameras=names_in(options.cameras),
        varied=not options.plain,
        glances=options.glances,
        disturbance=DisturbanceSettings(spared=1.0 if options.unpushed else _USUAL.spared),
    )
    begin = time.monotonic()
    with frames_bar(options.episodes, quiet=options.quiet) as show:
        collected = collect(
            find_contract(options.robot, robots_folder()),
            final,
            settings,
            seeds=range(options.seed, options.seed + options.episodes),
            workers=options.workers,
            validation=options.validation,
            progress=show,
        )
    _report(collected, time.monotonic() - begin)
    return 0


def _report(collected: Collected, took_s: float) -> None:
    dataset = collected.dataset
    print(
        f"{described(dataset)}, "
        f"{len(dataset.tasks)} instructions, in {took_s:.0f} s; the expert failed in "
        f"{len(collected.failed)}"
    )
    if collected.still:
        print(
            f"never changes in the data, so nothing is learnt of it: {', '.join(collected.still)}"
        )
