"""What the supervisor tells about itself: its place on the ladder, and how often who spoke."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Mode(IntEnum):
    """The ladder; values are those of SafetyState.msg. Motion is possible in the first two."""

    NOMINAL = 0
    LIMITED = 1
    HOLD = 2
    STOPPED = 3
    ESTOP = 4


@dataclass(slots=True)
class RuleCount:
    """How often a rule changed a command, and how often it held or stopped one."""

    limited: int = 0
    stopped: int = 0
