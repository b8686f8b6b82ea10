"""Joint motion that keeps velocity, acceleration and jerk, and can always brake inside its range.

The state of every joint is a point (q, v, a) on a curve with bounded jerk that passes through the
last three positions that were commanded. A target is taken exactly where the curve may go on to it;
otherwise Ruckig's time-optimal trajectory gives the next point. Both leave the divided differences
of the commanded positions within the limits: they are means of the curve's derivatives (mean value
theorem for divided differences). No step is taken from which braking would leave the range.

L. Berscheid, T. Kröger, "Jerk-limited Real-time Trajectory Generation with Arbitrary Target
States", RSS 2021 (https://github.com/pantor/ruckig).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import ruckig
from numpy.typing import NDArray

from wall_oss_ros.core.contract import Joint
from wall_oss_ros.core.rotation import Array

Mask = NDArray[np.bool_]

# Ruckig plans with a little less than the limits, so that rounding never exceeds them.
_PLANNED = 0.999
# Rounding of the limits themselves, and of positions [rad] or [m].
_SLACK = 1.0 + 1e-9
_NEAR = 1e-9
# A target's own speed and acceleration are followed up to this share of the limits, so that it can
# be caught up with.
_FOLLOWED = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class JointMotion:
    """A possible next state of all joints, and where it ends if they brake from there.

    Attributes:
        positions: (n,) [rad] or [m].
        velocities: (n,) [rad/s] or [m/s].
        accelerations: (n,) [rad/s^2] or [m/s^2].
        rest: (n,) positions where all have come to rest.
    """

    positions: Array
    velocities: Array
    accelerations: Array
    rest: Array


class JointGovernor:
    """Moves joints towards targets, one tick at a time. `seed` first.

    Each method that returns a `JointMotion` only proposes it; `accept` takes the step. A joint that
    starts outside its range may come back, within its limits, and never goes further out.

    Attributes:
        names: the joints, in the order of all arrays.
        state: where they are.
    """

    def __init__(self, joints: Mapping[str, Joint]) -> None:
        """Create a governor for these joints, which are not moving."""
        self.names = tuple(joints)
        limits = joints.values()
        self._low, self._high = np.array([joint.position for joint in limits]).T
        self._velocity = np.array([joint.velocity for joint in limits])
        self._acceleration = np.array([joint.acceleration for joint in limits])
        self._jerk = np.array([joint.jerk for joint in limits])
        self._planned = _PLANNED * self._velocity
        self._most = (self._velocity * _SLACK, self._acceleration * _SLACK, self._jerk * _SLACK)
        v, a, j = self._most
        self._bounds = np.array([v, a, j, v, a, j, j])
        # How far a joint moves on at most, while braking from an acceleration against its speed.
        swing = 1.01 * self._acceleration**3 / (2.0 * self._jerk**2)
        self._surely = (self._low + swing, self._high - swing)
        count = len(self.names)
        self._zero = np.zeros(count)
        self._none, self._all = np.zeros(count, np.bool_), np.ones(count, np.bool_)
        self._otg = ruckig.Ruckig(count)
        self._reaching, self._braking = (self._input(count) for _ in range(2))
        self._braking.control_interface = ruckig.ControlInterface.Velocity
        self._reach, self._brake = (ruckig.Trajectory(count) for _ in range(2))
        self.seed(np.clip(self._zero, self._low, self._high))

    def seed(self, positions: Array) -> None:
        """Start at rest from these positions (n,)."""
        here = np.array(positions, dtype=np.float64)
        self.state = JointMotion(here, self._zero, self._zero, here)
        # Divided differences of what was commanded: velocity, acceleration, and the steps' times.
        self._slope, self._bend = self._zero, self._zero
        self._last_dt, self._last_but_one_dt = 0.0, 0.0
        self._goals: tuple[Array, Array] = (here, here)

    @property
    def at_rest(self) -> bool:
        """Whether nothing moves."""
        return not (self.state.velocities.any() or self.state.accelerations.any())

    def toward(self, target: Array, velocity: Array, dt: float, commanded: Mask) -> JointMotion:
        """Propose the next state on the way to a moving target.

        Args:
            target: (n,) where the joints should be at the end of the tick; clipped to the range.
            velocity: (n,) of the target then; used where its last positions do not tell.
            dt: length of the tick [s].
            commanded: (n,) joints that have a target; the others brake.
        """
        goal = np.minimum(np.maximum(target, self._low), self._high)
        speed, bend = self._goal_motion(goal, velocity * (goal == target), dt)
        motion, taken = self._exactly(goal, speed, bend, dt)
        taken &= commanded
        if not taken.all():
            if not commanded.all():
                motion = _chosen(taken, motion, self._stopped(dt))
            chased = commanded & ~taken
            if chased.any():
                motion = _chosen(~chased, motion, self._chasing(goal, speed, bend, dt))
        motion, unsafe = self._braked(motion)
        if (unsafe & commanded).any():
            still = self._chasing(goal, self._zero, self._zero, dt)
            motion = _chosen(~unsafe | ~commanded, motion, still)
            motion, unsafe = self._braked(motion)
        self._goals = (goal, self._goals[0])
        return self._safe(motion, unsafe, dt)

    def cruise(self, motion: JointMotion) -> Array:
        """Return the velocities (n,) that would be reached if no joint sped up any more.

        An acceleration takes time to be taken back, in which a joint gets faster still.
        """
        growing = motion.accelerations * motion.velocities > 0.0
        return np.where(
            growing, self._peak(motion.velocities, motion.accelerations), motion.velocities
        )

    def at_speed(self, velocities: Array, dt: float) -> JointMotion:
        """Propose a step in which the joints go over to these velocities (n,)."""
        motion, unsafe = self._braked(self._to_velocity(velocities, dt))
        return self._safe(motion, unsafe, dt)

    def brake(self, dt: float) -> JointMotion:
        """Propose the first tick of braking all joints, each as fast as its limits allow."""
        motion, _ = self._braked(self._stopped(dt))
        return self._inside(motion)

    def braking_way(self, motion: JointMotion, count: int) -> list[Array]:
        """Return positions (n,) on the way from a proposed state to its rest, evenly in time."""
        if not self._plan_braking(motion):
            return []
        step_s = self._brake.duration / (count + 1)
        return [np.array(self._brake.at_time(i * step_s)[0]) for i in range(1, count + 1)]

    def accept(self, motion: JointMotion, dt: float) -> None:
        """Take a proposed step."""
        slope = (motion.positions - self.state.positions) / dt
        self._bend = 2.0 * (slope - self._slope) / (dt + (self._last_dt or dt))
        self._slope = slope
        self._last_dt, self._last_but_one_dt = dt, self._last_dt or dt
        self.state = motion

    def stand(self) -> None:
        """Forget all motion: the joints stand where they are from one tick to the next."""
        self.seed(self.state.positions)

    def excess(self, target: Array, dt: float, index: int) -> str:
        """Return which limit keeps a joint from its target, in words."""
        name, low, high = self.names[index], self._low[index], self._high[index]
        if not low <= target[index] <= high:
            return f"'{name}' at {target[index]:.3f}, range {low:.3f} .. {high:.3f}"
        rates = self._rates(target, dt)
        for what, rate, most in zip(
            ("speed", "acceleration", "jerk"), rates, self._most, strict=True
        ):
            if abs(rate[index]) > most[index]:
                return f"'{name}' at {what} {abs(rate[index]):.2f}, limit {most[index]:.2f}"
        return f"'{name}' at {target[index]:.3f}, too fast to stop inside {low:.3f} .. {high:.3f}"

    def _input(self, count: int) -> ruckig.InputParameter:
        made = ruckig.InputParameter(count)
        made.synchronization = ruckig.Synchronization.No
        made.max_velocity = self._planned.tolist()
        made.max_acceleration = (_PLANNED * self._acceleration).tolist()
        made.max_jerk = (_PLANNED * self._jerk).tolist()
        made.target_position = made.target_velocity = made.target_acceleration = [0.0] * count
        return made

    def _rates(self, target: Array, dt: float) -> tuple[Array, Array, Array]:
        """Return the divided differences times k! that a step to the target would have."""
        last = self._last_dt or dt
        before = self._last_but_one_dt or dt
        slope = (target - self.state.positions) / dt
        bend = 2.0 * (slope - self._slope) / (dt + last)
        return slope, bend, 3.0 * (bend - self._bend) / (dt + last + before)

    def _goal_motion(self, goal: Array, told: Array, dt: float) -> tuple[Array, Array]:
        """Return velocity and acceleration of the goal.

        Where its last three positions could be those of one motion, they tell; where it jumped,
        the velocity that came with it does.
        """
        slope = (goal - self._goals[0]) / dt
        before = (self._goals[0] - self._goals[1]) / (self._last_dt or dt)
        bend = 2.0 * (slope - before) / (dt + (self._last_dt or dt))
        moved_on = np.abs(bend) <= self._most[1]
        bend = np.where(moved_on, bend, 0.0)
        return np.where(moved_on, slope + 0.5 * dt * bend, told), bend

    def _exactly(
        self, goal: Array, speed: Array, goal_bend: Array, dt: float
    ) -> tuple[JointMotion, Mask]:
        """Return the state at the goal, and which joints can be there, and stay on it.

        Being at the goal for one tick at another velocity would only overshoot.
        """
        slope, bend, jerk = self._rates(goal, dt)
        # The cubic through the last three positions whose jerk is nearest to that of all four.
        last = self._last_dt or dt
        lever = (2.0 * dt + last) / 3.0
        acceleration = bend + lever * jerk
        acceleration = np.minimum(np.maximum(acceleration, -self._acceleration), self._acceleration)
        curve = (acceleration - bend) / lever
        velocity = slope + dt * (bend / 2.0 + (dt + last) / 6.0 * curve)
        next_bend = (speed + 0.5 * dt * goal_bend - slope) / dt
        rates = (
            slope,
            bend,
            jerk,
            velocity,
            next_bend,
            (next_bend - bend) / dt,
            (goal_bend - next_bend) / dt,
        )
        allowed = (np.abs(np.array(rates)) <= self._bounds).all(axis=0)
        return JointMotion(goal, velocity, acceleration, goal), allowed

    def _chasing(self, goal: Array, velocity: Array, acceleration: Array, dt: float) -> JointMotion:
        """Return the time-optimal step to meet a goal that moves on at constant acceleration.

        It is computed in the frame that moves with the goal, where the goal stands. Of that plan
        only this tick is carried out, so the limits of the frame are those of this tick.
        """
        most = _FOLLOWED * self._planned
        end = np.minimum(np.maximum(velocity, -most), most)
        most = _FOLLOWED * self._acceleration
        bend = np.minimum(np.maximum(acceleration, -most), most)
        # Near its largest speed a goal that gets faster cannot be followed for long.
        bend = np.where(np.abs(self._peak(end, bend)) < _FOLLOWED * self._planned, bend, 0.0)
        start = end - dt * bend
        now, given = self.state, self._reaching
        given.current_position = (now.positions - goal + 0.5 * dt * (start + end)).tolist()
        given.current_velocity = (now.velocities - start).tolist()
        given.current_acceleration = (now.accelerations - bend).tolist()
        given.max_velocity = (self._planned - np.maximum(start, end)).tolist()
        given.min_velocity = (-self._planned - np.minimum(start, end)).tolist()
        given.max_acceleration = (_PLANNED * self._acceleration - bend).tolist()
        given.min_acceleration = (-_PLANNED * self._acceleration - bend).tolist()
        if not self._solve(given, self._reach):
            return self._stopped(dt)
        step = _at(self._reach, dt)
        positions = step.positions + goal
        return JointMotion(positions, step.velocities + end, step.accelerations + bend, positions)

    def _peak(self, velocity: Array, acceleration: Array) -> Array:
        """Return what the speed grows to while the acceleration is taken back."""
        return np.asarray(
            velocity + acceleration * np.abs(acceleration) / (2.0 * _PLANNED * self._jerk)
        )

    def _stopped(self, dt: float) -> JointMotion:
        return self._to_velocity(self._zero, dt)

    def _to_velocity(self, velocity: Array, dt: float) -> JointMotion:
        if self.at_rest and not velocity.any():
            return self.state
        self._braking.target_velocity = velocity.tolist()
        solved = self._plan_braking(self.state)
        self._braking.target_velocity = self._zero.tolist()
        if not solved:
            raise ArithmeticError(f"no braking trajectory from {self.state}")
        return _at(self._brake, dt)

    def _plan_braking(self, motion: JointMotion) -> bool:
        self._braking.current_position = motion.positions.tolist()
        self._braking.current_velocity = motion.velocities.tolist()
        self._braking.current_acceleration = motion.accelerations.tolist()
        return self._solve(self._braking, self._brake)

    def _solve(self, given: ruckig.InputParameter, found: ruckig.Trajectory) -> bool:
        try:
            return bool(self._otg.calculate(given, found) == ruckig.Result.Working)
        except ruckig.RuckigError:
            return False

    def _braked(self, motion: JointMotion) -> tuple[JointMotion, Mask]:
        """Return the motion with its braking end, and which joints would leave their range."""
        q, v, a = motion.positions, motion.velocities, motion.accelerations
        if not (v.any() or a.any()):
            return JointMotion(q, v, a, q), self._outside(q, q)
        if not self._plan_braking(motion):
            return motion, self._all
        brake = self._brake
        rest = np.array(brake.at_time(brake.duration)[0])
        low, high = self._surely
        ends = np.array((q, rest))
        if (ends > low).all() and (ends < high).all():
            outside = self._none
        else:
            bounds = brake.position_extrema
            least, most = np.array([(bound.min, bound.max) for bound in bounds]).T
            outside = self._outside(least, most)
        outside = outside | (np.abs(self._peak(v, a)) > self._most[0])
        return JointMotion(q, v, a, rest), outside

    def _outside(self, least: Array, most: Array) -> Mask:
        """Return which joints would be outside their range, and further than now."""
        now = self.state.positions
        below = least < np.minimum(self._low, now) - _NEAR
        return np.asarray(below | (most > np.maximum(self._high, now) + _NEAR))

    def _safe(self, motion: JointMotion, unsafe: Mask, dt: float) -> JointMotion:
        """Return the motion with the unsafe joints braking, and no rounding beyond the range."""
        if unsafe.any():
            motion = self._braked(_chosen(~unsafe, motion, self._stopped(dt)))[0]
        return self._inside(motion)

    def _inside(self, motion: JointMotion) -> JointMotion:
        q, now = motion.positions, self.state.positions
        if ((q >= self._low) & (q <= self._high)).all():
            return motion
        q = np.maximum(q, np.minimum(self._low, now))
        return replace(motion, positions=np.minimum(q, np.maximum(self._high, now)))


def _at(trajectory: ruckig.Trajectory, time_s: float) -> JointMotion:
    positions, velocities, accelerations = np.array(trajectory.at_time(time_s))
    # Rest is exact, so that it can be asked for.
    slow = (np.abs(velocities) < _NEAR) & (np.abs(accelerations) < _NEAR)
    if slow.any():
        velocities[slow], accelerations[slow] = 0.0, 0.0
    return JointMotion(positions, velocities, accelerations, positions)


def _chosen(mask: Mask, first: JointMotion, second: JointMotion) -> JointMotion:
    """Return the first where the mask says so, else the second."""
    positions = np.where(mask, first.positions, second.positions)
    return JointMotion(
        positions,
        np.where(mask, first.velocities, second.velocities),
        np.where(mask, first.accelerations, second.accelerations),
        positions,
    )
