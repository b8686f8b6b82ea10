"""Rows of tool targets followed without time: where would the joints be at each row.

Gauss-Newton with damping (Levenberg 1944; Nakamura and Hanafusa 1986 for arms) inside the position
limits. Costs are those of the running solver, so that elbow and accuracy come out alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import mujoco
import numpy as np

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.kinematics.frames import Array, Frames
from wall_oss_ros.kinematics.tool_error import POSITION_COST, POSTURE_COST, ROTATION_COST, ToolError

# A row counts as reached below these; the solver's own accuracy is of the same size.
_POSITION_TOLERANCE_M, _ROTATION_TOLERANCE_RAD = 5e-4, 2e-3
# Rows of a chunk are near each other: two or three steps do. A far first row takes more.
_MOST_ITERATIONS = 10
# A target out of reach is left as soon as a step wins less than this part of the error.
_WORTHWHILE = 0.2
# Linearisation holds for about so far.
_LARGEST_STEP_RAD = 0.5
# Small against tool costs at any reachable posture; keeps joints finite at singular ones.
_DAMPING = 1e-5
# The part of the way to the home posture that the elbow drifts per iteration.
_POSTURE_GAIN = 0.1


class RowFollower:
    """Solves for one row after another; owns its posture.

    Args:
        model: kinematic model.
        frames: its indices.
        contract: the robot, for limits and home posture.
        position_tolerance: a row counts as reached below this distance [m] ...
        rotation_tolerance: ... and this angle [rad].
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        frames: Frames,
        contract: RobotContract,
        position_tolerance: float = _POSITION_TOLERANCE_M,
        rotation_tolerance: float = _ROTATION_TOLERANCE_RAD,
    ) -> None:
        self._tolerance = position_tolerance, rotation_tolerance
        self._model, self._frames, self._contract = model, frames, contract
        self._error = ToolError(model, frames)
        self.data = mujoco.MjData(model)
        joints = [contract.limited_joints[name] for name in frames.names]
        self._lower = np.array([joint.position[0] for joint in joints])
        self._upper = np.array([joint.position[1] for joint in joints])
        self._home = np.array([joint.home for joint in joints])
        self._q = self._home.copy()
        # How the joints came from the row before last to the last one, where both were reached.
        self._pace: Array | None = None
        self._reached = False

    @property
    def positions(self) -> Array:
        """Joint positions (n,) of the last row, as `data` has them."""
        return self._q.copy()

    def start(self, q: Array) -> None:
        """Begin at joint positions (n,); those outside their limits begin at the limit."""
        self._q = np.clip(q, self._lower, self._upper)
        self._pace, self._reached = None, False

    def follow(
        self, targets: Mapping[str, Pose], direct: Mapping[str, float]
    ) -> tuple[float, float]:
        """Go to one row; return the largest remaining distance [m] and angle [rad].

        Raises:
            ValueError: for an unknown arm or joint, or a target that is not finite.
        """
        check_direct(self._frames, self._contract, targets, direct)
        begin = self._q.copy()
        if self._pace is not None:  # rows are a motion: where it would be if it went on
            self._q = np.minimum(np.maximum(begin + self._pace, self._lower), self._upper)
        for name, position in direct.items():
            i = self._frames.index[name]
            self._q[i] = min(max(position, self._lower[i]), self._upper[i])
        goals = self._error.goals(targets)
        before = math.inf
        for iteration in range(_MOST_ITERATIONS + 1):
            self.data.qpos[:] = self._q
            mujoco.mj_kinematics(self._model, self.data)
            errors = {side: self._error.twist(self.data, side, goals[side]) for side in goals}
            position, rotation = _largest(errors)
            cost = POSITION_COST * position + ROTATION_COST * rotation
            done = position < self._tolerance[0] and rotation < self._tolerance[1]
            if done or iteration == _MOST_ITERATIONS or cost > (1.0 - _WORTHWHILE) * before:
                break
            before = cost
            mujoco.mj_comPos(self._model, self.data)
            for side, error in errors.items():
                self._improve(side, error)
        on_its_way = done and self._reached  # the start and a row out of reach are none of a motion
        self._pace = self._q - begin if on_its_way else None
        self._reached = done
        return position, rotation

    def _improve(self, side: str, error: Array) -> None:
        joints = self._frames.arm_joints[side]
        weighted = self._error.weighted_jacobian(self.data, side)[:, joints]  # (6, m)
        hessian = weighted.T @ weighted
        hessian.flat[:: len(joints) + 1] += _DAMPING + POSTURE_COST**2
        q = self._q[joints]
        pull = weighted.T @ (self._error.weights * error)
        pull += POSTURE_COST**2 * _POSTURE_GAIN * (self._home[joints] - q)
        low, high = self._lower[joints] - q, self._upper[joints] - q
        move = np.linalg.solve(hessian, pull)
        stopped = (move < low) | (move > high)
        if stopped.any():
            # What meets its limit stays there; the other joints take over what it cannot do.
            move[stopped] = np.clip(move, low, high)[stopped]
            free = ~stopped
            rest = pull[free] - hessian[np.ix_(free, stopped)] @ move[stopped]
            move[free] = np.linalg.solve(hessian[np.ix_(free, free)], rest)
        longest = float(np.abs(move).max())
        if longest > _LARGEST_STEP_RAD:
            move *= _LARGEST_STEP_RAD / longest
        self._q[joints] = q + np.minimum(np.maximum(move, low), high)


def _largest(errors: Mapping[str, Array]) -> tuple[float, float]:
    position = rotation = 0.0
    for error in errors.values():
        position = max(position, math.sqrt(error[:3] @ error[:3]))
        rotation = max(rotation, math.sqrt(error[3:] @ error[3:]))
    return position, rotation


def check_direct(
    frames: Frames,
    contract: RobotContract,
    targets: Mapping[str, Pose],
    direct: Mapping[str, float],
) -> None:
    """Check joints that are commanded as joints.

    Raises:
        ValueError: for an unknown or doubly commanded joint, or a position that is not finite.
    """
    for name, position in direct.items():
        if name not in frames.index or not math.isfinite(position):
            raise ValueError(f"direct position {position} of '{name}'; joints {frames.names}")
        if any(name in contract.arms[side].joints for side in targets if side in contract.arms):
            raise ValueError(f"joint '{name}' is commanded directly and by its arm's target")
