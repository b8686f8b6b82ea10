"""The learned policies that come with the package, one per task of the simulator."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from wall_oss_ros.ros.locations import share_folder

# What such a policy was trained for is the name of its folder.
_FOLDER = Path("config") / "models"


@dataclass(frozen=True, slots=True)
class Choice:
    """A policy for somebody who named none.

    Attributes:
        policy: back end.
        checkpoint: what it loads, "" for nothing.
        why: in words.
    """

    policy: str
    checkpoint: str
    why: str


def shipped_checkpoint(task: str) -> Path | None:
    """Return the folder of the checkpoint that was trained for a task; None where there is none."""
    folder = share_folder() / _FOLDER / task
    return folder if (folder / "config.json").is_file() else None


def policy_for(task: str) -> Choice:
    """Return the learned policy where one was trained for the task and can run, else the script."""
    folder = shipped_checkpoint(task)
    if folder is None:
        why = f"scripted: no learned policy comes along for '{task}'"
    elif importlib.util.find_spec("torch") is None:
        why = "scripted: the learned one needs `pip install 'wall_oss_ros[model]'`"
    else:
        why = f"small Wall-OSS, trained for '{task}' (docs/skill.md)"
        return Choice("wall_oss", str(folder), why)
    return Choice("scripted", "", why)
