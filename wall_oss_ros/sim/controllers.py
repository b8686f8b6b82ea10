"""The robot's controllers as ros2_control runs them: trajectories for joints, velocities for base.

They stand between the command topics and the servos and know nothing of the policy suite. Both stop
by themselves when commands stop coming, so a dead supervisor cannot leave the robot moving.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core.contract import Base
from wall_oss_ros.core.errors import choices

Array = NDArray[np.float64]

NANOSECONDS = 1_000_000_000

# Without a new command for this long the base stops and joints hold their present setpoint.
COMMAND_TIMEOUT_NS = NANOSECONDS // 2


@dataclass(frozen=True, slots=True)
class TrajectoryPoint:
    """One point of a joint trajectory.

    Attributes:
        positions: one per joint [rad] or [m].
        velocities: one per joint [rad/s] or [m/s]; None interpolates linearly.
        time_from_start_s: when it is due after the trajectory begins [s].
    """

    positions: Sequence[float]
    velocities: Sequence[float] | None
    time_from_start_s: float


@dataclass(frozen=True, slots=True)
class _Knot:
    time_ns: int
    positions: Array
    velocities: Array | None


class JointTrajectoryController:
    """Setpoints of one part's joints, from trajectories or plain positions.

    Args:
        names: joints in the contract's order.
        lower: (n,) smallest position [rad] or [m].
        upper: (n,) largest position [rad] or [m].
        speed: (n,) what the drives can do [rad/s] or [m/s]; setpoints never move faster.
        start: (n,) first setpoint [rad] or [m].
    """

    def __init__(
        self, names: Sequence[str], lower: Array, upper: Array, speed: Array, start: Array
    ) -> None:
        self.names = tuple(names)
        self._lower, self._upper, self._speed = lower, upper, speed
        self.positions = np.array(start, dtype=np.float64)
        self.velocities = np.zeros(len(self.names))
        self._knots: list[_Knot] = []
        self._heard_ns: int | None = None

    def command(
        self,
        names: Sequence[str],
        points: Sequence[TrajectoryPoint],
        now_ns: int,
        begin_ns: int | None = None,
    ) -> str | None:
        """Take a trajectory; it replaces the running one from the present setpoint on.

        As in ros2_control's joint_trajectory_controller, points that are over are passed by, and a
        trajectory whose last point is over is refused.

        Args:
            names: this controller's joints, in any order.
            points: at least one, times increasing.
            now_ns: when it arrives [ns].
            begin_ns: when it begins [ns]; None: when it arrives.

        Returns:
            None if accepted, else the reason; a refused command changes nothing.
        """
        if sorted(names) != sorted(self.names):
            return f"joints {choices(names)}; expected {choices(self.names)}"
        if not points:
            return "a trajectory without points"
        order = [list(names).index(name) for name in self.names]
        begin_ns = now_ns if begin_ns is None else begin_ns
        knots, last = [], -1.0
        for index, point in enumerate(points):
            arrays = [point.positions] + ([] if point.velocities is None else [point.velocities])
            if any(len(values) != len(names) for values in arrays):
                return f"point {index} has another number of values than its {len(names)} joints"
            time_s = point.time_from_start_s
            if not all(math.isfinite(value) for values in (*arrays, [time_s]) for value in values):
                return f"point {index} is not finite"
            if time_s <= last or time_s < 0.0:
                return f"point {index} is due at {time_s} s, not after the one before it"
            last = time_s
            rows = [np.array(values, dtype=np.float64)[order] for values in arrays]
            velocities = rows[1] if len(rows) > 1 else None
            knots.append(_Knot(begin_ns + round(time_s * NANOSECONDS), rows[0], velocities))
        late_ns = now_ns - knots[-1].time_ns
        if late_ns > 0:
            return f"its last point was due {late_ns / NANOSECONDS:.3f} s ago"
        start = _Knot(now_ns, self.positions.copy(), self.velocities.copy())
        self._knots = [start, *(knot for knot in knots if knot.time_ns >= now_ns)]
        self._heard_ns = now_ns
        return None

    def tick(self, now_ns: int, dt: float) -> None:
        """Move `positions` and `velocities` on to `now_ns`, `dt` seconds after the last tick."""
        silent = self._heard_ns is None or now_ns - self._heard_ns > COMMAND_TIMEOUT_NS
        if silent or not self._knots:
            self._knots = []
            self.velocities = np.zeros(len(self.names))
            return
        wanted = np.clip(_interpolate(self._knots, now_ns), self._lower, self._upper)
        reach = self._speed * dt
        step = np.clip(wanted - self.positions, -reach, reach)
        self.positions = self.positions + step
        self.velocities = step / dt


class BaseVelocityController:
    """The twist of the base, ramped to the commanded one within the contract's accelerations."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self._wanted = np.zeros(3)
        self._heard_ns: int | None = None
        self.twist = np.zeros(3)

    def command(
        self, vx: float, vy: float, wz: float, now_ns: int, begin_ns: int | None = None
    ) -> str | None:
        """Take a twist in the base frame [m/s, m/s, rad/s]; faster ones are clipped.

        As in ros2_control's diff_drive_controller, one that is older than the time-out is refused,
        and its time counts from its stamp.

        Args:
            vx: forward.
            vy: to the left.
            wz: turning.
            now_ns: when it arrives [ns].
            begin_ns: its stamp [ns]; None: it has none.

        Returns:
            None if accepted, else the reason; a refused command changes nothing.
        """
        twist = np.array([vx, vy, wz], dtype=np.float64)
        if not np.all(np.isfinite(twist)):
            return f"twist {twist.tolist()} is not finite"
        if vy != 0.0 and not self._base.holonomic:
            return f"sideways speed {vy} m/s; this base cannot move sideways"
        begin_ns = now_ns if begin_ns is None else min(begin_ns, now_ns)
        if now_ns - begin_ns > COMMAND_TIMEOUT_NS:
            return f"twist is {(now_ns - begin_ns) / NANOSECONDS:.3f} s old"
        speed = math.hypot(vx, vy)
        twist[:2] *= min(1.0, self._base.linear_velocity / speed) if speed > 0.0 else 1.0
        turn = self._base.angular_velocity
        twist[2] = min(max(wz, -turn), turn)
        self._wanted, self._heard_ns = twist, begin_ns
        return None

    def tick(self, now_ns: int, dt: float) -> None:
        """Move `twist` towards the commanded one for `dt` seconds; towards 0 after a time-out."""
        if self._heard_ns is None or now_ns - self._heard_ns > COMMAND_TIMEOUT_NS:
            self._wanted = np.zeros(3)
        change = self._wanted - self.twist
        reach = self._base.linear_acceleration * dt
        change[:2] *= min(1.0, reach / max(math.hypot(change[0], change[1]), 1e-12))
        reach = self._base.angular_acceleration * dt
        change[2] = min(max(change[2], -reach), reach)
        self.twist = self.twist + change


def _interpolate(knots: Sequence[_Knot], now_ns: int) -> Array:
    """Return the positions at a time: cubic where both ends have velocities, else linear."""
    if now_ns >= knots[-1].time_ns:
        return knots[-1].positions
    later = next(i for i, knot in enumerate(knots) if now_ns < knot.time_ns)
    a, b = knots[max(later - 1, 0)], knots[later]
    length = (b.time_ns - a.time_ns) / NANOSECONDS
    s = (now_ns - a.time_ns) / NANOSECONDS / length if length > 0.0 else 1.0
    if a.velocities is None or b.velocities is None:
        return a.positions + s * (b.positions - a.positions)
    return np.asarray(
        (1 + 2 * s) * (1 - s) ** 2 * a.positions
        + s * (1 - s) ** 2 * length * a.velocities
        + s * s * (3 - 2 * s) * b.positions
        + s * s * (s - 1) * length * b.velocities
    )
