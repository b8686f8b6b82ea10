"""A command must be finite and name the right joints; one bad number refuses all of it."""

from __future__ import annotations

import math

import numpy as np

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import choices
from wall_oss_ros.core.safety.rule import Situation, passed
from wall_oss_ros.core.safety.verdict import Severity, Verdict


class WellFormed:
    """Shape, names and finite numbers."""

    name = "well_formed"

    def __init__(self, contract: RobotContract) -> None:
        self._contract = contract

    def check(self, command: RobotCommand, situation: Situation) -> Verdict:
        """Stop on anything that is not a complete, finite command of this robot."""
        reason = self.defect(command)
        if reason is None:
            return passed(self.name, command)
        return Verdict(Severity.STOP, self.name, reason, command)

    def defect(self, command: RobotCommand) -> str | None:
        """Return what is wrong with a command, or None."""
        unknown = command.parts - self._contract.commanded_parts
        if unknown:
            return f"commands parts {choices(unknown)} that this robot has not"
        wanted = {
            joint
            for part, joints in self._contract.part_joints.items()
            if part in command.parts
            for joint in joints
        }
        named = set(command.positions)
        if not wanted <= named:
            return f"lacks joints {choices(wanted - named)}"
        if not named <= set(self._contract.joint_names):
            return f"names unknown joints {choices(named - set(self._contract.joint_names))}"
        for what, values in (("position", command.positions), ("velocity", command.velocities)):
            for joint, value in values.items():
                if not math.isfinite(value):
                    return f"{what} of '{joint}' is not finite"
        if set(command.velocities) != named:
            return "positions and velocities name different joints"
        if not np.all(np.isfinite(command.base_twist)):
            return "base twist is not finite"
        for side, opening in command.grippers.items():
            if not math.isfinite(opening):
                return f"opening of the {side} gripper is not finite"
        for side, tool in command.tools.items():
            if not (np.all(np.isfinite(tool.position)) and np.all(np.isfinite(tool.rotation))):
                return f"pose of the {side} tool is not finite"
        return None
