"""Kinematics of one robot: what the core asks for, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mujoco

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.kinematics import JointStep, Reached, Survey
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.kinematics.clearance import Clearance, LeftOut
from wall_oss_ros.kinematics.follower import RowFollower
from wall_oss_ros.kinematics.frames import Frames
from wall_oss_ros.kinematics.kinematic_model import kinematic_model
from wall_oss_ros.kinematics.step_solver import StepSolver


class MinkKinematics:
    """Forward and inverse kinematics; implements `core.kinematics.InverseKinematics`.

    Deterministic: the same seed and the same calls give the same joints. Not thread-safe: use one
    instance per thread. Building one takes some 30 ms; the first in a process of a contract with
    `clearance` takes some 0.5 s more.

    Raises:
        RobotModelError: if the URDF is missing or does not fit the contract.
    """

    def __init__(self, contract: RobotContract) -> None:
        kinematic = kinematic_model(contract)
        self._model = kinematic.model
        self._frames = Frames(self._model, contract)
        self._clearance = Clearance(kinematic, self._frames, contract.home)
        # Each has its own posture: what only asks never disturbs what moves.
        self._measured = mujoco.MjData(self._model)
        self._follower = RowFollower(self._model, self._frames, contract)
        self._solver = StepSolver(self._model, self._frames, self._clearance, contract)

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """Pairs of links whose distance does not count for the clearance, each with the reason."""
        return self._clearance.left_out

    def tool_poses(self, positions: Mapping[str, float]) -> dict[str, Pose]:
        """Return the tool pose by side, in the arm's frame, of joint positions by name.

        Raises:
            ValueError: if a joint of arms, lift or head is missing or not finite.
        """
        self._place(positions)
        return self._frames.tools(self._measured)

    def survey(self, positions: Mapping[str, float], links: Sequence[str] = ()) -> Survey:
        """Return tools, link poses and clearance; see `core.kinematics.ForwardKinematics`.

        Raises:
            ValueError: if a joint of arms, lift or head is missing or not finite, or for a link
                that the URDF lacks.
        """
        self._place(positions)
        return self._frames.survey(self._measured, links, *self._clearance.measure(self._measured))

    def reach(
        self,
        start: Mapping[str, float],
        targets: Sequence[Mapping[str, Pose]],
        direct: Sequence[Mapping[str, float]],
        links: Sequence[str] = (),
    ) -> list[Reached]:
        """Follow rows of tool targets without time; see `core.kinematics.ForwardKinematics`.

        Raises:
            ValueError: for incomplete or non-finite input, an unknown arm, joint or link, or
                different numbers of rows.
        """
        follower, rows = self._follower, []
        follower.start(self._frames.vector(start))
        for tools, joints in zip(targets, direct, strict=True):
            position_error, rotation_error = follower.follow(tools, joints)
            clearance = self._clearance.measure(follower.data)
            survey = self._frames.survey(follower.data, links, *clearance)
            positions = self._frames.named(follower.positions)
            rows.append(Reached(positions, position_error, rotation_error, survey))
        return rows

    def seed(self, positions: Mapping[str, float]) -> None:
        """Start at rest from these (measured) joint positions; they may be outside their limits.

        Raises:
            ValueError: if a joint of arms, lift or head is missing or not finite.
        """
        self._solver.seed(self._frames.vector(positions))

    def step(
        self, targets: Mapping[str, Pose], direct: Mapping[str, float], dt: float
    ) -> JointStep:
        """Move towards the targets for `dt` seconds; see `core.kinematics.InverseKinematics`.

        A target that moves smoothly is followed without lag, one that jumps is approached with a
        speed that can brake. A joint outside its limits moves back inside, also where it was asked
        to keep still. A target out of reach is approached as near as the limits allow.

        Args:
            targets: tool pose by side in the arm's frame; an absent side comes to rest.
            direct: positions of joints commanded as joints [rad] or [m]: lift, head, or the joints
                of an arm that has no target.
            dt: step [s], 1 us to 10 s.

        Raises:
            ValueError: before `seed`, for an unknown or doubly commanded joint, a non-finite
                target, or a `dt` that is no step.
        """
        return self._solver.step(targets, direct, dt)

    def _place(self, positions: Mapping[str, float]) -> None:
        self._measured.qpos[:] = self._frames.vector(positions)
        mujoco.mj_kinematics(self._model, self._measured)
