"""Which chunks are followed: every chunk that is offered has one outcome."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum

import numpy as np

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import NANOSECONDS, ActionChunk
from wall_oss_ros.core.motion import LINEAR_COLUMNS, LINEAR_PART
from wall_oss_ros.core.rotation import matrix_from_rot6d
from wall_oss_ros.core.timeline_settings import TimelineSettings

# Verdicts that are kept for chunks that have not arrived.
_MOST_VERDICTS = 16
# Motion times are sums of many steps; this near to a row is at the row [s].
AT_ROW_S = 1e-9
# No robot's arm, lift or head is there [m] or [rad]; sums with much larger numbers lose the digits
# that a smooth motion needs.
_FARTHEST = 100.0


class ChunkOutcome(Enum):
    """What happened to an offered chunk."""

    ACCEPTED = "accepted"
    SCHEMA = "made for another robot contract"
    MALFORMED = "its rows are no poses"
    OLD_EPOCH = "from before a reset or another instruction"
    DUPLICATE = "it is the chunk being followed"
    OUT_OF_ORDER = "not newer than the chunk being followed"
    BEFORE_STOP = "observed before motion was stopped or enabled"
    FUTURE = "stamped in the future"
    STALE = "observed too long ago"
    ELAPSED = "every row was due before it arrived"
    UNSAFE = "the safety supervisor let none of its remaining rows through"


@dataclass(frozen=True, slots=True)
class SafePrefix:
    """The supervisor's word on a chunk.

    Attributes:
        safe_rows: rows from the start that may be followed.
        reason: why not more, in words.
    """

    safe_rows: int
    reason: str


class Admission:
    """Judges chunks before they are followed.

    Attributes:
        taken: (epoch, seq) of the newest chunk that was ever taken, zeros for none.
    """

    def __init__(self, schema: str, settings: TimelineSettings) -> None:
        """Begin with no chunk taken.

        Args:
            schema: the contract's schema hash; chunks with another one are refused.
            settings: limits.
        """
        self._schema = schema
        self._settings = settings
        self._prefixes: OrderedDict[tuple[int, int], SafePrefix] = OrderedDict()
        self._not_before_ns = 0
        self.taken: tuple[int, int] = (0, 0)

    def only_from(self, now_ns: int) -> None:
        """Refuse what was observed before now: the robot was stopped or moved meanwhile."""
        self._not_before_ns = now_ns

    def judge(self, seq: int, epoch: int, prefix: SafePrefix) -> None:
        """Keep the supervisor's word on a chunk, whether it has arrived or not."""
        self._prefixes[epoch, seq] = prefix
        while len(self._prefixes) > _MOST_VERDICTS:
            self._prefixes.popitem(last=False)

    def prefix_of(self, chunk: ActionChunk) -> SafePrefix | None:
        """Return the supervisor's word on a chunk, None before it came."""
        return self._prefixes.get((chunk.epoch, chunk.seq))

    def offer(self, chunk: ActionChunk, now_ns: int, rows: int, passed_s: float) -> ChunkOutcome:
        """Return what becomes of a chunk; remember it where it is taken.

        Args:
            chunk: it.
            now_ns: the present time [ns].
            rows: how many of its rows would be used.
            passed_s: motion time since its capture: rows due in it are over [s].
        """
        outcome = self._outcome(chunk, now_ns, rows, passed_s + AT_ROW_S)
        if outcome is ChunkOutcome.ACCEPTED:
            self.taken = (chunk.epoch, chunk.seq)
        return outcome

    def _outcome(self, chunk: ActionChunk, now_ns: int, rows: int, passed_s: float) -> ChunkOutcome:
        age_s = (now_ns - chunk.stamp_ns) / NANOSECONDS
        offered, prefix = (chunk.epoch, chunk.seq), self.prefix_of(chunk)
        if chunk.schema != self._schema:
            return ChunkOutcome.SCHEMA
        if not _poses(chunk):
            return ChunkOutcome.MALFORMED
        if chunk.epoch < self.taken[0]:
            return ChunkOutcome.OLD_EPOCH
        if offered == self.taken:
            return ChunkOutcome.DUPLICATE
        if offered < self.taken:
            return ChunkOutcome.OUT_OF_ORDER
        if chunk.stamp_ns < self._not_before_ns:
            return ChunkOutcome.BEFORE_STOP
        if age_s < -self._settings.future_tolerance_s:
            return ChunkOutcome.FUTURE
        if age_s > self._settings.chunk_max_age_s:
            return ChunkOutcome.STALE
        if rows * chunk.dt <= passed_s:
            return ChunkOutcome.ELAPSED
        if self._settings.look_ahead and prefix and prefix.safe_rows * chunk.dt <= passed_s:
            return ChunkOutcome.UNSAFE
        return ChunkOutcome.ACCEPTED


def _poses(chunk: ActionChunk) -> bool:
    """Return whether all commanded rows are places and orientations."""
    idle = [not chunk.commands(part) for part in LINEAR_PART]
    linear = np.where(idle, 0.0, chunk.actions[:, LINEAR_COLUMNS])
    if not np.all(np.isfinite(chunk.actions[:, chunk.mask])) or np.abs(linear).max() >= _FARTHEST:
        return False
    try:
        for side in action_space.SIDES:
            if chunk.commands(f"{side}_arm"):
                matrix_from_rot6d(chunk.actions[:, action_space.ROTATION[side]])
    except ValueError:
        return False
    return True
