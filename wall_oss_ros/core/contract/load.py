"""Read a robot contract from a YAML file. The one place in `core` that knows YAML."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from wall_oss_ros.core.contract.model import RobotContract
from wall_oss_ros.core.contract.schema import build
from wall_oss_ros.core.contract.zones import Zone, ZoneList
from wall_oss_ros.core.errors import ContractError, choices


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice; YAML would silently keep the last one."""


def _strict_mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    result: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if not isinstance(key, Hashable):
            raise ContractError(f"line {line}: got {key!r} as a key; expected a name")
        if key in result:
            raise ContractError(f"line {line}: key '{key}' is given twice; keep one")
        result[key] = loader.construct_object(value_node, deep=True)
    return result


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _strict_mapping)


def load_contract(path: str | Path) -> RobotContract:
    """Return the contract in a YAML file.

    Raises:
        ContractError: naming the file, the dotted key and the valid choices.
    """
    path = Path(path)
    return parse_contract(_read(path, "robot contract"), str(path))


def parse_contract(text: str, name: str) -> RobotContract:
    """Return the contract in YAML text; `name` says in messages where it is from.

    Raises:
        ContractError: naming that, the dotted key and the valid choices.
    """
    try:
        return build(RobotContract, _parse(text))
    except ContractError as error:
        raise ContractError(f"{name}: {error}") from None


def load_zones(source: str | Path, contract: RobotContract) -> Mapping[str, Zone]:
    """Return zones to replace those of a contract while the robot runs.

    Args:
        source: YAML text, or the path of a file. It has the key ``zones``, written as in a
            contract; ``zones: {}`` means none. It may be a whole contract, of which only the zones
            are read.
        contract: the robot that they are for.

    Raises:
        ContractError: what is wrong and where, in one sentence.
    """
    if isinstance(source, str):
        return _zones(source, contract)
    text = _read(source, "zones")
    try:
        return _zones(text, contract)
    except ContractError as error:
        raise ContractError(f"{source}: {error}") from None


def _zones(text: str, contract: RobotContract) -> Mapping[str, Zone]:
    content = _parse(text)
    if not isinstance(content, Mapping):
        shown = "nothing" if content is None else repr(content)
        raise ContractError(f"got {shown}; expected the key 'zones' with zones by name")
    known = [item.name for item in fields(RobotContract)]
    unknown = [str(key) for key in content if key not in known]
    if unknown:
        raise ContractError(f"{unknown[0]}: unknown key; valid: {choices(known)}")
    if "zones" not in content:
        raise ContractError("zones: missing; write 'zones: {}' for no zones at all")
    zones = build(ZoneList, {"zones": content["zones"]}).zones
    contract.check_zones(zones)
    return zones


def _read(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ContractError(f"{path}: no such {what}; expected a YAML file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(f"{path}: cannot be read: {error}") from None


def _parse(text: str) -> object:
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2026-99-99
        raise ContractError(f"is not YAML: {' '.join(str(error).split())}") from None


def find_contract(robot: str, folder: str | Path) -> Path:
    """Return the file of a robot given by name or by path.

    Args:
        robot: name of a file in `folder` without ``.yaml``, or a path to a YAML file.
        folder: the installed ``config/robots``.

    Raises:
        ContractError: if there is no such robot, with the names that exist.
    """
    folder = Path(folder)
    if robot.endswith((".yaml", ".yml")) or "/" in robot:
        return Path(robot)
    path = folder / f"{robot}.yaml"
    if not path.is_file():
        known = [file.stem for file in folder.glob("*.yaml")]
        raise ContractError(
            f"unknown robot '{robot}'; valid: {choices(known)}, or the path of a YAML file"
        )
    return path
