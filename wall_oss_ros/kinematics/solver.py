"""Inverse kinematics of both arms at once, with mink and the daqp solver.

One quadratic program per step: reach both tool poses, keep near the home posture where that costs
nothing, stay within the contract's position and velocity limits. No collision avoidance here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import mink
import mujoco
import numpy as np
import qpsolvers
from numpy.typing import NDArray

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.kinematics import JointStep, Reached, Survey
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.kinematics.clearance import Clearance
from wall_oss_ros.kinematics.follower import RowFollower, check_rows
from wall_oss_ros.kinematics.frames import Array, Frames
from wall_oss_ros.kinematics.joint_box import JointBox
from wall_oss_ros.kinematics.kinematic_model import kinematic_model
from wall_oss_ros.kinematics.tool_error import POSITION_COST, POSTURE_COST, ROTATION_COST

# Grows with the tool error: bounds joint motion towards targets out of reach.
_TOOL_DAMPING = 1e-3
_POSTURE_TIME_S = 0.5
# Keeps the program strictly convex.
_DAMPING = 1e-6


class MinkKinematics:
    """Forward and inverse kinematics of one robot; implements `core.kinematics.InverseKinematics`.

    Deterministic: the same seed and the same calls give the same joints. Not thread-safe: use one
    instance per thread (building one takes some 50 ms).

    Raises:
        RobotModelError: if the URDF is missing or does not fit the contract.
    """

    def __init__(self, contract: RobotContract) -> None:
        self._contract = contract
        kinematic = kinematic_model(contract)
        self._model = kinematic.model
        self._frames = Frames(self._model, contract)
        self._clearance = Clearance(kinematic, self._frames, contract.home)
        # step() owns the configuration; what only asks has its own data and never disturbs it.
        self._configuration = mink.Configuration(self._model)
        self._measured = mujoco.MjData(self._model)
        self._follower = RowFollower(self._model, self._frames, contract)
        self._names, self._index = self._frames.names, self._frames.index
        joints = [contract.limited_joints[name] for name in self._names]
        self._box = JointBox(
            np.array([joint.position[0] for joint in joints]),
            np.array([joint.position[1] for joint in joints]),
            np.array([joint.velocity for joint in joints]),
        )
        self._tasks = {side: _tool_task(side) for side in self._frames.sides}
        self._posture = mink.PostureTask(self._model, cost=POSTURE_COST)
        self._posture.set_target(np.array([joint.home for joint in joints]))
        self._seeded = False

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
        check_rows(targets, direct)
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
        """Start from these (measured) joint positions; they may be outside their limits.

        Raises:
            ValueError: if a joint of arms, lift or head is missing or not finite.
        """
        self._configuration.update(self._frames.vector(positions))
        self._seeded = True

    def step(
        self, targets: Mapping[str, Pose], direct: Mapping[str, float], dt: float
    ) -> JointStep:
        """Move towards the targets for `dt` seconds; see `core.kinematics.InverseKinematics`.

        A joint outside its limits moves back inside at up to its speed limit, also where it was
        asked to keep still. A target out of reach is approached as near as the limits allow.

        Args:
            targets: tool pose by side in the arm's frame; an absent side keeps its joints.
            direct: positions of joints commanded as joints [rad] or [m]: lift, head, or the joints
                of an arm that has no target.
            dt: step [s], above 0.

        Raises:
            ValueError: before `seed`, for an unknown or doubly commanded joint, a non-finite
                target, or a `dt` not above 0.
        """
        self._check_step(targets, direct, dt)
        before = self._configuration.q.copy()
        low, high = self._box.bounds(before, dt)
        wanted = np.zeros(len(before))
        for name, position in direct.items():
            wanted[self._index[name]] = position - before[self._index[name]]
        move = np.minimum(np.maximum(wanted, low), high)
        if targets:
            arms = np.array([i for side in targets for i in self._frames.arm_joints[side]])
            # Lift and head move first, so that the arms make up for it within the same step.
            move[arms] = 0.0
            self._configuration.update(before + move)
            solved = self._solve(targets, arms, low[arms], high[arms], dt)
            # The solver's tolerance is not ours: the box holds exactly.
            move[arms] = np.minimum(np.maximum(solved, low[arms]), high[arms])
        self._configuration.update(before + move)
        return self._result(targets, move / dt)

    def _solve(
        self,
        targets: Mapping[str, Pose],
        arms: NDArray[np.int64],
        low: Array,
        high: Array,
        dt: float,
    ) -> Array:
        data = self._configuration.data
        for side, target in targets.items():
            frame, turn = self._frames.arm_frames[side], np.empty((3, 3))
            outer = data.xmat[frame].reshape(3, 3)
            np.matmul(outer, target.rotation, out=turn)
            self._tasks[side].set_target(
                mink.SE3.from_rotation_and_translation(
                    mink.SO3.from_matrix(turn), data.xpos[frame] + outer @ target.position
                )
            )
        self._posture.gain = min(1.0, dt / _POSTURE_TIME_S)
        tasks = [*(self._tasks[side] for side in targets), self._posture]
        whole = mink.build_ik(self._configuration, tasks, dt, damping=_DAMPING, limits=[])
        # Only the arms with a target are free. Leaving the other joints out and writing the limits
        # as bounds takes a third of the time of mink's general constraints.
        problem = qpsolvers.Problem(whole.P[np.ix_(arms, arms)], whole.q[arms], lb=low, ub=high)
        solution = qpsolvers.solve_problem(problem, solver="daqp").x
        # No solution is a numerical failure: keep still. NaN never leaves this class.
        if solution is None or not np.all(np.isfinite(solution)):
            return np.zeros(len(arms))
        return np.asarray(solution, dtype=np.float64)

    def _result(self, targets: Mapping[str, Pose], velocities: Array) -> JointStep:
        tools = self._frames.tools(self._configuration.data)
        position_error = rotation_error = 0.0
        for side, target in targets.items():
            offset = tools[side].position - target.position
            position_error = max(position_error, math.sqrt(offset @ offset))
            # |A - B| of two rotations an angle t apart is sqrt(8) sin(t / 2).
            chord = (tools[side].rotation - target.rotation).ravel()
            sine = min(1.0, math.sqrt(chord @ chord / 8.0))
            rotation_error = max(rotation_error, 2.0 * math.asin(sine))
        return JointStep(
            positions=dict(zip(self._names, self._configuration.q.tolist(), strict=True)),
            velocities=dict(zip(self._names, velocities.tolist(), strict=True)),
            tools=tools,
            position_error=position_error,
            rotation_error=rotation_error,
        )

    def _place(self, positions: Mapping[str, float]) -> None:
        self._measured.qpos[:] = self._frames.vector(positions)
        mujoco.mj_kinematics(self._model, self._measured)

    def _check_step(
        self, targets: Mapping[str, Pose], direct: Mapping[str, float], dt: float
    ) -> None:
        if not self._seeded:
            raise ValueError("seed() with measured positions before step()")
        if not dt > 0.0:
            raise ValueError(f"dt {dt} s; expected above 0")
        for side, target in targets.items():
            if side not in self._tasks:
                raise ValueError(f"target for '{side}'; arms are {sorted(self._tasks)}")
            if not math.isfinite(float(target.position.sum() + target.rotation.sum())):
                raise ValueError(f"target of the {side} arm is not finite")
        for name, position in direct.items():
            if name not in self._index or not math.isfinite(position):
                raise ValueError(f"direct position {position} of '{name}'; joints {self._names}")
            if any(name in self._contract.arms[side].joints for side in targets):
                raise ValueError(f"joint '{name}' is commanded directly and by its arm's target")


def _tool_task(side: str) -> mink.FrameTask:
    return mink.FrameTask(
        f"tool_{side}",
        "site",
        position_cost=POSITION_COST,
        orientation_cost=ROTATION_COST,
        lm_damping=_TOOL_DAMPING,
    )
