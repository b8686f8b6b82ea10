"""Joint positions of tool poses that were measured: as exact as the arms allow, without time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import mujoco

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.kinematics.follower import RowFollower
from wall_oss_ros.kinematics.frames import Frames
from wall_oss_ros.kinematics.kinematic_model import kinematic_model

# Below these a pose is met; a tenth of what the running solver is content with.
_POSITION_TOLERANCE_M, _ROTATION_TOLERANCE_RAD = 5e-5, 2e-4
# A pose that is not met is gone on with so often: only the first one is far from where it begins.
_MOST_ATTEMPTS = 10


@dataclass(frozen=True, slots=True, eq=False)
class SolvedPose:
    """Joints, and how well their tools are where they should be.

    Attributes:
        positions: by name, arms, lift and head [rad] or [m].
        position_error: largest distance of a tool to its pose [m].
        rotation_error: largest angle of a tool to its pose [rad].
    """

    positions: Mapping[str, float]
    position_error: float
    rotation_error: float

    @property
    def met(self) -> bool:
        """Whether the tools are where they should be."""
        return (
            self.position_error < _POSITION_TOLERANCE_M
            and self.rotation_error < _ROTATION_TOLERANCE_RAD
        )


class PoseSolver:
    """Solves for one pose after another, each from the joints of the one before.

    Args:
        contract: the robot; the first pose is sought from its home posture.

    Raises:
        RobotModelError: if the URDF is missing or does not fit the contract.
    """

    def __init__(self, contract: RobotContract) -> None:
        model = kinematic_model(contract).model
        self._model, self._frames, self._home = model, Frames(model, contract), contract.home
        self._data = mujoco.MjData(model)
        self._follower = RowFollower(
            model, self._frames, contract, _POSITION_TOLERANCE_M, _ROTATION_TOLERANCE_RAD
        )
        self.start()

    def start(self) -> None:
        """Begin at the home posture."""
        self._follower.start(self._frames.vector(self._home))

    def solve(self, tools: Mapping[str, Pose], direct: Mapping[str, float]) -> SolvedPose:
        """Return the joints of one pose; those of an arm are inside their limits.

        Args:
            tools: pose by side in the arm's frame.
            direct: positions of lift and head [m] or [rad], which are returned as they are.

        Raises:
            ValueError: for an unknown arm or joint, or a number that is not finite.
        """
        near = self._sought(tools, direct)
        if near.met:
            return near
        # The elbow may have run into a limit on its way; from home there may be another one.
        here = self._follower.positions
        self.start()
        anew = self._sought(tools, direct)
        if anew.met:
            return anew
        self._follower.start(here)
        return near

    def _sought(self, tools: Mapping[str, Pose], direct: Mapping[str, float]) -> SolvedPose:
        error, solved = math.inf, None
        for _ in range(_MOST_ATTEMPTS):
            self._follower.follow(tools, direct)
            found = self._found(tools, direct)
            left = found.position_error + found.rotation_error
            if solved is None or left < error:
                solved = found
            if found.met or left > 0.9 * error:
                break
            error = left
        assert solved is not None
        return solved

    def _found(self, tools: Mapping[str, Pose], direct: Mapping[str, float]) -> SolvedPose:
        """Return where the tools really are, with lift and head as they were measured."""
        positions = {**self._frames.named(self._follower.positions), **direct}
        self._data.qpos[:] = self._frames.vector(positions)
        mujoco.mj_kinematics(self._model, self._data)
        found = self._frames.tools(self._data)
        errors = [found[side].distance(pose) for side, pose in tools.items()]
        return SolvedPose(
            positions,
            max((distance for distance, _ in errors), default=0.0),
            max((angle for _, angle in errors), default=0.0),
        )
