"""``wall-oss export``: recorded episodes to a LeRobot v3.0 dataset for fine-tuning Wall-OSS."""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from pathlib import Path

import numpy as np

from wall_oss_ros.cli.dataset_progress import described, frames_bar
from wall_oss_ros.core.episode import OUTCOMES
from wall_oss_ros.core.errors import DatasetError
from wall_oss_ros.data.chosen_bags import chosen_bags
from wall_oss_ros.data.export import CONFIG_FILE, NORM_STATS_FILE, Exported, export
from wall_oss_ros.data.export_episode import ExportSettings
from wall_oss_ros.data.reasons import grouped
from wall_oss_ros.data.video import VideoCodec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    add("bags", nargs="+", help="recorded episodes, or folders of them")
    add("--output", required=True, metavar="FOLDER", help="folder of the dataset")
    add("--fps", type=int, default=0, help="frames per second; 0: the rate of the actions")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--absolute",
        action="store_true",
        help="actions are poses (the default): training makes them relative to each chunk's state",
    )
    kind.add_argument(
        "--relative", action="store_true", help="actions are relative to their own frame's state"
    )
    add("--trim-idle", action="store_true", help="leave out what lies before and after motion")
    add(
        "--outcome",
        action="append",
        default=[],
        choices=OUTCOMES,
        help="only episodes with this outcome; may be given several times",
    )
    add("--validation", type=float, default=0.0, help="share of episodes for the split 'val'")
    add("--seed", type=int, default=0, help="of the choice for validation")
    add("--codec", default="h264", help="h264 or av1")
    add("--crf", type=int, default=20, help="quality of the video; lower is better and larger")
    add("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    add("--quiet", action="store_true", help="no progress bar")


def run(options: argparse.Namespace) -> int:
    """Export; print what is in the dataset, and what is not.

    Raises:
        WallOssError: if an episode cannot be used, or the target cannot be written.
    """
    if options.fps < 0 or options.workers < 1:
        raise DatasetError(
            f"--fps: got {options.fps}, --workers: got {options.workers}; expected 0 or more "
            "frames per second and 1 or more workers"
        )
    bags = chosen_bags([Path(bag).expanduser() for bag in options.bags], options.outcome)
    final = Path(options.output).expanduser().resolve()
    settings = ExportSettings(
        fps=options.fps,
        relative=options.relative,
        trim_idle=options.trim_idle,
        codec=VideoCodec(options.codec, options.crf),
    )
    begin = time.monotonic()
    with frames_bar(len(bags), quiet=options.quiet) as show:
        exported = export(
            bags,
            final,
            settings,
            workers=options.workers,
            validation=options.validation,
            rng=np.random.default_rng(options.seed),
            progress=show,
        )
    _report(exported, time.monotonic() - begin)
    return 0


def _report(exported: Exported, took_s: float) -> None:
    dataset = exported.dataset
    recorded_s = sum(episode.seconds for episode in exported.episodes)
    print(
        f"{described(dataset)}, "
        f"{len(dataset.tasks)} tasks; {recorded_s:.0f} s of recording in {took_s:.0f} s "
        f"({recorded_s / took_s:.1f} x real time)"
    )
    reasons: Counter[str] = Counter()
    for episode in exported.episodes:
        reasons.update(episode.dropped)
        if len(episode.shards) > 1:
            print(f"{episode.bag}: {len(episode.shards)} runs, for frames are missing between")
    for count, reason in grouped(reasons):
        print(f"left out: {count} x {reason}")
    if exported.still:
        print(f"never changes in the data, so nothing is learnt of it: {', '.join(exported.still)}")
    print(f"for Wall-OSS: {dataset.root / CONFIG_FILE}, {dataset.root / NORM_STATS_FILE}")
    print(
        "for LeRobot: lerobot-train --dataset.repo_id=local/episodes "
        f"--dataset.root={dataset.root} --policy.type=wall_x --output_dir=outputs/train"
    )
