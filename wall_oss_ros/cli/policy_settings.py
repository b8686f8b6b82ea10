"""Settings of a policy back end on the command line: ``--set NAME=VALUE``.

The names are those of the policy node's parameters without the back end's own in front:
``wall_oss.steps`` is ``--set steps=4``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import yaml

from wall_oss_ros.core.errors import PolicyError, choices
from wall_oss_ros.core.settings import Settings, settings_of
from wall_oss_ros.policies.registry import back_end


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Declare the option."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="setting of the back end, e.g. steps=4; may be given several times",
    )


def chosen_settings(name: str, given: Sequence[str]) -> Settings | None:
    """Return the settings of a back end; None for its own defaults.

    Args:
        name: of the back end.
        given: assignments; numbers and truth values are written as in YAML.

    Raises:
        PolicyError: for an unknown back end or setting, or a value of another type.
        SettingError: for a value outside its range.
    """
    kind = back_end(name).settings
    if not given:
        return None
    known = {item.name: item for item in settings_of(kind)} if kind else {}
    values: dict[str, Any] = {}
    for assignment in given:
        key, equals, text = assignment.partition("=")
        if not equals or key not in known:
            raise PolicyError(
                f"--set {assignment}: expected NAME=VALUE with one of "
                f"{choices(known) if known else 'no names: this policy has no settings'}"
            )
        default = known[key].default
        try:
            # YAML would make False of a text such as "off".
            value = text if isinstance(default, str) else yaml.safe_load(text)
        except yaml.YAMLError:
            value = text
        if type(default) is float and type(value) is int:
            value = float(value)
        if type(value) is not type(default):
            raise PolicyError(
                f"--set {assignment}: got {type(value).__name__}; expected "
                f"{type(default).__name__} ({known[key].metadata['help']})"
            )
        values[key] = value
    assert kind is not None  # an unknown name was refused
    return kind(**values)
