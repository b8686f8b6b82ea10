"""Integer nanoseconds as builtin_interfaces/Time."""

from __future__ import annotations

from builtin_interfaces.msg import Time

from wall_oss_ros.messages.stamps import SECOND_NS


def to_stamp(time_ns: int) -> Time:
    """Return nanoseconds as a message stamp."""
    seconds, nanoseconds = divmod(int(time_ns), SECOND_NS)
    return Time(sec=seconds, nanosec=nanoseconds)
