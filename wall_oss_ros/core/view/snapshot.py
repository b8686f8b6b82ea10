"""The running graph at one moment, as its nodes tell it: frozen, and with the age of every word."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from wall_oss_ros.core.executor import ExecutorStatus
from wall_oss_ros.core.policy_session import PolicyStatus
from wall_oss_ros.core.safety import Mode

# A node that says nothing for so long is not believed any more [s]; states come at 2 Hz at least.
SILENT_S = 3.0


class RecorderStatus(IntEnum):
    """Values of EpisodeState.msg."""

    IDLE = 0
    RECORDING = 1
    FINISHING = 2
    FAULT = 3


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the chain from camera to controller: p50 and p99 [ms]."""

    name: str
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class SafetyNow:
    """What the supervisor says.

    Attributes:
        mode, enabled, shadow: of its state.
        causes: why motion is not enabled, in its words.
        reset_needs: what a reset waits for; empty: it would succeed.
        enable_needs: likewise for enabling motion.
        gaps: what is near, and how far it is [m].
        rate_hz: of its loop.
        stages: latencies.
        age_s: since this was said.
    """

    mode: Mode
    enabled: bool
    shadow: bool
    causes: tuple[str, ...]
    reset_needs: tuple[str, ...]
    enable_needs: tuple[str, ...]
    gaps: tuple[tuple[str, float], ...]
    rate_hz: float
    stages: tuple[Stage, ...]
    age_s: float


@dataclass(frozen=True, slots=True)
class ExecutorNow:
    """What the executor says; fields as in ExecutorState.msg."""

    status: ExecutorStatus
    reason: str
    chunk: int
    rows_left: int
    accepted: int
    rejected: int
    last_rejection: str
    speed: float
    speed_wanted: float
    slowed_by: str
    rate_hz: float
    stages: tuple[Stage, ...]
    age_s: float


@dataclass(frozen=True, slots=True)
class PolicyNow:
    """What the policy says; fields as in PolicyState.msg."""

    status: PolicyStatus
    reason: str
    back_end: str
    instruction: str
    chunks: int
    failures: int
    rate_hz: float
    stages: tuple[Stage, ...]
    age_s: float


@dataclass(frozen=True, slots=True)
class RecorderNow:
    """What the recorder says; fields as in EpisodeState.msg."""

    status: RecorderStatus
    reason: str
    episode: str
    seconds: float
    megabytes: float
    warnings: tuple[str, ...]
    age_s: float


@dataclass(frozen=True, slots=True)
class NodeNow:
    """What a node says of itself in /diagnostics.

    Attributes:
        name: without namespace.
        level: 0 fine, 1 look at it, 2 wrong, 3 stale.
        sentence: its words.
        age_s: since then.
        beat_age_s: since its last heartbeat; None if it never beat.
    """

    name: str
    level: int
    sentence: str
    age_s: float
    beat_age_s: float | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that was heard, None where nothing was."""

    safety: SafetyNow | None = None
    executor: ExecutorNow | None = None
    policy: PolicyNow | None = None
    recorder: RecorderNow | None = None
    nodes: tuple[NodeNow, ...] = ()
    instruction: str = ""

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Every latency that is known, in the order of the chain."""
        parts = (self.policy, self.executor, self.safety)
        return tuple(stage for part in parts if part is not None for stage in part.stages)
