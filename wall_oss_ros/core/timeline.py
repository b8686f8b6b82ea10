"""One timeline: which motion is due now, over chunks, joins, verdicts and gaps.

Everything that moves is a function of motion time (`motion_clock`): trajectories, joins, stops. A
joint of two motions is continuous in position, velocity and acceleration, because an offset with
their difference is added and decays (`join`); the rate of motion time has no jump and no kink
(`speed_scale`). So whatever chunks and verdicts arrive, what `advance` returns never jumps.
"""

from __future__ import annotations

import math
from dataclasses import replace

from wall_oss_ros.core.admission import AT_ROW_S, Admission, ChunkOutcome, SafePrefix
from wall_oss_ros.core.chunk import NANOSECONDS, ActionChunk
from wall_oss_ros.core.chunk_trajectory import ChunkTrajectory
from wall_oss_ros.core.ensemble import Ensemble
from wall_oss_ros.core.join import Join
from wall_oss_ros.core.motion import Motion, Standing, Trajectory
from wall_oss_ros.core.motion_clock import MotionClock
from wall_oss_ros.core.rotation import matrix_from_rotation_vector
from wall_oss_ros.core.speed_scale import SpeedScale
from wall_oss_ros.core.timeline_settings import TimelineSettings

# Longest step in which the rate of motion time is taken as even [s].
_STEP_S = 0.005
# Joins that decay at the same time; beyond that they are made one.
_MOST_JOINS = 6


