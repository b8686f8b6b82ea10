"""Numbers with units, as a robot contract writes them: ``1.5 rad/s``, ``0 0 0.15 m``, ``90 deg``.

A bare number is refused: most wrong robot configurations are a degree that was read as a radian.
"""

from __future__ import annotations

import math
import re

from wall_oss_ros.core.errors import ContractError

_DEGREE = math.pi / 180.0

# Per SI unit: what may be written instead, and its factor.
UNITS: dict[str, dict[str, float]] = {
    "m": {"m": 1.0, "cm": 1e-2, "mm": 1e-3},
    "rad": {"rad": 1.0, "deg": _DEGREE},
    "s": {"s": 1.0, "ms": 1e-3},
    "Hz": {"Hz": 1.0},
    **{
        f"m/{time}": {f"m/{time}": 1.0, f"cm/{time}": 1e-2, f"mm/{time}": 1e-3}
        for time in ("s", "s^2", "s^3")
    },
    **{f"rad/{time}": {f"rad/{time}": 1.0, f"deg/{time}": _DEGREE} for time in ("s", "s^2", "s^3")},
}

_TEXT = re.compile(r"^\s*((?:[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?\s+)+)([A-Za-z]\S*)\s*$")


def parse_quantity(value: object, unit: str, count: int = 1) -> tuple[float, ...]:
    """Return `count` numbers in the SI unit `unit`.

    Args:
        value: what YAML gave; only a string with a unit is accepted.
        unit: SI unit expected, a key of UNITS.
        count: how many numbers.

    Raises:
        ContractError: without unit, with a unit of another dimension, with another count, or not
            finite. The message has no location; the caller adds it.
    """
    example = " ".join(["0.5"] * count) + f" {unit}"
    if not isinstance(value, str):
        raise ContractError(f"got {value!r} without a unit; write it like '{example}'")
    match = _TEXT.match(value)
    if match is None:
        raise ContractError(f"got '{value}'; expected {count} number(s) and a unit, '{example}'")
    written = match.group(2)
    factors = UNITS[unit]
    if written not in factors:
        valid = ", ".join(factors)
        raise ContractError(f"got '{value}', whose unit '{written}' is not valid here; use {valid}")
    try:
        numbers = tuple(float(number) * factors[written] for number in match.group(1).split())
    except ValueError:
        raise ContractError(f"got '{value}', which is not {count} number(s) and a unit") from None
    if len(numbers) != count:
        raise ContractError(f"got {len(numbers)} number(s) in '{value}'; expected {count}")
    if not all(math.isfinite(number) for number in numbers):
        raise ContractError(f"got '{value}', which is not finite")
    return numbers
