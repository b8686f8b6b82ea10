"""The supervisor's own commands: a tick of joint motion, a hold, a base that stands."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.kinematics import ForwardKinematics
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.core.safety.motion_guard import Step
from wall_oss_ros.core.safety.verdict import Severity


class CommandBuilder:
    """Builds commands of one robot."""

    def __init__(self, contract: RobotContract, kinematics: ForwardKinematics) -> None:
        self._kinematics = kinematics
        self._names = tuple(contract.limited_joints)
        self._base = contract.commanded_parts & {"base"}
        self._grippers = {f"{s}_gripper": g.joint for s, g in contract.grippers.items()}
        self._parts = contract.commanded_parts
        self._rows = {
            part: [self._names.index(joint) for joint in joints]
            for part, joints in contract.part_joints.items()
            if part not in self._grippers
        }

    def executed(
        self, command: RobotCommand, step: Step, base_twist: Array, epoch: int, now_ns: int
    ) -> RobotCommand:
        """Return what is sent for a command.

        Args:
            command: its grippers and its source are passed on; on a hold the grippers are not.
            step: what the guard made of its joints.
            base_twist: (3,) what became of its twist.
            epoch: newest epoch executed so far.
            now_ns: this tick [ns].
        """
        output = self.motion(step, command.parts, base_twist, now_ns)
        positions, velocities = dict(output.positions), dict(output.velocities)
        parts, openings = output.parts, command.grippers
        if step.finding.severity is Severity.HOLD:
            parts, openings = parts - self._grippers.keys(), {}
        for part, joint in self._grippers.items():
            if part in parts:
                positions[joint] = command.positions[joint]
                velocities[joint] = command.velocities[joint]
        return RobotCommand(
            stamp_ns=now_ns,
            source_seq=command.source_seq,
            source_epoch=epoch,
            parts=parts,
            positions=positions,
            velocities=velocities,
            tools=output.tools,
            grippers=openings,
            base_twist=base_twist,
            source_stamp_ns=command.source_stamp_ns,
        )

    def motion(
        self, step: Step, parts: frozenset[str], base_twist: Array, now_ns: int
    ) -> RobotCommand:
        """Return a tick of motion; parts that are still moving are added to those given."""
        if step.changed.any():
            moving = (part for part, rows in self._rows.items() if step.changed[rows].any())
            parts = parts.union(moving)
        return RobotCommand(
            stamp_ns=now_ns,
            source_seq=0,
            source_epoch=0,
            parts=parts,
            positions=dict(zip(self._names, step.positions.tolist(), strict=True)),
            velocities=dict(zip(self._names, step.velocities.tolist(), strict=True)),
            tools=step.survey.tools,
            grippers={},
            base_twist=base_twist,
        )

    def hold(
        self,
        positions: Mapping[str, float],
        now_ns: int,
        grippers: Mapping[str, float] | None = None,
    ) -> RobotCommand:
        """Return a command that holds every joint with full limits, and the base.

        Args:
            positions: by joint [rad] or [m].
            now_ns: this tick [ns].
            grippers: gripper joints to hold, too; the others keep what they hold.
        """
        grippers = grippers or {}
        idle = {part for part, joint in self._grippers.items() if joint not in grippers}
        held = {**{name: positions[name] for name in self._names}, **grippers}
        return RobotCommand(
            stamp_ns=now_ns,
            source_seq=0,
            source_epoch=0,
            parts=self._parts - idle,
            positions=held,
            velocities=dict.fromkeys(held, 0.0),
            tools=self._kinematics.tool_poses(positions),
            grippers={},
            base_twist=np.zeros(3),
        )

    def base_stands(self, now_ns: int) -> RobotCommand:
        """Return a command for the base alone: stand."""
        return RobotCommand(now_ns, 0, 0, self._base, {}, {}, {}, {}, np.zeros(3))
