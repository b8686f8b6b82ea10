"""What a rule says about a proposed command."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from wall_oss_ros.core.command import RobotCommand


class Severity(IntEnum):
    """How bad it is; the largest wins."""

    PASS = 0
    LIMIT = 1  # the command was changed, motion goes on
    HOLD = 2  # this command is not executed, the robot stays where it is
    STOP = 3  # motion is revoked; a person must enable it again
    ESTOP = 4  # latched; a person must reset it


@dataclass(frozen=True, slots=True)
class Verdict:
    """A rule's answer.

    Attributes:
        severity: how bad.
        rule: name of the rule.
        reason: what, where, got, limit; "" for PASS.
        command: the command after this rule; only used up to LIMIT.
    """

    severity: Severity
    rule: str
    reason: str
    command: RobotCommand
