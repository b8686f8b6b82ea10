"""What the policy node decides: when to infer, which chunks are still wanted, and why none come."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from wall_oss_ros.core.chunk import ActionChunk, StageTimes, chunk_from_output
from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import PolicyError, WallOssError
from wall_oss_ros.core.latency import LatencyStages
from wall_oss_ros.core.observation import Observation
from wall_oss_ros.core.policy import PlanAware, Policy
from wall_oss_ros.core.rates import RateMeter
from wall_oss_ros.core.settings import Settings, setting

MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000


class PolicyStatus(Enum):
    """What the policy is doing; values are those of PolicyState.msg."""

    LOADING = 0
    IDLE = 1
    WAITING = 2
    RUNNING = 3
    FAULT = 4


@dataclass(frozen=True, slots=True)
class PolicySettings(Settings):
    """How often and on what the policy is asked."""

    max_rate: float = setting(
        20.0, "largest rate of new chunks [Hz]; inference may be slower", low=0.1, high=200.0
    )
    observation_max_age_s: float = setting(
        0.5, "oldest observation it still infers from [s]", low=0.01, high=10.0
    )
    failure_limit: int = setting(
        10, "failed inferences in a row after which it must be enabled again", low=1, high=1000
    )


class PolicySession:
    """One policy, one instruction at a time.

    `infer` runs on the inference thread; everything else on the node's threads. The lock guards the
    few values both use and is never held during inference, so a stop is never late.
    """

    def __init__(
        self,
        contract: RobotContract,
        policy: Policy,
        settings: PolicySettings,
        *,
        first_epoch: int,
        enabled: bool,
        loaded: bool = False,
    ) -> None:
        """Create a session that is still loading, unless the back end was loaded before.

        Args:
            contract: the robot.
            policy: back end.
            settings: limits.
            first_epoch: larger than any epoch of an earlier process, e.g. seconds of the clock, so
                that a restarted policy is not taken for an old one.
            enabled: whether it may think from the start.
            loaded: whether the back end is loaded; then `load` need not be called.
        """
        self._contract = contract
        self._policy = policy
        self._settings = settings
        self._lock = threading.Lock()
        self._enabled = enabled
        self._loaded = loaded
        self._fault = ""
        self._failures_in_row = 0
        self._last_error = ""
        self._seq = 0
        self._last_observation_ns: int | None = None
        self._reset_pending = True
        self._plan: CommittedPlan | None = None
        self._motion_enabled = False
        self.epoch = first_epoch
        self.instruction = ""
        self.chunks = 0
        self.failures = 0
        self.rate = RateMeter()
        self.latency = LatencyStages("camera_to_inference", "inference", "camera_to_chunk")

    def load(self) -> None:
        """Prepare the policy (slow).

        Raises:
            PolicyError: from the back end; `status` tells it, too, as any other error.
        """
        try:
            self._policy.load()
        except WallOssError as error:
            self.break_down(str(error))
            raise
        except Exception as error:  # a bug or the device; who watches policy/state must know, too
            self.break_down(f"loading ended with {type(error).__name__}: {error}")
            raise
        self._loaded = True

    def instruct(self, instruction: str) -> bool:
        """Follow another instruction; return whether it is a new one."""
        instruction = " ".join(instruction.split())
        with self._lock:
            if instruction == self.instruction:
                return False
            self.instruction = instruction
            self._renew()
        return True

    def enable(self, enabled: bool) -> None:
        """Let it think, or not."""
        with self._lock:
            self._enabled = enabled
            self._fault = ""
            self._failures_in_row = 0
            self._renew()

    def reset(self) -> None:
        """Forget what was planned; chunks in flight die."""
        with self._lock:
            self._renew()

    def committed(self, plan: CommittedPlan | None) -> None:
        """Take what the executor says it is committed to; None: nothing that can be relied on."""
        with self._lock:
            self._plan = plan

    def allow_motion(self, allowed: bool) -> None:
        """Take the supervisor's word; when it revokes motion, chunks in flight die."""
        with self._lock:
            if self._motion_enabled and not allowed:
                self._renew()
            self._motion_enabled = allowed

    def deliver(self, chunk: ActionChunk, send: Callable[[], None]) -> bool:
        """Send a chunk, unless what it was made for ended while it was on its way here.

        Once `reset`, `enable`, `instruct` or a revoked motion has returned, nothing of before is
        sent any more.

        Args:
            chunk: from `infer`.
            send: publishes it; short, the lock is held.
        """
        with self._lock:
            if chunk.epoch != self.epoch or not self._enabled:
                return False
            send()
            return True

    def infer(
        self,
        observation: Observation,
        clock: Callable[[], int],
        stopwatch: Callable[[], int] | None = None,
    ) -> ActionChunk | None:
        """Return a chunk for an observation, or None where none is wanted or possible.

        Args:
            observation: what is seen.
            clock: current time [ns], the clock of the observation's stamp.
            stopwatch: what thinking takes is measured with [ns]; None: the clock. Where that is
                simulated, the machine has another.
        """
        arrived_ns = clock()
        age_s = (arrived_ns - observation.stamp_ns) / SECOND_NS
        limit_s = self._settings.observation_max_age_s
        with self._lock:
            self._last_observation_ns = observation.stamp_ns
            instruction, epoch, reset = self.instruction, self.epoch, self._reset_pending
            plan = self._plan
            wanted = self._enabled and self._loaded and bool(instruction) and not self._fault
            if wanted and age_s > limit_s:
                self._last_error = f"observations arrive {age_s:.2f} s old, limit {limit_s:.2f} s"
                wanted = False
            if wanted:
                self._reset_pending = False
        if not wanted:
            return None
        try:
            if reset:
                self._policy.reset()
            if isinstance(self._policy, PlanAware):
                self._policy.committed(plan)
            begun_ns = arrived_ns if stopwatch is None else stopwatch()
            output = self._policy.infer(observation, instruction)
            done_ns = clock()
            thought_ns = (done_ns if stopwatch is None else stopwatch()) - begun_ns
            self._seq += 1
            chunk = chunk_from_output(
                output,
                observation,
                self._contract,
                seq=self._seq,
                epoch=epoch,
                instruction=instruction,
                policy=self._policy.name,
                stages=StageTimes(
                    sync_ms=(arrived_ns - observation.stamp_ns) / MILLISECOND_NS,
                    preprocess_ms=output.stages.preprocess_ms,
                    prefix_ms=output.stages.prefix_ms,
                    denoise_ms=output.stages.denoise_ms or thought_ns / MILLISECOND_NS,
                    total_ms=(done_ns - observation.stamp_ns) / MILLISECOND_NS,
                ),
            )
        except PolicyError as error:
            self._failed(str(error))
            return None
        with self._lock:
            if epoch != self.epoch or not self._enabled:
                return None  # reset, disabled or instructed anew while it was thinking
            self._failures_in_row, self._last_error = 0, ""
            self.chunks += 1
            self.rate.tick(done_ns)
        self.latency.add("camera_to_inference", observation.stamp_ns, arrived_ns)
        self.latency.add("inference", begun_ns, begun_ns + thought_ns)
        self.latency.add("camera_to_chunk", observation.stamp_ns, done_ns)
        if isinstance(self._policy, PlanAware):
            self._policy.published(chunk)
        return chunk

    def break_down(self, reason: str) -> None:
        """Go to FAULT: the inference thread met an error that is not the policy's own."""
        with self._lock:
            self._fault = reason

    def status(self, now_ns: int) -> tuple[PolicyStatus, str]:
        """Return what it is doing and why, in words."""
        with self._lock:
            if self._fault:
                return PolicyStatus.FAULT, f"error: {self._fault}"
            if not self._loaded:
                return PolicyStatus.LOADING, f"loading policy '{self._policy.name}'"
            if not self._enabled:
                return PolicyStatus.IDLE, "disabled; call ~/enable"
            if not self.instruction:
                return PolicyStatus.IDLE, "ready; publish an instruction on 'instruction'"
            seen_ns = self._last_observation_ns
            if seen_ns is None:
                return PolicyStatus.WAITING, "no observation yet; see camera_sync on /diagnostics"
            age_s = (now_ns - seen_ns) / SECOND_NS
            if age_s > 2 * self._settings.observation_max_age_s:
                return (
                    PolicyStatus.WAITING,
                    f"no observation for {age_s:.1f} s; see camera_sync on /diagnostics",
                )
            if self._last_error:
                return PolicyStatus.WAITING, self._last_error
            return PolicyStatus.RUNNING, "publishing chunks"

    def _renew(self) -> None:
        self.epoch += 1
        self._reset_pending = True

    def _failed(self, reason: str) -> None:
        with self._lock:
            self.failures += 1
            self._failures_in_row += 1
            self._last_error = reason
            if self._failures_in_row >= self._settings.failure_limit:
                self._fault = f"{self._failures_in_row} failures in a row, the last: {reason}"
