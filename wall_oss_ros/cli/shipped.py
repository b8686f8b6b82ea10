"""The learned policies that come with the package, one per task of the simulator."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from wall_oss_ros.ros.locations import share_folder

# What such a policy was trained for is the name of its folder.
_FOLDER = Path("config") / "models"


def shipped_checkpoint(task: str) -> Path | None:
    """Return the folder of the checkpoint that was trained for a task; None where there is none."""
    folder = share_folder() / _FOLDER / task
    return folder if (folder / "config.json").is_file() else None


def policy_for(task: str) -> tuple[str, str, str]:
    """Return back end, checkpoint and why it is these, for somebody who named none.

    The learned policy where one was trained for the task and can run, else the script.
    """
    folder = shipped_checkpoint(task)
    if folder is None:
        return "scripted", "", f"scripted: no learned policy comes along for '{task}'"
    if importlib.util.find_spec("torch") is None:
        return "scripted", "", "scripted: the learned one needs `pip install 'wall_oss_ros[model]'`"
    return "wall_oss", str(folder), f"small Wall-OSS, trained for '{task}' (docs/skill.md)"
