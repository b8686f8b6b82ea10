"""How the contract's dataclasses declare a value: with its help text and, for numbers, its unit."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def quantity(unit: str, help: str, count: int = 1, default: Any = None) -> Any:
    """Declare a number (count 1) or a tuple of numbers with an SI unit.

    ``{joint}`` in the unit stands for rad or m, by the ``type`` of the same joint.
    """
    metadata = {"unit": unit, "count": count, "help": help}
    if default is None:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


def described(help: str, **options: Any) -> Any:
    """Declare a text, flag or nested field with its help text."""
    return field(metadata={"help": help}, **options)
