"""Turn nested mappings (from YAML) into the contract's dataclasses, and say exactly what is wrong.

Works from the dataclass fields alone, so a new key is one line in one of them.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, TypeVar

from wall_oss_ros.core.contract.quantity import parse_quantity
from wall_oss_ros.core.errors import ContractError, choices
from wall_oss_ros.core.read_only import read_only

_Loaded = TypeVar("_Loaded")

_JOINT_UNITS = {"revolute": "rad", "prismatic": "m"}


def build(cls: type[_Loaded], mapping: object, key: str = "") -> _Loaded:
    """Return a `cls` filled from a mapping.

    Args:
        cls: one of the contract's dataclasses.
        mapping: what YAML gave.
        key: dotted path of this mapping in the file, for messages.

    Raises:
        ContractError: unknown or missing key, wrong type, wrong unit or impossible value; the
            message starts with the dotted key.
    """
    if not isinstance(mapping, Mapping):
        raise ContractError(f"{key or 'file'}: got {_shown(mapping)}; expected a mapping of keys")
    declared = {item.name: item for item in fields(typing.cast(Any, cls))}
    hints = typing.get_type_hints(cls)
    for name in mapping:
        if name not in declared:
            raise ContractError(f"{_join(key, name)}: unknown key; valid: {choices(declared)}")
    values: dict[str, Any] = {}
    for name, item in declared.items():
        if name in mapping:
            values[name] = _value(hints[name], item, mapping, _join(key, name))
        elif item.default is MISSING and item.default_factory is MISSING:
            unit = _unit(item, mapping, _join(key, name))
            wanted = f", a quantity in {unit}" if unit else ""
            raise ContractError(
                f"{_join(key, name)}: missing; it is {item.metadata['help']}{wanted}"
            )
    try:
        return cls(**values)
    except ContractError as error:
        raise ContractError(_join(key, str(error))) from None


def _value(hint: Any, item: Field[Any], parent: Mapping[str, Any], key: str) -> Any:
    value = parent[item.name]
    unit = _unit(item, parent, key)
    if unit is not None:
        try:
            numbers = parse_quantity(value, unit, item.metadata["count"])
        except ContractError as error:
            raise ContractError(f"{key}: {error}") from None
        return numbers if item.metadata["count"] > 1 else numbers[0]
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        options = [option for option in typing.get_args(hint) if option is not type(None)]
        if value is None:
            return None
        hint, origin = options[0], typing.get_origin(options[0])
    if origin is typing.Literal:
        return _word(hint, value, key)
    if origin is tuple:
        return _listed(typing.get_args(hint), value, key)
    if origin is not None and issubclass(origin, Mapping):
        return _named(typing.get_args(hint)[1], value, key, item.default_factory is not MISSING)
    if is_dataclass(hint):
        return build(typing.cast(Any, hint), value, key)
    return _scalar(hint, value, key)


def _word(hint: Any, value: object, key: str) -> object:
    valid = typing.get_args(hint)
    if value not in valid:
        raise ContractError(f"{key}: got {_shown(value)}; valid: {choices(valid)}")
    return value


def _listed(hints: tuple[Any, ...], value: object, key: str) -> tuple[Any, ...]:
    """Return a list as a tuple: of any length where the hints end in an ellipsis."""
    count = None if hints[-1] is Ellipsis else len(hints)
    if not isinstance(value, list) or count not in (None, len(value)):
        wanted = "a list" if count is None else f"a list of {count}"
        raise ContractError(f"{key}: got {_shown(value)}; expected {wanted}, like [a, b, c]")
    one = _word if typing.get_origin(hints[0]) is typing.Literal else _scalar
    return tuple(one(hints[0], entry, key) for entry in value)


def _named(cls: type[Any], value: object, key: str, may_be_empty: bool) -> Mapping[str, Any]:
    if may_be_empty and value == {}:
        return read_only({})
    if not isinstance(value, Mapping) or not value:
        raise ContractError(f"{key}: got {_shown(value)}; expected at least one name with its keys")
    return read_only(
        {str(name): build(cls, entry, _join(key, name)) for name, entry in value.items()}
    )


def _scalar(hint: Any, value: object, key: str) -> Any:
    # bool is an int in Python and an int is a fine float in YAML: neither may slip through.
    accepted = {float: (int, float), int: (int,), str: (str,), bool: (bool,)}[hint]
    if not isinstance(value, accepted) or (isinstance(value, bool) and hint is not bool):
        kind = {float: "a number", int: "a whole number", str: "a text", bool: "true or false"}
        raise ContractError(f"{key}: got {_shown(value)}; expected {kind[hint]}")
    if isinstance(value, str) and not value.strip():
        raise ContractError(f"{key}: got an empty text")
    if isinstance(value, float) and not math.isfinite(value):
        raise ContractError(f"{key}: got {_shown(value)}; expected a finite number")
    return hint(value)


def _unit(item: Field[Any], parent: Mapping[str, Any], key: str) -> str | None:
    unit = item.metadata.get("unit")
    if unit is None or "{joint}" not in unit:
        return unit
    kind = parent.get("type", "revolute")
    if not isinstance(kind, str) or kind not in _JOINT_UNITS:
        where = key.rpartition(".")[0]
        raise ContractError(f"{where}.type: got {_shown(kind)}; valid: {choices(_JOINT_UNITS)}")
    return str(unit).replace("{joint}", _JOINT_UNITS[kind])


def _join(key: str, name: object) -> str:
    return f"{key}.{name}" if key else str(name)


def _shown(value: object) -> str:
    return "nothing" if value is None else f"'{value}'" if isinstance(value, str) else repr(value)
