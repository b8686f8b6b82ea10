"""``wall-oss repair``: whole episodes of what a crash or a kill of the recorder left."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from wall_oss_ros.core.errors import EpisodeError
from wall_oss_ros.data.episode_repair import repair, unfinished
from wall_oss_ros.data.message_types import suite_types
from wall_oss_ros.ros.locations import share_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("folder", help="folder of the episodes, as given to the recorder")
    parser.add_argument("--list", action="store_true", help="only say what there is to repair")


def run(options: argparse.Namespace) -> int:
    """Repair everything in the folder; 1 if something cannot be.

    Raises:
        EpisodeError: if there is no such folder.
    """
    root = Path(options.folder).expanduser()
    if not root.is_dir():
        raise EpisodeError(f"no folder {root}; give the folder that the recorder writes to")
    found = unfinished(root)
    if not found:
        print(f"nothing to repair in {root}")
        return 0
    types = suite_types(share_folder() / "msg")
    failed = 0
    for partial in found:
        if options.list:
            print(partial)
            continue
        try:
            done = repair(partial, root, types)
            print(f"{done.path}: {done.messages} messages, {done.seconds:.1f} s")
        except EpisodeError as error:
            failed += 1
            print(f"wall-oss repair: {error}", file=sys.stderr)
    return 1 if failed else 0
