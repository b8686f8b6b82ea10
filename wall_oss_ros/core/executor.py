"""The chunk executor's decisions: from chunks and measured joints to one command per tick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import NANOSECONDS, ActionChunk
from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.kinematics import InverseKinematics
from wall_oss_ros.core.motion import HEAD, LIFT, TOOL, Motion, at_rest
from wall_oss_ros.core.observation import JointSample, state_vector
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.settings import setting
from wall_oss_ros.core.timeline import ChunkOutcome, Timeline, TimelineSettings


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


class ChunkExecutor:
    """Samples the timeline, solves for joints, and says why when it does not move.

    Not thread-safe: the node's lock guards it.
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
        self._starved_since_ns: int | None = None
        self._disabled_reason = "" if enabled else "not enabled"
        self._gripped: set[str] = set()
        self.status = ExecutorStatus.DISABLED
        self.reason = "starting"
        self.accepted = 0
        self.rejected = 0
        self.last_rejection = ""

    @property
    def chunk(self) -> ActionChunk | None:
        """The chunk being followed."""
        return self._timeline.chunk

    def rows_left(self, now_ns: int) -> int:
        """Return how many rows of it are not yet due."""
        return self._timeline.rows_left(now_ns)

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

    def offer(self, chunk: ActionChunk, now_ns: int) -> ChunkOutcome | None:
        """Offer a chunk; None while motion is not possible (then it is simply not used)."""
        if not self._moving:
            return None
        outcome = self._timeline.offer(chunk, now_ns)
        if outcome is ChunkOutcome.ACCEPTED:
            self.accepted += 1
            self._starved_since_ns = None
            self._gripped |= {
                side for side in action_space.SIDES if chunk.commands(f"{side}_gripper")
            }
        else:
            self.rejected += 1
            self.last_rejection = f"chunk {chunk.seq}: {outcome.value}"
        return outcome

    def tick(self, now_ns: int, dt: float) -> RobotCommand:
        """Return the command that is due now; with no parts while motion is not possible."""
        blocker = self._blocker(now_ns)
        if blocker is not None:
            self._moving = False
            return self._idle(now_ns, *blocker)
        if not self._moving:
            self._start(now_ns)
        self._decide_status(now_ns)
        return self._move(now_ns, dt)

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
        self._moving = True

    def _decide_status(self, now_ns: int) -> None:
        if self._timeline.chunk is None:
            self.status, self.reason = ExecutorStatus.WAITING, "no chunk yet; holding"
        elif not self._timeline.starving(now_ns):
            self.status, self.reason = ExecutorStatus.RUNNING, "following a chunk"
            self._starved_since_ns = None
        else:
            if self._starved_since_ns is None:
                self._starved_since_ns = now_ns
            for_s = (now_ns - self._starved_since_ns) / NANOSECONDS
            self.status = ExecutorStatus.STARVED
            self.reason = f"rows ran out {for_s:.1f} s ago; arms hold, base stopped"
            if for_s > self._settings.starvation_limit_s:
                # Nothing resumes by itself after a fault: a person looks first.
                self._enabled = False
                self._disabled_reason = (
                    f"no chunk for {self._settings.starvation_limit_s:.1f} s; see policy/state, "
                    "then enable the executor again"
                )

    def _move(self, now_ns: int, dt: float) -> RobotCommand:
        motion = self._timeline.sample(now_ns)
        targets = {
            side: Pose(motion.linear[TOOL[side]], motion.rotation[index])
            for index, side in enumerate(action_space.SIDES)
        }
        step = self._kinematics.step(targets, self._direct(motion), dt)
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
        )

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