class Timeline:
    """Follows the newest chunk, joined smoothly to what was running; stops when rows run out.

    Attributes:
        chunk: the chunk being followed, or followed last since the last `hold`.
        consumed: rows of motion that passed between its capture and its taking over.
        latency_s: wall time between the two [s].
    """

    def __init__(self, schema: str, settings: TimelineSettings) -> None:
        """Create an empty timeline.

        Args:
            schema: the contract's schema hash; chunks with another one are refused.
            settings: joins and gaps.
        """
        self._settings = settings
        self._admission = Admission(schema, settings)
        self._speed = SpeedScale(settings.speed_ramp_s, settings.stop_s)
        self._target = 1.0
        self._clock: MotionClock | None = None
        self._source: Trajectory
        self._rows: ChunkTrajectory | None = None  # None while standing
        self._joins: tuple[Join, ...] = ()
        self._cruise = 0.0  # rate at which the rows ran out
        self._stopping = ""  # why it comes to rest, or has; in words
        self._verdict: SafePrefix | None = None  # on the chunk being followed
        self._unjudged_from_s: float | None = None
        self.chunk: ActionChunk | None = None
        self.consumed = 0.0
        self.latency_s = 0.0

    # -- what happens -----------------------------------------------------------------------------

    def hold(self, motion: Motion, now_ns: int) -> None:
        """Stand still at a motion's position; chunks observed before now are refused from here."""
        history_s = self._settings.chunk_max_age_s + 1.0
        self._clock = MotionClock(now_ns, history_s)
        self._stand(motion)
        self._stopping = ""
        self.chunk, self._verdict, self._unjudged_from_s = None, None, None
        self._admission.only_from(now_ns)

    def set_target(self, rate: float) -> None:
        """Ramp the speed to a rate, 0 (hold still) to 1; where the motion leads does not change."""
        self._target = rate

    def offer(self, chunk: ActionChunk, now_ns: int) -> ChunkOutcome:
        """Follow a chunk from the last advance on, or say why not."""
        clock = self._started()
        start_s = clock.at(chunk.stamp_ns)
        rows = min(self._settings.rows or chunk.horizon, chunk.horizon)
        outcome = self._admission.offer(chunk, now_ns, rows, clock.motion_s - start_s)
        if outcome is not ChunkOutcome.ACCEPTED:
            return outcome
        self._take(ChunkTrajectory(chunk, self._followed(), rows, start_s))
        self.chunk, self._verdict = chunk, self._admission.prefix_of(chunk)
        if self._verdict is not None:
            self._unjudged_from_s = None
        elif self._unjudged_from_s is None:
            # A further chunk without a verdict does not begin the time anew.
            self._unjudged_from_s = clock.motion_s
        self.consumed = max(0.0, (clock.motion_s - start_s) / chunk.dt)
        self.latency_s = (now_ns - chunk.stamp_ns) / NANOSECONDS
        return outcome

    def judge(self, seq: int, epoch: int, safe_rows: int, reason: str) -> None:
        """Take the supervisor's word on a chunk, be it followed or yet to come.

        Args:
            seq: of the chunk.
            epoch: of the chunk.
            safe_rows: rows from its start that may be followed; the motion comes to rest at the
                last one of them. Where that is over, or too near to brake, it stops at once.
            reason: why not more, in words.
        """
        verdict = SafePrefix(safe_rows, reason)
        self._admission.judge(seq, epoch, verdict)
        if self.chunk is None or (epoch, seq) != (self.chunk.epoch, self.chunk.seq):
            return
        self._verdict, self._unjudged_from_s = verdict, None
        room_s = self._room_s()
        if room_s < self._speed.rate * self._settings.stop_s / 4:
            self._stop(self._cut())

    def advance(self, now_ns: int) -> Motion:
        """Go on to a time and return what is due then, its rates in wall time.

        Time that does not pass, or goes back, moves nothing.
        """
        clock = self._started()
        elapsed_ns = max(now_ns - clock.now_ns, 0)
        left_s, passed_s = elapsed_ns / NANOSECONDS, 0.0
        self._expire(now_ns)
        while left_s > 0.0 and self._rows is not None:
            step_s = min(left_s, _STEP_S)
            passed_s += self._pass(clock.motion_s + passed_s, step_s)
            left_s -= step_s
        if self._rows is None:
            self._speed.set(self._target)
        clock.advance(now_ns, passed_s)
        self._joins = tuple(join for join in self._joins if join.end_s > clock.motion_s)
        if self._rows is not None and self._at_rest():
            self._stand(self._followed())
        return self.motion

    # -- what is asked ----------------------------------------------------------------------------

    @property
    def motion(self) -> Motion:
        """What is due at the last advance, its rates in wall time."""
        if self._rows is None:
            return self._followed()
        return self._followed().paced(self._speed.rate, self._speed.slope)

    @property
    def taken(self) -> tuple[int, int]:
        """(epoch, seq) of the newest chunk that was ever taken, zeros for none."""
        return self._admission.taken

    @property
    def now_ns(self) -> int:
        """Time of the last advance [ns]."""
        return self._started().now_ns

    @property
    def motion_s(self) -> float:
        """Motion time [s]."""
        return self._started().motion_s

    @property
    def rate(self) -> float:
        """Motion time per time at present; while standing, what it will begin with."""
        return self._speed.rate

    @property
    def following(self) -> bool:
        """Whether rows of a chunk are being followed, or waited on at a speed of zero."""
        return self._rows is not None and not self._stopping

    @property
    def starving(self) -> str:
        """Why nothing is left to follow, in words; empty while there is, and before any chunk."""
        if self.chunk is None:
            return ""
        if not self._stopping and self._waits():
            return self._unjudged()
        return self._stopping

    @property
    def braked(self) -> str:
        """Why the speed is below its target, in words; empty where it is not braked."""
        if self._stopping or self._rows is None or self._speed.rate >= self._target:
            return ""
        if self._room_s() > self._settings.stop_s / 2 * max(self._speed.rate, 0.05):
            return ""  # a ramp, not a brake
        return self._unjudged() if self._verdict is None else self._cut()

    @property
    def place(self) -> float:
        """Row coordinate in the chunk being followed: i where row i is due; -1 where none is."""
        return -1.0 if self._rows is None else self._rows.place(self.motion_s)

    @property
    def rows_ahead(self) -> int:
        """How many rows of the chunk, from its first one, will be followed if nothing comes."""
        if self._rows is None or self.chunk is None or self._stopping:
            return 0
        rows = min(self._settings.rows or self.chunk.horizon, self.chunk.horizon)
        safe = rows if self._verdict is None else min(rows, self._verdict.safe_rows)
        return safe if self._settings.look_ahead else rows

    @property
    def rows_left(self) -> int:
        """How many rows are not yet due."""
        return max(0, math.floor(self.rows_ahead - 1.0 - self.place + 1e-6))

    @property
    def safe_rows(self) -> int:
        """Rows that the supervisor let through of the chunk being followed; -1: no verdict yet."""
        return -1 if self._verdict is None else self._verdict.safe_rows

    @property
    def joined_until(self) -> float:
        """Row coordinate from which on the chunk's rows are followed as they are."""
        if isinstance(self._source, Ensemble):
            return math.inf
        if self._rows is None or not self._joins:
            return -1.0
        return self._rows.place(max(join.end_s for join in self._joins))

    def ahead(self, place: float) -> Motion:
        """Return what will be done at a row coordinate, rates per second of motion time.

        A place that is over gets what leads in a straight line to where the motion is now.
        """
        assert self._rows is not None
        motion_s = self._rows.start_s + (place + 1.0) * self._rows.dt
        if motion_s >= self.motion_s:
            return self._followed(motion_s)
        now, back_s = self._followed(), self.motion_s - motion_s
        return replace(
            now,
            linear=now.linear - back_s * now.linear_velocity,
            rotation=matrix_from_rotation_vector(-back_s * now.angular_velocity) @ now.rotation,
        )

    # -- how --------------------------------------------------------------------------------------

    def _take(self, rows: ChunkTrajectory) -> None:
        """Let a chunk's rows take over from what is followed."""
        settings, motion_s = self._settings, self.motion_s
        old, carried = self._source.sample(motion_s), self._joins
        ended = bool(self._stopping) or self._rows is None
        if ended:
            # The robot stands or is on its way there: it goes on at full rate from its real speed.
            old, carried = self._resumed(), ()
        elif len(carried) >= _MOST_JOINS:
            old, carried = self._followed(), ()
        if settings.join == "ensemble":
            live = self._source if isinstance(self._source, Ensemble) and not ended else None
            self._source = (live or Ensemble((), settings.blend_s)).joined_by(rows, motion_s)
        else:
            self._source = rows
        self._rows, self._stopping = rows, ""
        if settings.join == "splice" and not ended:
            self._joins = ()
            return
        join = Join.between(
            old,
            self._source.sample(motion_s),
            motion_s,
            settings.blend_s,
            linear=settings.approach_linear,
            angular=settings.approach_angular,
        )
        self._joins = (*carried, join)

    def _resumed(self) -> Motion:
        """Set the rate back to where the stop began; return the real motion at that rate."""
        motion, speed = self.motion, self._speed
        if self._rows is None or self._cruise == 0.0:
            speed.set(self._target)
            return motion.at_rest()
        speed.set(self._cruise)
        rate = 1.0 / self._cruise
        return motion.paced(rate, 0.0)

    def _pass(self, motion_s: float, dt: float) -> float:
        """Let motion time go on for a short while; return what passes [s]."""
        rows, speed = self._rows, self._speed
        assert rows is not None
        if self._stopping:
            return speed.brake(dt)
        before = speed.rate, speed.slope
        passed_s = speed.follow(self._target, self._room_s(motion_s), dt)
        over_s = motion_s + passed_s - rows.end_s
        if over_s <= AT_ROW_S:
            return passed_s
        # The rows ran out within this step: only up to there did they carry the motion.
        part = 1.0 - over_s / passed_s
        speed.rate = before[0] + part * (speed.rate - before[0])
        self._stop("rows ran out")
        return passed_s - over_s + speed.brake((1.0 - part) * dt)

    def _stop(self, why: str) -> None:
        self._stopping, self._cruise = why, self._speed.rate

    def _expire(self, now_ns: int) -> None:
        """Stop following a chunk that is too old, however slowly its rows pass."""
        if self._rows is None or self._stopping or self.chunk is None:
            return
        age_s = (now_ns - self.chunk.stamp_ns) / NANOSECONDS
        if age_s > self.chunk.horizon * self.chunk.dt + self._settings.chunk_max_age_s:
            self._stop(f"chunk {self.chunk.seq} became {age_s:.1f} s old")

    def _room_s(self, motion_s: float | None = None) -> float:
        """Return the motion time left before it must be at rest; infinite where rows run out."""
        rows, settings = self._rows, self._settings
        if rows is None or not settings.look_ahead:
            return math.inf
        if self._verdict is not None:
            end_s = rows.start_s + self._verdict.safe_rows * rows.dt
        else:
            end_s = (self._unjudged_from_s or 0.0) + settings.unjudged_s
        if end_s > rows.end_s - AT_ROW_S:
            return math.inf
        return max(end_s - (self.motion_s if motion_s is None else motion_s), 0.0)

    def _waits(self) -> bool:
        """Whether it stands at the last row that may be followed without a verdict."""
        return self._verdict is None and self._speed.rate == 0.0 and self._room_s() < 1e-6

    def _unjudged(self) -> str:
        assert self.chunk is not None
        return f"chunk {self.chunk.seq} is not judged by the safety supervisor"

    def _cut(self) -> str:
        assert self._verdict is not None and self.chunk is not None
        return (
            f"the safety supervisor let {self._verdict.safe_rows} of {self.chunk.horizon} rows of "
            f"chunk {self.chunk.seq} through ({self._verdict.reason})"
        )

    def _at_rest(self) -> bool:
        """Whether the motion is over; remembers why."""
        if self._speed.rate > 0.0:
            return False
        if not self._stopping and self._verdict is not None and self._room_s() < 1e-6:
            self._stop(self._cut())
        return bool(self._stopping)

    def _stand(self, motion: Motion) -> None:
        self._source, self._rows, self._joins = Standing(motion.at_rest()), None, ()
        self._speed.set(self._target)

    def _followed(self, motion_s: float | None = None) -> Motion:
        """Return trajectory and joins together, rates per second of motion time."""
        motion_s = self.motion_s if motion_s is None else motion_s
        motion = self._source.sample(motion_s)
        for join in reversed(self._joins):
            motion = join.apply(motion, motion_s)
        return motion

    def _started(self) -> MotionClock:
        if self._clock is None:
            raise ValueError("hold() must set a start before the timeline is used")
        return self._clock
