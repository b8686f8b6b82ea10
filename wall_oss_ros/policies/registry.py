"""Policy back ends by name, imported when asked for: one back end's packages are not another's."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import PolicyError, choices
from wall_oss_ros.core.policy import Policy

# Name: module, class, and the extra of setup.py it needs. The class takes the robot contract and
# the checkpoint.
BACK_ENDS: Mapping[str, tuple[str, str, str]] = {
    "scripted": ("wall_oss_ros.policies.scripted", "ScriptedPolicy", "sim"),
    "replay": ("wall_oss_ros.policies.replay", "ReplayPolicy", "data"),
}


def check_back_end(name: str) -> None:
    """Refuse an unknown name.

    Raises:
        PolicyError: with the valid names.
    """
    if name not in BACK_ENDS:
        raise PolicyError(f"unknown policy '{name}'; valid: {choices(BACK_ENDS)}")


def make_policy(name: str, contract: RobotContract, checkpoint: str = "") -> Policy:
    """Return a back end, not loaded yet.

    Args:
        name: key of BACK_ENDS.
        contract: the robot.
        checkpoint: what it loads, "" for nothing.

    Raises:
        PolicyError: for an unknown name, or where a package of the back end is not installed.
    """
    check_back_end(name)
    module, attribute, extra = BACK_ENDS[name]
    try:
        factory = getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise PolicyError(
            f"policy '{name}' cannot be loaded: {error}; pip install 'wall_oss_ros[{extra}]'"
        ) from None
    policy: Policy = factory(contract, checkpoint)
    return policy
