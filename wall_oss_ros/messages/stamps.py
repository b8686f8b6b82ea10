"""Stamps of messages in integer nanoseconds."""

from __future__ import annotations

from typing import Any

SECOND_NS = 1_000_000_000


def to_ns(stamp: Any) -> int:
    """Return a builtin_interfaces/Time in nanoseconds."""
    return int(stamp.sec) * SECOND_NS + int(stamp.nanosec)
