"""The robot must follow: a joint far from where it was sent hit something or does not listen."""

from __future__ import annotations

from dataclasses import dataclass

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.safety.rule import Situation, passed
from wall_oss_ros.core.safety.verdict import Severity, Verdict


@dataclass(frozen=True, slots=True)
class TrackingError:
    """Stops when a commanded arm, lift or head joint is further from its target than allowed.

    Grippers are left out: holding an object is a tracking error by design.

    Attributes:
        contract: the robot.
        limit: largest distance [rad] or [m].
    """

    contract: RobotContract
    limit: float
    name: str = "tracking_error"

    def check(self, command: RobotCommand, situation: Situation) -> Verdict:
        """Compare the last sent positions with the measured ones."""
        if situation.measured is None:
            return passed(self.name, command)
        measured, sent = situation.measured.position_of(), situation.sent.positions
        for joint in self.contract.limited_joints:
            if joint not in sent:
                continue
            error = abs(sent[joint] - measured[joint])
            if error <= self.limit:
                continue
            reason = (
                f"'{joint}' is {error:.3f} from where it was sent, limit "
                f"{self.limit:.3f}; something blocks it or its controller does not run"
            )
            return Verdict(Severity.STOP, self.name, reason, command)
        return passed(self.name, command)
