"""Each tool stays inside its workspace box: slower near the edge, not beyond it."""

from __future__ import annotations

import numpy as np

from wall_oss_ros.core import action_space
from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.kinematics import ForwardKinematics
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.safety.rule import Situation, passed
from wall_oss_ros.core.safety.verdict import Severity, Verdict


class Workspace:
    """Judges tool poses that it computes itself, in each arm's frame.

    Within `margin_m` of a face, steps towards it shrink with the distance left; a step that would
    leave the box, or go further out, is held. Steps back inside are always free.
    """

    name = "workspace"

    def __init__(
        self, contract: RobotContract, kinematics: ForwardKinematics, margin_m: float
    ) -> None:
        self._arms = contract.arms
        self._kinematics = kinematics
        self._margin_m = margin_m

    def distance(self, side: str, tool: Pose) -> float:
        """Return the distance of a tool to the nearest face [m], negative outside."""
        box = self._arms[side].workspace
        return float(min(np.min(tool.position - box.min), np.min(box.max - tool.position)))

    def check(self, command: RobotCommand, situation: Situation) -> Verdict:
        """Hold or slow the worse of the two arms."""
        verdict = passed(self.name, command)
        if situation.measured is None or not command.positions:
            return verdict
        known = {**situation.measured.position_of(), **situation.sent.positions}
        before = self._kinematics.tool_poses(known)
        after = self._kinematics.tool_poses({**known, **command.positions})
        for side in action_space.SIDES:
            if f"{side}_arm" not in command.parts:
                continue
            judged = self._check_arm(side, verdict.command, situation, before[side], after[side])
            if judged.severity >= verdict.severity:
                verdict = judged if judged.severity > Severity.PASS else verdict
        return verdict

    def _check_arm(
        self, side: str, command: RobotCommand, situation: Situation, before: Pose, after: Pose
    ) -> Verdict:
        now = self.distance(side, after)
        if now >= min(self.distance(side, before), self._margin_m):
            return passed(self.name, command)
        position = np.round(after.position, 3).tolist()
        if now <= 0.0:
            reason = f"{side} tool would be at {position} m, {-now:.3f} m outside its box"
            return Verdict(Severity.HOLD, self.name, reason, command)
        share = now / self._margin_m
        joints = self._arms[side].joints
        sent = situation.sent.positions
        positions = {
            name: sent[name] + share * (command.positions[name] - sent[name])
            for name in joints
            if name in sent
        }
        velocities = {name: share * command.velocities[name] for name in joints}
        reason = f"{side} tool at {position} m, {now:.3f} m from the edge of its box; slowed"
        limited = command.changed(positions=positions, velocities=velocities)
        return Verdict(Severity.LIMIT, self.name, reason, limited)
