"""How far a tool is from its target, and how its joints change that."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import mujoco
import numpy as np

from wall_oss_ros.core.pose import Pose
from wall_oss_ros.kinematics.frames import Array, Frames

# Costs of the tool pose: 1 m of position error weighs as much as 3.3 rad of rotation error.
POSITION_COST, ROTATION_COST = 1.0, 0.3
# Small against the tool costs: it decides only the elbow, the free seventh joint.
POSTURE_COST = 1e-2

# No arm is near as long; squares of larger numbers would overflow sooner or later.
_FURTHEST_M = 1000.0


class Goal(NamedTuple):
    """A pose in numbers that MuJoCo's functions take, in the arm's frame.

    Attributes:
        position: (3,) [m].
        quaternion: (4,) w first.
    """

    position: Array
    quaternion: Array

    @staticmethod
    def of(pose: Pose) -> Goal:
        """Return the goal of a pose."""
        quaternion = np.empty(4)
        mujoco.mju_mat2Quat(quaternion, pose.rotation.ravel())
        return Goal(pose.position, quaternion)


class ToolError:
    """Twists from tools to their targets, and Jacobians, in world axes.

    Args:
        model: kinematic model.
        frames: its indices.

    Attributes:
        weights: (6,) cost of each component of a twist.
    """

    def __init__(self, model: mujoco.MjModel, frames: Frames) -> None:
        self._model, self._frames = model, frames
        self.weights = np.array([POSITION_COST] * 3 + [ROTATION_COST] * 3)
        self._jacobian = np.zeros((6, model.nv))
        self._own, self._turn = np.empty(4), np.empty(3)

    def goals(self, targets: Mapping[str, Pose]) -> dict[str, Goal]:
        """Return targets by side.

        Raises:
            ValueError: for an arm that the robot lacks, or a target that is not finite or absurdly
                far.
        """
        for side, target in targets.items():
            if side not in self._frames.sides:
                raise ValueError(f"target for '{side}'; arms are {sorted(self._frames.sides)}")
            if not math.isfinite(float(target.position.sum() + target.rotation.sum())):
                raise ValueError(f"target of the {side} arm is not finite")
            if float(np.abs(target.position).max()) > _FURTHEST_M:
                raise ValueError(
                    f"target of the {side} arm at {target.position} m; expected within "
                    f"{_FURTHEST_M:.0f} m of its frame"
                )
        return {side: Goal.of(target) for side, target in targets.items()}

    def tool(self, data: mujoco.MjData, side: str) -> Goal:
        """Return where a tool is, in the arm's frame."""
        site, frame = self._frames.sites[side], self._frames.arm_frames[side]
        outward, inward, own = np.empty(4), np.empty(4), np.empty(4)
        mujoco.mju_mat2Quat(own, data.site_xmat[site])
        mujoco.mju_negQuat(inward, data.xquat[frame])
        mujoco.mju_mulQuat(outward, inward, own)
        offset = data.site_xpos[site] - data.xpos[frame]
        return Goal(data.xmat[frame].reshape(3, 3).T @ offset, outward)

    def twist(self, data: mujoco.MjData, side: str, goal: Goal) -> Array:
        """Return the way from tool to goal (6,): distance [m], then rotation vector [rad]."""
        site, twist = self._frames.sites[side], np.empty(6)
        world = self.in_world(data, side, goal)
        twist[:3] = world.position - data.site_xpos[site]
        mujoco.mju_mat2Quat(self._own, data.site_xmat[site])
        mujoco.mju_subQuat(self._turn, world.quaternion, self._own)  # in the tool's axes
        twist[3:] = data.site_xmat[site].reshape(3, 3) @ self._turn
        return twist

    def in_world(self, data: mujoco.MjData, side: str, goal: Goal) -> Goal:
        """Return a goal of an arm in the world's frame."""
        frame, quaternion = self._frames.arm_frames[side], np.empty(4)
        mujoco.mju_mulQuat(quaternion, data.xquat[frame], goal.quaternion)
        outer = data.xmat[frame].reshape(3, 3)
        return Goal(data.xpos[frame] + outer @ goal.position, quaternion)

    def weighted_jacobian(self, data: mujoco.MjData, side: str) -> Array:
        """Return d(weighted tool pose) / d(joints), (6, n); valid until the next call."""
        jacobian = self._jacobian
        mujoco.mj_jacSite(self._model, data, jacobian[:3], jacobian[3:], self._frames.sites[side])
        jacobian *= self.weights[:, None]
        return jacobian
