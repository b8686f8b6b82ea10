"""The chunk executor's decisions: from chunks and measured joints to one command per tick."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

from wall_oss_ros.core import action_space
from wall_oss_ros.core.admission import ChunkOutcome
from wall_oss_ros.core.chunk import NANOSECONDS, ActionChunk
from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.kinematics import InverseKinematics, JointStep
from wall_oss_ros.core.motion import HEAD, LIFT, TOOL, Motion, at_rest
from wall_oss_ros.core.observation import JointSample, state_vector
from wall_oss_ros.core.plan_report import committed_plan
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.settings import setting
from wall_oss_ros.core.timeline import Timeline
from wall_oss_ros.core.timeline_settings import TimelineSettings

# However far the joints lag, motion goes on this fast: at a standstill they would never catch up.
_SLOWEST = 0.1
# A tick may come this many periods after the last one; later is a gap.
_GAP_PERIODS = 3.0


class ExecutorStatus(Enum):
    """What the executor is doing; values are those of ExecutorState.msg."""

    DISABLED = 0
    WAITING = 1
    RUNNING = 2
    STARVED = 3
    FAULT = 4


@dataclass(frozen=True, slots=True)
class ExecutorSettings(TimelineSettings):
    """Limits of the executor, and its timeline's."""

    state_max_age_s: float = setting(
        0.3,
        "oldest measured joints it still moves on [s]; more than the supervisor's limit, so "
        "that a loss is the supervisor's to judge",
        low=0.01,
        high=5.0,
    )
    starvation_limit_s: float = setting(
        3.0, "without a chunk for this long it must be enabled again [s]", low=0.1, high=600.0
    )
    lag_position: float = setting(
        0.01,
        "how far a tool may be from where the plan has it before the motion slows down for it [m]",
        low=0.001,
        high=0.5,
    )
    lag_rotation: float = setting(0.1, "the same for its orientation [rad]", low=0.01, high=3.0)
    gap_limit_s: float = setting(
        0.1,
        "longest pause between two ticks, and largest jump of the clock, over which motion goes "
        "on; after more it starts again from the measured pose [s]",
        low=0.01,
        high=1.0,
    )


