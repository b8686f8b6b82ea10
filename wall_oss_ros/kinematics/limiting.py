"""Why a step did not bring the tools to their targets, in words.

Looked for only where an error remains, so it may cost some time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import mujoco
import numpy as np

from wall_oss_ros.kinematics.avoidance import Rows
from wall_oss_ros.kinematics.clearance import Clearance
from wall_oss_ros.kinematics.frames import Array, Frames
from wall_oss_ros.kinematics.joint_box import JointBox, StepBounds
from wall_oss_ros.kinematics.tool_error import ToolError

# Errors above these are explained.
_POSITION_TOLERANCE_M, _ROTATION_TOLERANCE_RAD = 2e-3, 0.01
# A joint is at a limit within this part of it.
_AT_LIMIT = 1e-3
# The smallest singular value of a tool's weighted Jacobian [m/rad] below which the tool hardly
# moves in one direction; TIAGo's home posture has 0.08.
_SINGULAR = 0.02


def needs_reason(position_error: float, rotation_error: float) -> bool:
    """Return whether an error [m], [rad] is worth an explanation."""
    return position_error > _POSITION_TOLERANCE_M or rotation_error > _ROTATION_TOLERANCE_RAD


class Taken(NamedTuple):
    """A step that was taken.

    Attributes:
        q: (n,) positions after it [rad] or [m].
        move: (n,) the step itself.
        bounds: of each joint.
        rows: bounds of avoidance.
        dt: its length [s].
    """

    q: Array
    move: Array
    bounds: StepBounds
    rows: Rows
    dt: float


class Limiting:
    """Finds the reason.

    Args:
        frames: indices of the model.
        box: joint limits.
        error: of the tools.
        clearance: names of the pairs.
    """

    def __init__(
        self, frames: Frames, box: JointBox, error: ToolError, clearance: Clearance
    ) -> None:
        self._frames, self._box, self._error, self._clearance = frames, box, error, clearance

    def reason(self, data: mujoco.MjData, errors: Mapping[str, Array], step: Taken) -> str:
        """Return what keeps the arm with the largest error from its target.

        Args:
            data: posture after the step.
            errors: per side, the remaining twist (6,) to the target [m], [rad].
            step: the step.
        """
        side = max(errors, key=lambda side: float(np.abs(self._error.weights * errors[side]).max()))
        joints = self._frames.arm_joints[side]
        wanted = self._error.weighted_jacobian(data, side)[:, joints]
        # Which way each joint would have to turn to make the error smaller.
        pull = wanted.T @ (self._error.weights * errors[side])
        return (
            self._kept_away(side, step)
            or self._at_position_limit(joints, pull, step)
            or self._near_singularity(side, wanted)
            or self._at_speed_limit(joints, pull, step)
            or f"the {side} tool catches up with its target"
        )

    def _kept_away(self, side: str, step: Taken) -> str:
        rows = step.rows
        if not len(rows.bound):
            return ""
        joints = self._frames.arm_joints[side]
        used = rows.gradient @ step.move
        concerned = np.abs(rows.gradient[:, joints]).max(axis=1) > 0.0
        tight = np.flatnonzero(concerned & (used >= rows.bound - 1e-6))
        if not len(tight):
            return ""
        pair = tight[int(np.argmin(rows.distance[tight]))]
        first, second = self._clearance.links(*rows.pairs[pair])
        return f"'{first}' kept {rows.distance[pair]:.3f} m from '{second}'"

    def _at_position_limit(self, joints: Array, pull: Array, step: Taken) -> str:
        box = self._box
        span = _AT_LIMIT * (box.upper - box.lower)
        for joint, way in zip(joints.tolist(), pull.tolist(), strict=True):
            limit = box.upper[joint] if way > 0.0 else box.lower[joint]
            if abs(step.q[joint] - limit) <= span[joint]:
                name, unit = self._frames.names[joint], self._frames.units[joint]
                return f"joint '{name}' at its limit {limit:.3f} {unit}"
        return ""

    def _near_singularity(self, side: str, jacobian: Array) -> str:
        smallest = float(np.linalg.svd(jacobian, compute_uv=False)[-1])
        return f"near a singularity of the {side} arm" if smallest < _SINGULAR else ""

    def _at_speed_limit(self, joints: Array, pull: Array, step: Taken) -> str:
        used = np.abs(step.move[joints]) / (self._box.speed[joints] * step.dt)
        fastest = joints[int(np.argmax(used))]
        if used.max() >= 1.0 - _AT_LIMIT:
            name, unit = self._frames.names[fastest], self._frames.units[fastest]
            return f"joint '{name}' at its speed limit {self._box.speed[fastest]:.2f} {unit}/s"
        end = np.where(pull > 0.0, step.bounds.high[joints], step.bounds.low[joints])
        bound = np.flatnonzero(np.abs(step.move[joints] - end) <= 1e-9)
        if not len(bound):
            return ""
        strongest = joints[bound[int(np.argmax(np.abs(pull[bound])))]]
        name, unit = self._frames.names[strongest], self._frames.units[strongest]
        limit = self._box.acceleration[strongest]
        return f"joint '{name}' at its acceleration limit {limit:.2f} {unit}/s^2"
