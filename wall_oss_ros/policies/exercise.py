"""Moves every part the robot has, gently and without end: for a new robot, and for measurements.

On a new robot it answers the first question: does every part move the right way? Choose one part
with the setting `part` and look. From where the robot stood after a reset

- a tool circles in the plane across the robot, up and to the left (+z and +y of the arm's frame)
  first, and tilts a little about x,
- a gripper closes first,
- the base drives forward and turns to the left first,
- the lift goes up first, the head turns to the left (positive pan) and to a larger tilt first.

No picture is looked at and no model is run. The motion is a function of the observation's stamp
alone, so chunks agree wherever they overlap, and a late one continues where an early one was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import NANOSECONDS, PolicyOutput
from wall_oss_ros.core.contract import Joint, RobotContract
from wall_oss_ros.core.errors import PolicyError
from wall_oss_ros.core.observation import Observation
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.relative import relative_actions
from wall_oss_ros.core.rotation import (
    Array,
    matrix_from_rot6d,
    matrix_from_rotation_vector,
    rot6d_from_matrix,
)
from wall_oss_ros.core.settings import Settings, setting

# Amplitudes at scale 1.
_CIRCLE_M = 0.03
_TILT_RAD = 0.1
_GRIPPER = 0.25
_LIFT_M = 0.02
_HEAD_RAD = 0.2
_BASE_M = 0.015
_BASE_RAD = 0.04
# Nothing moves faster than this share of its limits in the contract, whatever the settings.
_SHARE = 0.5
# Distance that a tool keeps from the faces of its workspace [m].
_MARGIN_M = 0.05
# A tool further than this from where it should be [m] was moved by something else: begin anew.
_LOST_M = 0.12


@dataclass(frozen=True, slots=True)
class ExerciseSettings(Settings):
    """Parameters ``exercise.*`` of the policy node."""

    amplitude: float = setting(
        1.0, "scale of all motions; 1 are circles of 3 cm", low=0.0, high=3.0
    )
    period_s: float = setting(4.0, "time of one circle [s]", low=1.0, high=60.0)
    part: str = setting(
        "all", "the one part that moves, or all", valid=("all", *action_space.PARTS)
    )


class ExercisePolicy:
    """Implements `core.policy.Policy`."""

    name = "exercise"

    def __init__(
        self,
        contract: RobotContract,
        checkpoint: str = "",
        settings: ExerciseSettings | None = None,
    ) -> None:
        """Prepare.

        Args:
            contract: the robot.
            checkpoint: must be empty, nothing is loaded.
            settings: amplitudes, period, part; the defaults if None.

        Raises:
            PolicyError: for a checkpoint, or a part that the robot does not have.
        """
        if checkpoint:
            raise PolicyError(f"policy 'exercise' loads no checkpoint; got '{checkpoint}'")
        self._contract = contract
        self._settings = settings or ExerciseSettings()
        part = self._settings.part
        if part != "all" and part not in contract.commanded_parts:
            raise PolicyError(f"exercise.part: {contract.name} has no '{part}'")
        self._parts = contract.commanded_parts if part == "all" else frozenset({part})
        self._mask = action_space.part_mask(contract.commanded_parts)
        self._rate = 2 * np.pi / self._settings.period_s  # [rad/s]
        self.reset()

    def load(self) -> None:
        """There is nothing to load."""

    def reset(self) -> None:
        """Forget where it began; the next observation is the new beginning."""
        self._begin: Observation | None = None

    def infer(self, observation: Observation, instruction: str) -> PolicyOutput:
        """Return the next rows, relative to ``observation.state``; any instruction will do."""
        if self._begin is None or self._lost(observation, self._begin):
            self._begin = observation
        elapsed_s = (observation.stamp_ns - self._begin.stamp_ns) / NANOSECONDS
        timing = self._contract.action
        due_s = elapsed_s + timing.dt * np.arange(1, timing.horizon + 1, dtype=np.float64)
        rows = self._rows(self._begin, np.asarray(due_s, np.float64))
        return PolicyOutput(relative_actions(rows, observation.state), self._mask.copy())

    def _lost(self, observation: Observation, begin: Observation) -> bool:
        elapsed_s = (observation.stamp_ns - begin.stamp_ns) / NANOSECONDS
        if elapsed_s < 0.0:
            return True  # another clock
        planned = self._rows(begin, np.array([elapsed_s]))[0]
        distances = [
            float(np.linalg.norm(planned[action_space.POSITION[side]] - tool.position))
            for side, tool in observation.tools.items()
        ]
        return max(distances, default=0.0) > _LOST_M

    def _rows(self, begin: Observation, times_s: Array) -> Array:
        """Return absolute rows (n, 26) at times (n,) since the beginning [s]."""
        rows = np.tile(begin.state, (len(times_s), 1))
        rows[:, action_space.BASE] = 0.0
        sine, cosine = np.sin(self._rate * times_s), np.cos(self._rate * times_s)
        # Grows over the first period, so that nothing begins with a jump.
        grown = np.clip(times_s / self._settings.period_s, 0.0, 1.0)
        grown = grown * grown * (3.0 - 2.0 * grown)
        for side, tool in begin.tools.items():
            if f"{side}_arm" in self._parts:
                self._move_arm(rows, side, tool, grown, sine, cosine)
            if f"{side}_gripper" in self._parts:
                self._move_gripper(rows, side, grown, sine)
        if "lift" in self._parts and self._contract.lift is not None:
            self._move_joints(
                rows, [action_space.LIFT], self._contract.lift.joints.values(), _LIFT_M, grown, sine
            )
        if "head" in self._parts and self._contract.head is not None:
            columns = list(range(action_space.HEAD.start, action_space.HEAD.stop))
            joints = self._contract.head.joints.values()
            self._move_joints(rows, columns, joints, _HEAD_RAD, grown, sine)
        if "base" in self._parts:
            self._move_base(rows, sine)
        return rows

    def _move_arm(
        self, rows: Array, side: str, tool: Pose, grown: Array, sine: Array, cosine: Array
    ) -> None:
        arm = self._contract.arms[side]
        low, high = np.array(arm.workspace.min), np.array(arm.workspace.max)
        room = float(np.min(high - low)) / 2 - _MARGIN_M
        radius = self._amplitude(_CIRCLE_M, arm.speed.linear)
        radius = max(0.0, min(radius, room))
        inset = _MARGIN_M + radius
        center = np.clip(tool.position, low + inset, high - inset)
        rows[:, action_space.POSITION[side]] = tool.position + grown[:, None] * (
            center - tool.position + radius * np.stack([0 * sine, cosine, sine], axis=1)
        )
        tilt = grown * sine * self._amplitude(_TILT_RAD, arm.speed.angular)
        turns = matrix_from_rotation_vector(np.stack([tilt, 0 * tilt, 0 * tilt], axis=1))
        start = matrix_from_rot6d(rows[0, action_space.ROTATION[side]])
        rows[:, action_space.ROTATION[side]] = rot6d_from_matrix(turns @ start)

    def _move_gripper(self, rows: Array, side: str, grown: Array, sine: Array) -> None:
        gripper = self._contract.grippers[side]
        column = action_space.GRIPPER[side]
        start = min(max(gripper.opening_from_model(float(rows[0, column])), 0.0), 1.0)
        full = self._amplitude(_GRIPPER, gripper.velocity / abs(gripper.open - gripper.closed))
        swing = min(full, 0.5)
        center = min(max(start, swing), 1.0 - swing)
        opening = start + grown * (center - start - swing * sine)
        span = gripper.model_open - gripper.model_closed
        rows[:, column] = gripper.model_closed + opening * span

    def _move_joints(
        self,
        rows: Array,
        columns: list[int],
        joints: Iterable[Joint],
        amplitude: float,
        grown: Array,
        sine: Array,
    ) -> None:
        for column, joint in zip(columns, joints, strict=True):
            low, high = joint.position
            swing = min(
                self._amplitude(amplitude, joint.velocity, joint.acceleration), (high - low) / 2
            )
            start = min(max(float(rows[0, column]), low), high)
            center = min(max(start, low + swing), high - swing)
            rows[:, column] = start + grown * (center - start + swing * sine)

    def _move_base(self, rows: Array, sine: Array) -> None:
        base = self._contract.base
        if base is None:
            return
        forward = self._amplitude(_BASE_M, base.linear_velocity, base.linear_acceleration)
        turn = self._amplitude(_BASE_RAD, base.angular_velocity, base.angular_acceleration)
        rows[:, action_space.BASE.start] = forward * self._rate * sine
        rows[:, action_space.BASE.start + 2] = turn * self._rate * sine

    def _amplitude(self, amplitude: float, speed: float, acceleration: float = np.inf) -> float:
        """Return an amplitude, scaled, and small enough for its speed and acceleration."""
        wanted = amplitude * self._settings.amplitude
        return min(wanted, _SHARE * speed / self._rate, _SHARE * acceleration / self._rate**2)
