"""Exactly one commands the controllers, and each of them listens."""

from __future__ import annotations

from dataclasses import dataclass

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.safety.rule import Situation, passed
from wall_oss_ros.core.safety.verdict import Severity, Verdict


@dataclass(frozen=True, slots=True)
class SoleCommander:
    """Stops when somebody else publishes on a controller topic: limits would not hold for it."""

    name: str = "sole_commander"

    def check(self, command: RobotCommand, situation: Situation) -> Verdict:
        """Stop on any stranger."""
        if not situation.strangers:
            return passed(self.name, command)
        reason = f"another publisher commands the robot: {', '.join(situation.strangers)}; stop it"
        return Verdict(Severity.STOP, self.name, reason, command)


@dataclass(frozen=True, slots=True)
class ControllersListen:
    """Stops when nobody subscribes to a controller topic: that part would stand, the others not."""

    name: str = "controllers_listen"

    def check(self, command: RobotCommand, situation: Situation) -> Verdict:
        """Stop on any topic without a listener."""
        if not situation.deaf:
            return passed(self.name, command)
        reason = f"nobody listens to {', '.join(situation.deaf)}; start the controller"
        return Verdict(Severity.STOP, self.name, reason, command)
