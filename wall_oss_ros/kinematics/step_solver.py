"""One bounded step of inverse kinematics of both arms, with mink and the daqp solver.

One quadratic program per step: go towards both tool poses, keep near the home posture where that
costs nothing, stay within the contract's position, velocity and acceleration limits, keep the arms
from each other and from the body. Where not all of it is possible, first the tool poses give way,
then acceleration; position and velocity limits and the distance never do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import mink
import mujoco
import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.kinematics import JointStep
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.kinematics.approach import JointApproach, ToolApproach, Way
from wall_oss_ros.kinematics.avoidance import Avoidance, Rows, no_rows
from wall_oss_ros.kinematics.best_step import best_step
from wall_oss_ros.kinematics.clearance import Clearance
from wall_oss_ros.kinematics.follower import check_direct
from wall_oss_ros.kinematics.frames import Array, Frames
from wall_oss_ros.kinematics.joint_box import JointBox, StepBounds
from wall_oss_ros.kinematics.limiting import Limiting, Taken, needs_reason
from wall_oss_ros.kinematics.tool_error import (
    POSITION_COST,
    POSTURE_COST,
    ROTATION_COST,
    Goal,
    ToolError,
)

# A step outside this is a broken clock.
_SHORTEST_S, _LONGEST_S = 1e-6, 10.0
# An elbow goes home within about this time while its tool moves at least so fast, more slowly while
# the tool is slower, and stands when it stands: a robot that holds its tools still is still.
_POSTURE_TIME_S, _POSTURE_SPEED_M_S = 0.5, 0.05
# Keeps the program strictly convex.
_DAMPING = 1e-6
# Damping [m^2/rad^2] per weighted way of catching up in a step [m]. At a target out of reach that
# way never ends, and the linearised program overshoots the nearest posture unless the damping is of
# the size of what linearisation leaves out: this way times the lever of a joint.
_TOOL_DAMPING = 1.0
# Cost of a change of velocity. Small where joints move a tool; it decides where they hardly do.
_CHANGE_COST = 1e-4
# The same where acceleration limits have to give way: large against the cost of a tool's error.
_HARD_CHANGE_COST = 100.0
# Share of a joint's acceleration that a plan may take. The supervisor, which knows jerk limits too,
# follows every command; where plans went to the limit itself, as those of a policy that changes its
# mind do, it fell behind (0.05 rad instead of 0.01, test/sim/test_lockstep.py) and never caught up.
# The price: the scripted policy, which is smooth, needs up to 0.6 of it at times, and is limited
# there by up to 0.01 rad. A bound of jerk in `JointBox` would serve both.
PLANNED_ACCELERATION = 0.4
# A tool brakes as if its joints did so at this distance [m], and its turning with this part of a
# joint's acceleration: less than an arm can, so that no joint limits it.
_LEVER_M, _TURNING = 0.25, 0.7


class StepSolver:
    """Steps from a seed on; owns its posture and velocity.

    Args:
        model: kinematic model.
        frames: its indices.
        clearance: its pairs; none, and the arms do not avoid anything.
        contract: the robot.
    """

    def __init__(
        self, model: mujoco.MjModel, frames: Frames, clearance: Clearance, contract: RobotContract
    ) -> None:
        self._contract, self._frames, self._clearance = contract, frames, clearance
        self._configuration = mink.Configuration(model)
        joints = [contract.limited_joints[name] for name in frames.names]
        self._box = JointBox(
            np.array([joint.position[0] for joint in joints]),
            np.array([joint.position[1] for joint in joints]),
            np.array([joint.velocity for joint in joints]),
            PLANNED_ACCELERATION * np.array([joint.acceleration for joint in joints]),
        )
        self._error = ToolError(model, frames)
        self._limiting = Limiting(frames, self._box, self._error, clearance)
        self._tasks = {side: _tool_task(side) for side in frames.sides}
        self._posture = mink.PostureTask(model, cost=POSTURE_COST)
        self._home = np.array([joint.home for joint in joints])
        slowest = PLANNED_ACCELERATION * min(
            joint.acceleration for arm in contract.arms.values() for joint in arm.joints.values()
        )
        self._tool_approach = {
            side: ToolApproach(_LEVER_M * slowest, _TURNING * slowest) for side in frames.sides
        }
        self._joint_approach = JointApproach(self._box.acceleration)
        self._avoidance: Avoidance | None = None
        self._stop_m = -math.inf
        if contract.clearance is not None:
            self._stop_m = contract.clearance.stop
            self._avoidance = Avoidance(
                model,
                clearance,
                contract.clearance,
                speed=max(arm.speed.linear for arm in contract.arms.values()),
                acceleration=_LEVER_M * slowest,
            )
        self._velocity = np.zeros(len(joints))
        self._gap_m = math.inf
        self._seeded = False

    def seed(self, q: Array) -> None:
        """Start at rest from joint positions (n,); they may be outside their limits."""
        self._configuration.update(q)
        self._velocity = np.zeros(len(q))
        self._gap_m = self._clearance.measure(self._configuration.data)[0]
        self._joint_approach.forget()
        for approach in self._tool_approach.values():
            approach.forget()
        self._seeded = True

    def step(
        self, targets: Mapping[str, Pose], direct: Mapping[str, float], dt: float
    ) -> JointStep:
        """Move for `dt` seconds; see `MinkKinematics.step`."""
        self._check(targets, direct, dt)
        goals = self._error.goals(targets)
        before = self._configuration.q.copy()
        bounds, same = self._box.bounds(before, self._velocity, dt), self._velocity * dt
        wanted = np.zeros(len(before))  # a joint that nobody commands comes to rest
        named = np.array([self._frames.index[name] for name in direct], dtype=np.int64)
        ends = np.array([*direct.values()], dtype=np.float64)
        wanted[named] = self._joint_approach.next(named, ends, before[named], dt)
        move = np.minimum(np.maximum(wanted * dt, bounds.low), bounds.high)
        rows = no_rows(len(before))
        if goals:
            ways = self._ways(goals, dt)
            arms = np.concatenate([self._frames.arm_joints[side] for side in goals])
            # Lift and head move first, so that the arms make up for it within the same step.
            move[arms] = 0.0
            self._configuration.update(before + move)
            if self._avoidance is not None:
                rows = self._avoidance.rows(self._configuration, dt)
            problem = self._problem(ways, arms, same, dt)
            move[arms] = self._solve(problem, arms, same, bounds, rows)
        move = self._guarded(before, move)
        self._velocity = move / dt
        taken = Taken(self._configuration.q, move, bounds, rows, dt)
        return self._result(goals, taken)

    def _ways(self, goals: Mapping[str, Goal], dt: float) -> dict[str, Way]:
        """Return what each tool should do in this step."""
        data, ways = self._configuration.data, {}
        for side, approach in self._tool_approach.items():
            if side in goals:
                ways[side] = approach.next(goals[side], self._error.tool(data, side), dt)
            else:
                approach.forget()
        return ways

    def _problem(
        self, ways: Mapping[str, Way], arms: NDArray[np.int64], same: Array, dt: float
    ) -> tuple[Array, Array]:
        """Return Hessian (m, m) and gradient (m,) of the arms' program at the present posture."""
        behind, elbows = 0.0, self._configuration.q.copy()
        for side, way in ways.items():
            world = self._error.in_world(self._configuration.data, side, way.end)
            pose = mink.SE3(np.concatenate([world.quaternion, world.position]))
            self._tasks[side].set_target(pose)
            weighted = self._error.weights * way.catching_up
            behind = max(behind, math.sqrt(weighted @ weighted))
            joints = self._frames.arm_joints[side]
            elbows[joints] += self._share(way, dt) * (self._home[joints] - elbows[joints])
        self._posture.set_target(elbows)
        tasks = [*(self._tasks[side] for side in ways), self._posture]
        damping = _DAMPING + _CHANGE_COST + _TOOL_DAMPING * behind
        whole = mink.build_ik(self._configuration, tasks, dt, damping, limits=[])
        slope = whole.q[arms] - _CHANGE_COST * same[arms]
        return whole.P[np.ix_(arms, arms)], slope

    def _share(self, way: Way, dt: float) -> float:
        """Return the part of its way home that an elbow drifts while its tool makes this step."""
        weighted = self._error.weights * way.motion
        speed = math.sqrt(weighted @ weighted) / (POSITION_COST * dt)
        return min(1.0, dt / _POSTURE_TIME_S) * min(1.0, speed / _POSTURE_SPEED_M_S)

    def _solve(
        self,
        problem: tuple[Array, Array],
        arms: NDArray[np.int64],
        same: Array,
        bounds: StepBounds,
        rows: Rows,
    ) -> Array:
        """Return the arms' step (m,), with as little else given up as the rows demand."""
        hessian, slope = problem
        gradient, bound = rows.gradient[:, arms], rows.bound
        low, high = bounds.low[arms], bounds.high[arms]
        solution = best_step(hessian, slope, low, high, gradient, bound)
        if solution is not None:
            return solution
        # The distance is worth more than a smooth motion, but then the tools have to wait.
        hessian = hessian + _HARD_CHANGE_COST * np.eye(len(arms))
        slope = slope - _HARD_CHANGE_COST * same[arms]
        ends = bounds.lowest[arms], bounds.highest[arms]
        # Parting may be impossible (a joint is at its limit); to come no nearer is not.
        for most in (bound, np.maximum(bound, 0.0)):
            solution = best_step(hessian, slope, *ends, gradient, most)
            if solution is not None:
                return solution
        # A numerical failure: come to rest.
        return np.minimum(np.maximum(0.0, low), high)

    def _guarded(self, before: Array, move: Array) -> Array:
        """Take a step (n,), but none that ends too near, and nearer than before: then stand.

        The rows see to that but for linearisation, and for joints that are commanded directly.
        """
        # NaN never leaves: the poses of such a step would be as unknown as the step.
        move = move if np.all(np.isfinite(move)) else np.zeros(len(move))
        self._configuration.update(before + move)
        gap = self._clearance.measure(self._configuration.data)[0]
        if gap < self._stop_m and gap < self._gap_m:
            self._configuration.update(before)
            return np.zeros(len(move))
        self._gap_m = gap
        return move

    def _result(self, goals: Mapping[str, Goal], taken: Taken) -> JointStep:
        data = self._configuration.data
        errors = {side: self._error.twist(data, side, goal) for side, goal in goals.items()}
        position_error = max((math.sqrt(e[:3] @ e[:3]) for e in errors.values()), default=0.0)
        rotation_error = max((math.sqrt(e[3:] @ e[3:]) for e in errors.values()), default=0.0)
        limited_by = ""
        if needs_reason(position_error, rotation_error):
            limited_by = self._limiting.reason(data, errors, taken)
        return JointStep(
            positions=self._frames.named(taken.q),
            velocities=self._frames.named(taken.move / taken.dt),
            tools=self._frames.tools(data),
            position_error=position_error,
            rotation_error=rotation_error,
            limited_by=limited_by,
        )

    def _check(self, targets: Mapping[str, Pose], direct: Mapping[str, float], dt: float) -> None:
        if not self._seeded:
            raise ValueError("seed() with measured positions before step()")
        if not _SHORTEST_S <= dt <= _LONGEST_S:
            raise ValueError(f"dt {dt} s; expected {_SHORTEST_S} to {_LONGEST_S} s")
        check_direct(self._frames, self._contract, targets, direct)


def _tool_task(side: str) -> mink.FrameTask:
    return mink.FrameTask(
        f"tool_{side}", "site", position_cost=POSITION_COST, orientation_cost=ROTATION_COST
    )
