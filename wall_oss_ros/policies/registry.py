"""Policy back ends by name, imported when asked for: one back end's packages are not another's."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import PolicyError, choices
from wall_oss_ros.core.policy import Policy
from wall_oss_ros.core.settings import Settings
from wall_oss_ros.policies.exercise import ExerciseSettings
from wall_oss_ros.policies.wall_oss_settings import WallOssSettings


@dataclass(frozen=True, slots=True)
class BackEnd:
    """Where a back end is.

    Attributes:
        module: imported only when it is chosen.
        name: its class; called with the robot contract, the checkpoint and, where it has any, its
            settings.
        extra: the extra of setup.py it needs, "" for none.
        settings: parameters of its own.
    """

    module: str
    name: str
    extra: str
    settings: type[Settings] | None = None


BACK_ENDS: Mapping[str, BackEnd] = {
    "scripted": BackEnd("wall_oss_ros.policies.scripted", "ScriptedPolicy", "sim"),
    "exercise": BackEnd("wall_oss_ros.policies.exercise", "ExercisePolicy", "", ExerciseSettings),
    "replay": BackEnd("wall_oss_ros.policies.replay", "ReplayPolicy", "data"),
    "wall_oss": BackEnd(
        "wall_oss_ros.policies.wall_oss", "WallOssPolicy", "model", WallOssSettings
    ),
}


def back_end(name: str) -> BackEnd:
    """Return a back end by name.

    Raises:
        PolicyError: for an unknown name, with the valid ones.
    """
    if name not in BACK_ENDS:
        raise PolicyError(f"unknown policy '{name}'; valid: {choices(BACK_ENDS)}")
    return BACK_ENDS[name]


def make_policy(
    name: str, contract: RobotContract, checkpoint: str = "", settings: Settings | None = None
) -> Policy:
    """Return a back end, not loaded yet.

    Args:
        name: key of BACK_ENDS.
        contract: the robot.
        checkpoint: what it loads, "" for nothing.
        settings: its own; its defaults if None.

    Raises:
        PolicyError: for an unknown name, or where a package of the back end is not installed.
    """
    chosen = back_end(name)
    try:
        factory: Callable[..., Policy] = getattr(
            importlib.import_module(chosen.module), chosen.name
        )
    except ImportError as error:
        raise PolicyError(
            f"policy '{name}' cannot be loaded: {error}; pip install 'wall_oss_ros[{chosen.extra}]'"
        ) from None
    if chosen.settings is None:
        return factory(contract, checkpoint)
    return factory(contract, checkpoint, settings or chosen.settings())
