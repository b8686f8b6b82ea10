"""A clock that jumps makes every age wrong: the robot stops until a person has looked."""

from __future__ import annotations

from dataclasses import dataclass

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.safety.rule import Situation, passed
from wall_oss_ros.core.safety.verdict import Severity, Verdict


@dataclass(frozen=True, slots=True)
class ClockJump:
    """Stops when the clock moved by another amount than a steady one, forwards or backwards."""

    limit_s: float
    name: str = "clock_jump"

    def check(self, command: RobotCommand, situation: Situation) -> Verdict:
        """Compare how far both clocks moved since the last tick."""
        jump_s = situation.clock_jump_s
        if abs(jump_s) <= self.limit_s:
            return passed(self.name, command)
        reason = (
            f"the clock jumped by {jump_s:+.2f} s, limit {self.limit_s:.2f} s; synchronise it, "
            "then enable motion again"
        )
        return Verdict(Severity.STOP, self.name, reason, command)
