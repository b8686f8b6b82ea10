"""Motion only as long as a person holds the dead-man switch."""

from __future__ import annotations

from dataclasses import dataclass

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.safety.freshness import out_of_time
from wall_oss_ros.core.safety.rule import Situation, passed
from wall_oss_ros.core.safety.verdict import Severity, Verdict


@dataclass(frozen=True, slots=True)
class DeadMan:
    """Stops when the input says released, or has not said held for a while."""

    limit_s: float
    name: str = "dead_man"

    def check(self, command: RobotCommand, situation: Situation) -> Verdict:
        """Stop unless the switch is held now."""
        reason: str | None = "the dead-man switch is not held"
        if situation.dead_man_ns is not None:
            what = "the last word of the dead-man switch is"
            reason = out_of_time(what, situation.dead_man_ns, situation.now_ns, self.limit_s)
        if reason is None:
            return passed(self.name, command)
        return Verdict(Severity.STOP, self.name, reason, command)
