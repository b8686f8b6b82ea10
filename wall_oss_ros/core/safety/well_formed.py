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
        self._joints = frozenset(contract.joint_names)
        # Per set of parts, the joints that must be named: the same few sets come all the time.
        self._wanted: dict[frozenset[str], frozenset[str]] = {}

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
        named = command.positions.keys()
        wanted = self._joints_of(command.parts)
        if not wanted <= named:
            return f"lacks joints {choices(wanted - named)}"
        if not named <= self._joints:
            return f"names unknown joints {choices(named - self._joints)}"
        for what, values in (("position", command.positions), ("velocity", command.velocities)):
            # A finite sum has finite terms; one that is not may also have overflown.
            if not math.isfinite(sum(values.values())):
                for joint, value in values.items():
                    if not math.isfinite(value):
                        return f"{what} of '{joint}' is not finite"
        if command.velocities.keys() != named:
            return "positions and velocities name different joints"
        if not all(map(math.isfinite, command.base_twist.tolist())):
            return "base twist is not finite"
        for side, opening in command.grippers.items():
            if not math.isfinite(opening):
                return f"opening of the {side} gripper is not finite"
        for side, tool in command.tools.items():
            if not (np.isfinite(tool.position).all() and np.isfinite(tool.rotation).all()):
                return f"pose of the {side} tool is not finite"
        return None

    def _joints_of(self, parts: frozenset[str]) -> frozenset[str]:
        if parts not in self._wanted:
            joints = self._contract.part_joints
            named = (joint for part in parts & joints.keys() for joint in joints[part])
            self._wanted[parts] = frozenset(named)
        return self._wanted[parts]
