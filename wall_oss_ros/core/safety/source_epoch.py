"""Nothing of before a reset, an e-stop or a new instruction is executed after it."""

from __future__ import annotations

from dataclasses import dataclass

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.safety.rule import Situation, passed
from wall_oss_ros.core.safety.verdict import Severity, Verdict


@dataclass(frozen=True, slots=True)
class SourceEpoch:
    """Stops when commands come from an older epoch than the last executed one.

    The executor drops such chunks, so they can only come from a second executor or one that is
    wrong; both need a person. Enabling motion again accepts any epoch. A command that comes from no
    chunk has none.
    """

    name: str = "source_epoch"

    def check(self, command: RobotCommand, situation: Situation) -> Verdict:
        """Compare the epochs of the command and of what was sent last."""
        last = situation.sent.source_epoch
        if command.source_seq == 0 or command.source_epoch >= last:
            return passed(self.name, command)
        reason = (
            f"command of epoch {command.source_epoch} after one of epoch {last}; is a second chunk "
            "executor running?"
        )
        return Verdict(Severity.STOP, self.name, reason, command)