class ChunkExecutor:
    """Samples the timeline, solves for joints, and says why when it does not move.

    Not thread-safe: the node's lock guards it.

    Attributes:
        status: what it is doing.
        reason: why, in words.
        accepted: chunks taken.
        rejected: chunks refused.
        last_rejection: the last refused one and why.
        speed_wanted: speed asked for, 0 to 1.
        slowed_by: why motion is slower than that, in words; empty where it is not.
    """

    def __init__(
        self,
        contract: RobotContract,
        kinematics: InverseKinematics,
        settings: ExecutorSettings,
        *,
        enabled: bool = True,
    ) -> None:
        self._contract = contract
        self._kinematics = kinematics
        self._settings = settings
        self._timeline = Timeline(contract.schema_hash, settings)
        self._measured: JointSample | None = None
        self._enabled = enabled
        self._allowed = False
        self._blocked_reason = "no word from it yet"
        self._moving = False
        self._last: RobotCommand | None = None
        self._starved_since_ns: int | None = None
        self._disabled_reason = "" if enabled else "not enabled"
        self._gap = ""
        self._gripped: set[str] = set()
        self._reachable = 1.0  # speed at which the joints can follow
        self._lag = ""
        self._refused_seq = 0
        self.status = ExecutorStatus.DISABLED
        self.reason = "starting"
        self.accepted = 0
        self.rejected = 0
        self.last_rejection = ""
        self.speed_wanted = 1.0
        self.slowed_by = ""

    @property
    def chunk(self) -> ActionChunk | None:
        """The chunk being followed."""
        return self._timeline.chunk

    @property
    def rows_left(self) -> int:
        """How many rows of it are not yet due."""
        return self._timeline.rows_left

    @property
    def safe_rows(self) -> int:
        """Rows of it that the supervisor's look-ahead let through; -1: no verdict yet."""
        return self._timeline.safe_rows

    @property
    def speed_scale(self) -> float:
        """How fast motion time passes, 0 to 1; while holding, how fast it will begin."""
        return self._timeline.rate if self._moving else self.speed_wanted

    @property
    def following(self) -> bool:
        """Whether rows of a chunk are being followed."""
        return self._moving and self._timeline.following

    def committed(self, now_ns: int) -> CommittedPlan:
        """Return what will be done if nothing new comes."""
        return committed_plan(
            self._timeline,
            now_ns,
            moving=self._moving,
            dt=self._contract.action.dt,
            refused_seq=self._refused_seq,
        )

    def measure(self, sample: JointSample) -> None:
        """Take measured joints."""
        self._measured = sample

    def enable(self, enabled: bool) -> None:
        """Let it follow chunks, or not."""
        self._enabled = enabled
        self._disabled_reason = "" if enabled else "disabled by a person"
        if not enabled:
            self._moving = False

    def allow_motion(self, allowed: bool, reason: str) -> None:
        """Take the supervisor's word on whether motion is possible."""
        self._allowed = allowed
        self._blocked_reason = reason
        if not allowed:
            self._moving = False

    def set_speed(self, scale: float) -> None:
        """Ramp motion to a part of the speed the policy meant; the path stays the same.

        Args:
            scale: 0 (hold still where it is) to 1.

        Raises:
            MessageError: for any other number; the speed stays as it was.
        """
        if not 0.0 <= scale <= 1.0:
            raise MessageError(
                f"speed scale {scale} refused: expected 0 (hold still) to 1 (as the policy meant "
                f"it); it stays at {self.speed_wanted}"
            )
        self.speed_wanted = scale

    def judge(self, seq: int, epoch: int, safe_rows: int, reason: str) -> None:
        """Take the supervisor's word on a chunk: how many of its rows may be followed, and why."""
        self._timeline.judge(seq, epoch, safe_rows, reason)

    def offer(self, chunk: ActionChunk, now_ns: int) -> ChunkOutcome | None:
        """Offer a chunk; None while motion is not possible (then it is simply not used)."""
        if not self._moving:
            return None
        outcome = self._timeline.offer(chunk, now_ns)
        if outcome is ChunkOutcome.ACCEPTED:
            self.accepted += 1
            self._starved_since_ns, self._gap = None, ""
            self._gripped |= {
                side for side in action_space.SIDES if chunk.commands(f"{side}_gripper")
            }
        else:
            self.refuse(chunk.seq, outcome.value)
        return outcome

    def refuse(self, seq: int, reason: str) -> None:
        """Count a chunk that is not followed, be it that its message could not even be read."""
        self.rejected += 1
        self._refused_seq = seq
        self.last_rejection = f"chunk {seq}: {reason}"

    def tick(self, now_ns: int, dt: float) -> RobotCommand:
        """Return the command that is due now; with no parts while motion is not possible.

        Args:
            now_ns: when it is due [ns]. Ticks that were missed show as a longer time since the
                last one; the motion made up for is bounded by `gap_limit_s`.
            dt: period of the ticks [s].
        """
        blocker = self._blocker(now_ns)
        if blocker is not None:
            self._moving = False
            return self._idle(now_ns, *blocker)
        if self._moving and self._last is not None:
            since_s = (now_ns - self._last.stamp_ns) / NANOSECONDS
            if since_s == 0.0:
                return self._last  # a clock that stands still: nothing new is due
            if not 0.0 < since_s <= max(self._settings.gap_limit_s, _GAP_PERIODS * dt):
                self._gap = f" (started again: the clock went on by {since_s:.2f} s in one tick)"
                self._moving = False
            else:
                dt = since_s
        if not self._moving:
            self._start(now_ns)
        self._timeline.set_target(min(self.speed_wanted, self._reachable))
        motion = self._timeline.advance(now_ns)
        self._decide_status(now_ns)
        self._last = self._command(motion, now_ns, dt)
        return self._last

    def _blocker(self, now_ns: int) -> tuple[ExecutorStatus, str] | None:
        measured = self._measured
        if measured is None:
            return ExecutorStatus.FAULT, "no joint states yet"
        age_s = (now_ns - measured.stamp_ns) / NANOSECONDS
        if age_s > self._settings.state_max_age_s:
            return ExecutorStatus.FAULT, f"joint states are {age_s:.2f} s old"
        if not self._enabled:
            return ExecutorStatus.DISABLED, self._disabled_reason
        if not self._allowed:
            return ExecutorStatus.DISABLED, f"the safety supervisor says: {self._blocked_reason}"
        return None

    def _start(self, now_ns: int) -> None:
        """Begin at the measured pose: the first motion never jumps."""
        positions = self._measured.position_of()  # type: ignore[union-attr]
        self._kinematics.seed(positions)
        tools = self._kinematics.tool_poses(positions)
        state = state_vector(self._contract, positions, tools, np.zeros(3))
        self._timeline.hold(at_rest(state), now_ns)
        self._starved_since_ns = None
        self._gripped = set()
        self._reachable, self._lag = 1.0, ""
        self._moving = True

    def _decide_status(self, now_ns: int) -> None:
        starving = self._timeline.starving
        self.slowed_by = ""
        if self._timeline.chunk is None:
            self.status, self.reason = ExecutorStatus.WAITING, f"no chunk yet; holding{self._gap}"
        elif not starving:
            self._starved_since_ns = None
            self.status, self.reason = ExecutorStatus.RUNNING, self._running()
        else:
            if self._starved_since_ns is None:
                self._starved_since_ns = now_ns
            for_s = (now_ns - self._starved_since_ns) / NANOSECONDS
            self.status = ExecutorStatus.STARVED
            self.slowed_by = starving
            self.reason = f"{starving} {for_s:.1f} s ago; arms hold, base stopped"
            if for_s > self._settings.starvation_limit_s:
                # Nothing resumes by itself after a fault: a person looks first.
                self._enabled = False
                self._disabled_reason = (
                    f"no chunk for {self._settings.starvation_limit_s:.1f} s; see policy/state, "
                    "then enable the executor again"
                )

    def _running(self) -> str:
        rate = self._timeline.rate
        self.slowed_by = self._timeline.braked or self._lag
        if self.slowed_by:
            return f"slowed to {100.0 * rate:.0f} %: {self.slowed_by}"
        if self.speed_wanted == 0.0:
            return "paused: the speed is set to 0 %"
        if self.speed_wanted < 1.0:
            return f"following a chunk at {100.0 * rate:.0f} %, as it was told"
        return "following a chunk"

    def _command(self, motion: Motion, now_ns: int, dt: float) -> RobotCommand:
        targets = {
            side: Pose(motion.linear[TOOL[side]], motion.rotation[index])
            for index, side in enumerate(action_space.SIDES)
        }
        step = self._kinematics.step(targets, self._direct(motion), dt)
        self._wait_for_joints(step)
        chunk = self._timeline.chunk
        positions, velocities = dict(step.positions), dict(step.velocities)
        openings = self._openings(motion)
        for side, opening in openings.items():
            gripper = self._contract.grippers[side]
            positions[gripper.joint] = gripper.joint_from_opening(opening)
            velocities[gripper.joint] = 0.0
        return RobotCommand(
            stamp_ns=now_ns,
            source_seq=chunk.seq if chunk else 0,
            source_epoch=chunk.epoch if chunk else 0,
            parts=self._parts(),
            positions=positions,
            velocities=velocities,
            tools=step.tools,
            grippers=openings,
            base_twist=motion.base_twist,
            source_stamp_ns=chunk.stamp_ns if chunk else 0,
        )

    def _wait_for_joints(self, step: JointStep) -> None:
        """Slow motion time where the joints cannot follow, so that the path stays the path."""
        excess = max(
            step.position_error / self._settings.lag_position,
            step.rotation_error / self._settings.lag_rotation,
        )
        self._reachable, self._lag = 1.0, ""
        if excess > 1.0:
            self._reachable = max(_SLOWEST, 1.0 / excess)
            self._lag = (
                f"a tool is {1000 * step.position_error:.0f} mm, "
                f"{math.degrees(step.rotation_error):.0f} degrees from where the plan has it"
            )
            if step.limited_by:
                self._lag += f": {step.limited_by}"

    def _direct(self, motion: Motion) -> Mapping[str, float]:
        direct: dict[str, float] = {}
        if self._contract.lift is not None:
            direct[next(iter(self._contract.lift.joints))] = float(motion.linear[LIFT])
        if self._contract.head is not None:
            direct.update(
                zip(self._contract.head.joints, motion.linear[HEAD].tolist(), strict=True)
            )
        return direct

    def _openings(self, motion: Motion) -> dict[str, float]:
        """Opening by side, for grippers that a chunk has commanded since the start."""
        return {
            side: min(
                max(self._contract.grippers[side].opening_from_model(motion.grippers[index]), 0.0),
                1.0,
            )
            for index, side in enumerate(action_space.SIDES)
            if side in self._gripped
        }

    def _parts(self) -> frozenset[str]:
        idle = {f"{side}_gripper" for side in action_space.SIDES if side not in self._gripped}
        return self._contract.commanded_parts - idle

    def _idle(self, now_ns: int, status: ExecutorStatus, reason: str) -> RobotCommand:
        self.status, self.reason = status, reason
        return RobotCommand(now_ns, 0, 0, frozenset(), {}, {}, {}, {}, np.zeros(3))
