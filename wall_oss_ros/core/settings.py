"""Settings declared once: default, help, range. ROS parameters are made from the same lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, field, fields
from typing import Any, cast

from wall_oss_ros.core.errors import WallOssError, choices


class SettingError(WallOssError):
    """A setting has a value outside its range."""


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    valid: tuple[str, ...] = (),
) -> Any:
    """Declare a setting of a frozen dataclass.

    Args:
        default: its default; the type follows from the annotation.
        help: what it does, with the unit in brackets.
        low: smallest valid value (of each element).
        high: largest valid value (of each element).
        valid: the choices of a text; empty for any text.
    """
    metadata = {"help": help, "low": low, "high": high, "valid": valid}
    return field(default=default, metadata=metadata)


class Settings:
    """Base of settings dataclasses: checks every range and choice at construction."""

    __slots__ = ()

    def __post_init__(self) -> None:
        """Check ranges and choices.

        Raises:
            SettingError: naming the setting, the value and the range.
        """
        for item in settings_of(type(self)):
            value = getattr(self, item.name)
            low, high = item.metadata["low"], item.metadata["high"]
            valid = item.metadata["valid"]
            if valid and value not in valid:
                raise SettingError(
                    f"{item.name}: got '{value}'; expected one of {choices(valid)} "
                    f"({item.metadata['help']})"
                )
            for number in value if isinstance(value, tuple) else (value,):
                if (low is not None and not number >= low) or (
                    high is not None and not number <= high
                ):
                    raise SettingError(
                        f"{item.name}: got {value}; expected {low} to {high} "
                        f"({item.metadata['help']})"
                    )


def settings_of(cls: type) -> Iterator[Field[Any]]:
    """Yield the fields of a settings dataclass that were declared with `setting`."""
    for item in fields(cast(Any, cls)):
        if "help" in item.metadata:
            yield item
