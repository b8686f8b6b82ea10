"""One timeline: which motion is due now, over chunks, joins and gaps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from wall_oss_ros.core import rotation
from wall_oss_ros.core.chunk import NANOSECONDS, ActionChunk
from wall_oss_ros.core.motion import ChunkTrajectory, Motion, StopTrajectory, Trajectory
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.core.settings import Settings, setting


class ChunkOutcome(Enum):
    """What happened to an offered chunk."""

    ACCEPTED = "accepted"
    SCHEMA = "made for another robot contract"
    OLD_EPOCH = "from before a reset or another instruction"
    OUT_OF_ORDER = "not newer than the chunk being followed"
    BEFORE_STOP = "observed before motion was stopped or enabled"
    ELAPSED = "every row was due before it arrived"
    FUTURE = "stamped in the future"


@dataclass(frozen=True, slots=True)
class TimelineSettings(Settings):
    """How chunks are joined and gaps are bridged."""

    rows: int = setting(
        0, "rows used of each chunk, its committed prefix; 0 uses all", low=0, high=512
    )
    blend_s: float = setting(0.2, "time over which a new chunk takes over [s]", low=0.01, high=5.0)
    stop_s: float = setting(
        0.3, "time to come to rest when the rows run out [s]", low=0.01, high=5.0
    )
    approach_linear: float = setting(
        0.25, "largest speed at which a distance to a new chunk is closed [m/s]", low=0.01, high=2.0
    )
    approach_angular: float = setting(0.8, "the same for orientations [rad/s]", low=0.01, high=6.0)
    future_tolerance_s: float = setting(
        0.1, "how far a chunk's stamp may lie ahead of now [s]", low=0.0, high=1.0
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Join:
    """The distance between the old and the new motion at the join, decaying to zero.

    Adding a cubic Hermite decay with the initial difference in position and velocity makes the sum
    continuous in both.
    """

    start_ns: int
    duration_s: float
    linear: Array
    linear_velocity: Array
    turn: Array  # (2, 3) rotation vectors, old = exp(turn) new
    turn_velocity: Array  # (2, 3) rate of change of `turn`, not an angular velocity

    def apply(self, motion: Motion, now_ns: int) -> Motion:
        u = max(0.0, (now_ns - self.start_ns) / NANOSECONDS / self.duration_s)
        if u >= 1.0:
            return motion
        value, slope = 2 * u**3 - 3 * u**2 + 1, u**3 - 2 * u**2 + u
        value_rate = (6 * u**2 - 6 * u) / self.duration_s
        slope_rate = 3 * u**2 - 4 * u + 1  # of slope * duration
        turn = value * self.turn + slope * self.duration_s * self.turn_velocity
        turn_rate = value_rate * self.turn + slope_rate * self.turn_velocity
        turned = rotation.matrix_from_rotation_vector(turn)
        return Motion(
            linear=motion.linear
            + value * self.linear
            + slope * self.duration_s * self.linear_velocity,
            linear_velocity=motion.linear_velocity
            + value_rate * self.linear
            + slope_rate * self.linear_velocity,
            rotation=turned @ motion.rotation,
            angular_velocity=_times(turned, motion.angular_velocity)
            + _times(rotation.left_jacobian(turn), turn_rate),
            grippers=motion.grippers,
            base_twist=motion.base_twist,
        )


class Timeline:
    """Follows the newest chunk, joined smoothly to what was running; stops when rows run out."""

    def __init__(self, schema: str, settings: TimelineSettings) -> None:
        """Create an empty timeline.

        Args:
            schema: the contract's schema hash; chunks with another one are refused.
            settings: joins and gaps.
        """
        self._schema = schema
        self._settings = settings
        self._trajectory: Trajectory | None = None
        self._join: _Join | None = None
        self._end_ns: int | None = None
        self._not_before_ns = 0
        self.chunk: ActionChunk | None = None
        self._last_seq: tuple[int, int] = (0, 0)

    def hold(self, motion: Motion, now_ns: int) -> None:
        """Stand still at a motion's position; chunks observed before now are refused from here."""
        rest = Motion(
            motion.linear,
            np.zeros(9),
            motion.rotation,
            np.zeros((2, 3)),
            motion.grippers,
            np.zeros(3),
        )
        self._trajectory = StopTrajectory(now_ns, rest, self._settings.stop_s)
        self._join, self._end_ns, self.chunk = None, None, None
        self._not_before_ns = now_ns

    def offer(self, chunk: ActionChunk, now_ns: int) -> ChunkOutcome:
        """Follow a chunk from now on, or say why not."""
        if self._trajectory is None:
            raise ValueError("hold() must set a start before chunks are offered")
        rows = min(self._settings.rows or chunk.horizon, chunk.horizon)
        outcome = self._judge(chunk, rows, now_ns)
        if outcome is not ChunkOutcome.ACCEPTED:
            return outcome
        running = self.sample(now_ns)
        trajectory = ChunkTrajectory(chunk, running, rows)
        self._join = self._join_to(trajectory.sample(now_ns), running, now_ns)
        self._trajectory, self._end_ns = trajectory, trajectory.end_ns
        self.chunk, self._last_seq = chunk, (chunk.epoch, chunk.seq)
        return outcome

    def sample(self, now_ns: int) -> Motion:
        """Return what is due now; past the last row the robot comes to rest."""
        if self._trajectory is None:
            raise ValueError("hold() must set a start before the timeline is sampled")
        if self._end_ns is not None and now_ns > self._end_ns:
            last = self._at(self._end_ns)
            self._trajectory = StopTrajectory(self._end_ns, last, self._settings.stop_s)
            self._join, self._end_ns = None, None
        return self._at(now_ns)

    def starving(self, now_ns: int) -> bool:
        """Return whether a chunk was followed and its rows have run out."""
        return self.chunk is not None and (self._end_ns is None or now_ns > self._end_ns)

    def rows_left(self, now_ns: int) -> int:
        """Return how many rows are not yet due."""
        if self.chunk is None or self._end_ns is None or now_ns > self._end_ns:
            return 0
        return int((self._end_ns - now_ns) / NANOSECONDS / self.chunk.dt)

    def _at(self, now_ns: int) -> Motion:
        motion = self._trajectory.sample(now_ns)  # type: ignore[union-attr]
        return motion if self._join is None else self._join.apply(motion, now_ns)

    def _judge(self, chunk: ActionChunk, rows: int, now_ns: int) -> ChunkOutcome:
        if chunk.schema != self._schema:
            return ChunkOutcome.SCHEMA
        if chunk.epoch < self._last_seq[0]:
            return ChunkOutcome.OLD_EPOCH
        if (chunk.epoch, chunk.seq) <= self._last_seq:
            return ChunkOutcome.OUT_OF_ORDER
        if chunk.stamp_ns < self._not_before_ns:
            return ChunkOutcome.BEFORE_STOP
        if chunk.stamp_ns > now_ns + self._settings.future_tolerance_s * NANOSECONDS:
            return ChunkOutcome.FUTURE
        if chunk.due_ns(rows - 1) <= now_ns:
            return ChunkOutcome.ELAPSED
        return ChunkOutcome.ACCEPTED

    def _join_to(self, new: Motion, running: Motion, now_ns: int) -> _Join:
        linear = running.linear - new.linear
        turn = rotation.rotation_vector_from_matrix(
            running.rotation @ np.swapaxes(new.rotation, -1, -2)
        )
        turned = rotation.matrix_from_rotation_vector(turn)
        spin = running.angular_velocity - _times(turned, new.angular_velocity)
        inverse = np.asarray(np.linalg.inv(rotation.left_jacobian(turn)), np.float64)
        # A cubic decay is steepest in its middle: 1.5 times its mean speed.
        far = max(np.linalg.norm(linear[:3]), np.linalg.norm(linear[3:6]))
        wide = np.linalg.norm(turn, axis=-1).max()
        duration_s = max(
            self._settings.blend_s,
            1.5 * float(far) / self._settings.approach_linear,
            1.5 * float(wide) / self._settings.approach_angular,
        )
        return _Join(
            start_ns=now_ns,
            duration_s=duration_s,
            linear=linear,
            linear_velocity=running.linear_velocity - new.linear_velocity,
            turn=turn,
            turn_velocity=_times(inverse, spin),
        )


def _times(matrices: Array, vectors: Array) -> Array:
    """Multiply (..., 3, 3) with (..., 3)."""
    product: Array = (matrices @ vectors[..., None])[..., 0]
    return product
