"""What a number of the contract must be, said in the words of its error."""

from __future__ import annotations

from wall_oss_ros.core.errors import ContractError


def check(good: bool, key: str, got: object, expected: str) -> None:
    """Refuse a value.

    Raises:
        ContractError: with the key, what it is and what was expected, unless `good`.
    """
    if not good:
        raise ContractError(f"{key}: got {got}; expected {expected}")


def check_positive(part: object, *names: str) -> None:
    """Check that these attributes are above 0.

    Raises:
        ContractError: naming the first that is not.
    """
    for name in names:
        check(getattr(part, name) > 0.0, name, getattr(part, name), "above 0")


def check_delay(delay: float) -> None:
    """Check a capture delay [s].

    Raises:
        ContractError: below 0 or above 1 s.
    """
    check(0.0 <= delay <= 1.0, "capture_delay", f"{delay} s", "0 to 1 s")
