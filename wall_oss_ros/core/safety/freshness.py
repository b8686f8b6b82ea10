"""Old input is no input: age of the command, of the measured joints and of every heartbeat.

Input from the future is none either: its sender could be dead for as long as it is ahead.
"""

from __future__ import annotations

from dataclasses import dataclass

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.safety.rule import Situation, passed
from wall_oss_ros.core.safety.verdict import Severity, Verdict

SECOND_NS = 1_000_000_000
COMMAND_AGE = "command_age"

# How far a stamp may be ahead: more than nodes of one machine see of each other, also on the clock
# of a simulation, which reaches each of them a little later.
_AHEAD_S = 0.5


def out_of_time(what: str, stamp_ns: int, now_ns: int, limit_s: float) -> str | None:
    """Return what is wrong with the age of an input, or None.

    Args:
        what: the input with its verb, e.g. "joint states are".
        stamp_ns: of the input [ns].
        now_ns: this tick [ns].
        limit_s: greatest age [s].
    """
    age_s = (now_ns - stamp_ns) / SECOND_NS
    if age_s > limit_s:
        return f"{what} {age_s:.2f} s old, limit {limit_s:.2f} s"
    if age_s < -_AHEAD_S:
        return f"{what} stamped {-age_s:.2f} s in the future; synchronise the clocks"
    return None


@dataclass(frozen=True, slots=True)
class CommandAge:
    """The executor must speak all the time; its silence stops the robot."""

    limit_s: float
    name: str = COMMAND_AGE

    def check(self, command: RobotCommand, situation: Situation) -> Verdict:
        """Stop on a command older than the limit."""
        reason = out_of_time("newest command is", command.stamp_ns, situation.now_ns, self.limit_s)
        if reason is None:
            return passed(self.name, command)
        return Verdict(Severity.STOP, self.name, reason, command)


@dataclass(frozen=True, slots=True)
class StateAge:
    """Without knowing where the joints are nothing may move."""

    limit_s: float
    name: str = "state_age"

    def check(self, command: RobotCommand, situation: Situation) -> Verdict:
        """Stop on measured joints that are missing or older than the limit."""
        reason: str | None = "no joint states received"
        if situation.measured is not None:
            stamp_ns = situation.measured.stamp_ns
            reason = out_of_time("joint states are", stamp_ns, situation.now_ns, self.limit_s)
        if reason is None:
            return passed(self.name, command)
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
            reason: str | None = f"no heartbeat of '{node}' yet"
            if beat_ns is not None:
                what = f"last heartbeat of '{node}' is"
                reason = out_of_time(what, beat_ns, situation.now_ns, self.limit_s)
            if reason is not None:
                return Verdict(Severity.STOP, self.name, reason, command)
        return passed(self.name, command)
