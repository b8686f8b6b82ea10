"""Settings as ROS parameters: declared, described, ranged, read back typed.

All parameters of the suite are read-only: a robot's limits do not change while it moves. What may
change live has a topic or a service of its own.
"""

from __future__ import annotations

from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterException,
)
from rclpy.node import Node

from wall_oss_ros.core.errors import choices
from wall_oss_ros.core.settings import SettingError, Settings, settings_of

Loaded = TypeVar("Loaded", bound=Settings)
Value = TypeVar("Value", str, bool, int, float)


def declare(
    node: Node,
    name: str,
    default: Value,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
) -> Value:
    """Declare a read-only parameter and return its value.

    Args:
        node: owner.
        name: parameter name.
        default: its default; the type follows from it.
        help: description, with the unit in brackets.
        low: smallest valid value of a number.
        high: largest valid value of a number.

    Raises:
        SettingError: if the value given from outside has another type or is out of range.
    """
    return _declare(node, name, default, help, low, high)


def declare_settings(node: Node, cls: type[Loaded], prefix: str = "") -> Loaded:
    """Declare every setting of `cls` as a parameter and return them, typed.

    Args:
        node: owner.
        cls: settings; their ranges and choices are checked.
        prefix: put before every name, as in ``wall_oss.``; nothing else may begin so.

    Raises:
        SettingError: if a value given from outside has another type or is out of range, or its
            name begins with `prefix` and is none of these.
    """
    valid = [prefix + item.name for item in settings_of(cls)]
    for name in node._parameter_overrides:
        if prefix and name.startswith(prefix) and name not in valid:
            raise SettingError(
                f"parameter '{name}' of {node.get_name()} is unknown; valid: {choices(valid)}"
            )
    values: dict[str, Any] = {}
    for item in settings_of(cls):
        default: Any = item.default
        listed = isinstance(default, tuple)
        default = list(default) if listed else default
        help, low, high = (item.metadata[key] for key in ("help", "low", "high"))
        value = _declare(node, prefix + item.name, default, help, low, high)
        values[item.name] = tuple(value) if listed else value
    try:
        return cls(**values)
    except SettingError as error:  # which begins with the name of the setting
        raise SettingError(f"parameter {prefix}{error}") from None


def _declare(
    node: Node, name: str, default: Any, help: str, low: float | None, high: float | None
) -> Any:
    descriptor = ParameterDescriptor(description=help, read_only=True)
    if low is not None and high is not None:
        if isinstance(default, float):
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=float(low), to_value=float(high))
            ]
        else:
            descriptor.integer_range = [
                IntegerRange(from_value=int(low), to_value=int(high), step=1)
            ]
    try:
        return node.declare_parameter(name, default, descriptor).value
    except InvalidParameterTypeException as error:
        raise SettingError(
            f"parameter '{name}' of {node.get_name()}: {error}; expected a "
            f"{type(default).__name__} like {default!r} ({help})"
        ) from None
    except (InvalidParameterValueException, ParameterException) as error:
        raise SettingError(
            f"parameter '{name}' of {node.get_name()}: {error}; expected {low} to {high} ({help})"
        ) from None
