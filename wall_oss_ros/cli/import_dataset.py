"""``wall-oss import``: a LeRobot v3.0 dataset as recorded episodes, to replay and look at."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from tqdm import tqdm

from wall_oss_ros.core.contract import find_contract, load_contract
from wall_oss_ros.core.episode import Provenance
from wall_oss_ros.core.errors import WallOssError
from wall_oss_ros.data.chosen_episodes import chosen_episodes
from wall_oss_ros.data.dataset_fit import left_out
from wall_oss_ros.data.dataset_joints import POSITION_TOLERANCE_M, ROTATION_TOLERANCE_RAD
from wall_oss_ros.data.dataset_reader import Dataset, open_dataset
from wall_oss_ros.data.import_episode import EpisodeImporter, ImportedEpisode, summary
from wall_oss_ros.data.message_types import suite_types
from wall_oss_ros.ros.locations import robots_folder, share_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    add("dataset", help="folder of a LeRobot v3.0 dataset with the layout of `wall-oss export`")
    add("--output", required=True, metavar="FOLDER", help="folder of the bags, one per episode")
    add("--robot", default="tiago_pro_sim", help="contract by name, or a YAML file")
    add("--episodes", default="", metavar="0,3,5-9", help="only these (default: all)")
    add("--quiet", action="store_true", help="no progress bar")


def run(options: argparse.Namespace) -> int:
    """Import; print what was written, and what was not.

    Raises:
        WallOssError: if the dataset is not of this robot, an episode cannot be used, or the target
            cannot be written. Episodes that were whole by then stay.
    """
    dataset = open_dataset(Path(options.dataset).expanduser().resolve())
    numbers = chosen_episodes(options.episodes, len(dataset.episodes))
    root = Path(options.output).expanduser().resolve()
    types = suite_types(share_folder() / "msg")
    importer = EpisodeImporter(dataset, root, _provenance(options.robot), types)
    importer.check_free(numbers)
    # All begin at the same time: when they were recorded is not known.
    begin_ns, begin = time.time_ns(), time.monotonic()
    made: list[ImportedEpisode] = []
    total = sum(dataset.episodes[number].length for number in numbers)
    try:
        with tqdm(total=total, unit=" frames", disable=options.quiet, leave=False) as bar:
            for number in numbers:
                bar.set_postfix_str(f"{len(made)} of {len(numbers)} episodes")
                made.append(importer.run(number, begin_ns, bar.update))
    except WallOssError:
        if made:
            print(f"{root}: {summary(made)}; the next one cannot be imported")
        raise
    _report(root, dataset, made, time.monotonic() - begin)
    return 0


def _provenance(robot: str) -> Provenance:
    file = find_contract(robot, robots_folder())
    contract = load_contract(file)
    version = ElementTree.parse(share_folder() / "package.xml").findtext("version") or ""
    text = file.read_text(encoding="utf-8")
    return Provenance(version, contract.name, contract.schema_hash, text)


def _report(root: Path, dataset: Dataset, made: Sequence[ImportedEpisode], took_s: float) -> None:
    seconds = sum(episode.seconds for episode in made)
    print(f"{root}: {summary(made)}; in {took_s:.0f} s ({seconds / took_s:.1f} x real time)")
    for episode in made:
        if episode.missed:
            print(
                f"{episode.bag.name}: in {episode.missed} frames a tool is farther from its pose "
                f"than {POSITION_TOLERANCE_M * 1e3:g} mm or "
                f"{math.degrees(ROTATION_TOLERANCE_RAD):g} deg"
            )
    for key in left_out(dataset):
        print(f"left out: '{key}', for which an episode has no topic")
    print(f"to replay one: wall-oss demo --policy replay --checkpoint {made[0].bag}")
