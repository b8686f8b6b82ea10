"""A gripper is asked for nothing beyond open and closed, and for no speed it has not."""

from __future__ import annotations

from dataclasses import replace

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.safety.rule import Situation, passed
from wall_oss_ros.core.safety.verdict import Severity, Verdict

# Rounding of messages; below it a clip is not worth a word.
_SLACK = 1e-6


class GripperRange:
    """Clips gripper commands, which are goals: their controller moves at a speed of its own."""

    name = "gripper_range"

    def __init__(self, contract: RobotContract) -> None:
        self._limits = {
            side: (gripper.joint, *contract.joint_ranges[gripper.joint], gripper.velocity)
            for side, gripper in contract.grippers.items()
        }

    def check(self, command: RobotCommand, situation: Situation) -> Verdict:
        """Limit position, velocity and opening of each gripper."""
        positions: dict[str, float] = {}
        velocities: dict[str, float] = {}
        openings: dict[str, float] = {}
        reason = ""
        for side, (joint, low, high, speed) in self._limits.items():
            wanted = command.positions.get(joint)
            if wanted is not None and not low <= wanted <= high:
                positions[joint] = min(max(wanted, low), high)
                if abs(positions[joint] - wanted) > _SLACK:
                    reason = f"'{joint}' at {wanted:.3f}, range {low:.3f} .. {high:.3f}"
            if abs(command.velocities.get(joint, 0.0)) > speed:
                velocities[joint] = min(max(command.velocities[joint], -speed), speed)
            opening = command.grippers.get(side, 0.0)
            if not 0.0 <= opening <= 1.0:
                openings[side] = min(max(opening, 0.0), 1.0)
        if not (positions or velocities or openings):
            return passed(self.name, command)
        limited = replace(
            command.changed(positions=positions, velocities=velocities),
            grippers={**command.grippers, **openings},
        )
        severity = Severity.LIMIT if reason else Severity.PASS
        return Verdict(severity, self.name, reason, limited)
