"""Old input is no input: age of the command, of the measured joints and of every heartbeat."""

from __future__ import annotations

from dataclasses import dataclass

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.safety.rule import Situation, passed
from wall_oss_ros.core.safety.verdict import Severity, Verdict

SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class CommandAge:
    """The executor must speak all the time; its silence stops the robot."""

    limit_s: float
    name: str = "command_age"

    def check(self, command: RobotCommand, situation: Situation) -> Verdict:
        """Stop on a command older than the limit."""
        age_s = (situation.now_ns - command.stamp_ns) / SECOND_NS
        if age_s <= self.limit_s:
            return passed(self.name, command)
        reason = f"newest command is {age_s:.2f} s old, limit {self.limit_s:.2f} s"
        return Verdict(Severity.STOP, self.name, reason, command)


@dataclass(frozen=True, slots=True)
class StateAge:
    """Without knowing where the joints are nothing may move."""

    limit_s: float
    name: str = "state_age"

    def check(self, command: RobotCommand, situation: Situation) -> Verdict:
        """Stop on measured joints that are missing or older than the limit."""
        if situation.measured is None:
            reason = "no joint states received"
            return Verdict(Severity.STOP, self.name, reason, command)
        age_s = (situation.now_ns - situation.measured.stamp_ns) / SECOND_NS
        if age_s <= self.limit_s:
            return passed(self.name, command)
        reason = f"joint states are {age_s:.2f} s old, limit {self.limit_s:.2f} s"
        return Verdict(Severity.STOP, self.name, reason, command)


@dataclass(frozen=True, slots=True)
class HeartbeatAge:
    """Every named node must be alive."""

    nodes: tuple[str, ...]
    limit_s: float
    name: str = "heartbeat"

    def check(self, command: RobotCommand, situation: Situation) -> Verdict:
        """Stop on a heartbeat that is missing or older than the limit."""
        for node in self.nodes:
            beat_ns = situation.heartbeats.get(node)
            if beat_ns is None:
                reason = f"no heartbeat of '{node}' yet"
                return Verdict(Severity.STOP, self.name, reason, command)
            age_s = (situation.now_ns - beat_ns) / SECOND_NS
            if age_s > self.limit_s:
                reason = f"last heartbeat of '{node}' {age_s:.2f} s ago, limit {self.limit_s:.2f} s"
                return Verdict(Severity.STOP, self.name, reason, command)
        return passed(self.name, command)
