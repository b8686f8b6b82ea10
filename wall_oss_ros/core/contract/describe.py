"""Every key of a robot contract with unit, default and help, from the dataclasses themselves."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any

from wall_oss_ros.core.contract.model import RobotContract


@dataclass(frozen=True, slots=True)
class KeyDescription:
    """A key of the contract.

    Attributes:
        key: dotted path; ``<name>`` stands for a name of your choice.
        value: what it takes: a unit, the valid words, or a kind.
        default: its default, "required" without one.
        help: what it is.
    """

    key: str
    value: str
    default: str
    help: str


def describe(cls: type[Any] = RobotContract, prefix: str = "") -> Iterator[KeyDescription]:
    """Yield every key, in the order of the file."""
    hints = typing.get_type_hints(cls)
    for item in fields(cls):
        key = f"{prefix}{item.name}"
        default = "required"
        if item.default_factory is not MISSING:
            default = "none"
        elif item.default is not MISSING:
            default = "none" if item.default in (None, ()) else str(item.default)
        inner, named = _inner(hints[item.name])
        value = _value(hints[item.name], item.metadata.get("unit"), item.metadata.get("count", 1))
        if inner is not None:
            value = "names with keys" if named else "keys"
        yield KeyDescription(key, value, default, item.metadata["help"])
        if inner is not None:
            yield from describe(inner, f"{key}.<name>." if named else f"{key}.")


def _inner(hint: Any) -> tuple[type[Any] | None, bool]:
    """Return the dataclass inside a hint, and whether it is a mapping of names to it."""
    if typing.get_origin(hint) is not None:
        options = [option for option in typing.get_args(hint) if is_dataclass(option)]
        mapping = isinstance(typing.get_origin(hint), type) and issubclass(
            typing.get_origin(hint), Mapping
        )
        return (typing.cast(Any, options[0]), mapping) if options else (None, False)
    return (typing.cast(Any, hint), False) if is_dataclass(hint) else (None, False)


def _value(hint: Any, unit: str | None, count: int) -> str:
    if unit is not None:
        unit = unit.replace("{joint}", "rad or m")
        return unit if count == 1 else f"{count} numbers in {unit}"
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        inner = _value(typing.get_args(hint)[0], None, 1)
        return f"list of {inner}"
    kinds = {str: "text", bool: "true or false", int: "whole number", float: "number"}
    return kinds.get(hint, "text")
