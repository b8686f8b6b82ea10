"""Stamps: builtin_interfaces/Time and integer nanoseconds."""

from __future__ import annotations

from builtin_interfaces.msg import Time

SECOND_NS = 1_000_000_000


def to_ns(stamp: Time) -> int:
    """Return a message stamp in nanoseconds."""
    return int(stamp.sec) * SECOND_NS + int(stamp.nanosec)


def to_stamp(time_ns: int) -> Time:
    """Return nanoseconds as a message stamp."""
    seconds, nanoseconds = divmod(int(time_ns), SECOND_NS)
    return Time(sec=seconds, nanosec=nanoseconds)
