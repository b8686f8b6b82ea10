"""The part of a Wall-OSS-0.5 training configuration that a dataset decides."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import yaml

from wall_oss_ros.core import action_space

IMAGE_PREFIX = "observation.images."
STATE_KEY, ACTION_KEY = "observation.state", "action"
# 1 where something else than the demonstrator moved the robot, so that what was seen next does not
# follow from what it wanted.
DISTURBED_KEY = "complementary_info.disturbed"
# LeRobot's key for what a simulator knows and a robot does not.
GROUND_TRUTH_KEY = "observation.environment_state"
_PADDING = "action_padding"


def dof_config(parts: Collection[str], *, relative: bool) -> dict[str, int]:
    """Return sizes by key, in the order of the vector.

    The published code takes padding at the tail only; a part that is absent before one that is
    there keeps its columns, which never change.

    Args:
        parts: that the robot has.
        relative: whether keys are those of actions, or else of the state.
    """
    fields = list(action_space.FIELDS)
    padding = 0
    while fields and fields[-1].part not in parts:
        padding += fields.pop().size
    config = {(f.action_key if relative else f.name): f.size for f in fields}
    return config | ({_PADDING: padding} if padding else {})


def training_config(
    root: str, cameras: Mapping[str, str], parts: Collection[str], horizon: int, resolution: int
) -> str:
    """Return the configuration as YAML.

    Args:
        root: folder of the dataset.
        cameras: the model's camera name by feature key, in the order of the prompt.
        parts: that the robot has.
        horizon: rows of a chunk.
        resolution: long side of the pictures [px].
    """
    content = {
        "task": {
            "dof_config": dof_config(parts, relative=True),
            "agent_pos_config": dof_config(parts, relative=False),
            "action_horizon": horizon,
            "action_horizon_flow": horizon,
        },
        "data": {
            "lerobot_config": {"repo_id": "local/episodes", "root": root},
            "key_mappings": {
                "camera": dict(cameras),
                "state": STATE_KEY,
                "action": ACTION_KEY,
            },
            "norm_stats_path": f"{root}/norm_stats.json",
            "resolution": dict.fromkeys(cameras.values(), resolution),
        },
    }
    head = (
        "# Merge this into a configuration of the published training code (wall-x,\n"
        "# workspace/example/*.yml): what of it follows from this dataset. Model paths, learning\n"
        "# rate and batch size are yours.\n"
    )
    return head + yaml.safe_dump(content, sort_keys=False, width=1000)
