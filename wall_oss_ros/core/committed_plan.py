"""What the chunk executor is committed to, as it tells the policy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import NANOSECONDS
from wall_oss_ros.core.pose import frozen_array
from wall_oss_ros.core.rotation import Array


@dataclass(frozen=True, slots=True, eq=False)
class CommittedPlan:
    """Rows that will be followed if nothing new comes: what is really done, joins included.

    Row i is reached when `place_at` is i. At full speed that is ``(i + 1) * dt`` after the capture
    time of the chunk; the speed scale stretches it.

    Attributes:
        stamp_ns: when this was true [ns].
        following: whether a chunk is being followed; false while holding, starving or stopped.
        seq: newest chunk that was taken, 0 for none.
        epoch: its epoch.
        dt: time between rows at full speed [s].
        place: row coordinate at `stamp_ns`; -1 is the capture time of the chunk.
        speed_scale: rows per dt that pass at present, 0 to 1.
        actions: (V, 26) absolute, see `action_space`; V may be 0.
        consumed: rows of motion that passed between the capture of the newest chunk and its taking
            over; what was really skipped of it.
        latency_s: time between the capture of the newest chunk and its taking over [s].
        refused_seq: newest chunk that was refused, 0 for none.
    """

    stamp_ns: int
    following: bool
    seq: int
    epoch: int
    dt: float
    place: float
    speed_scale: float
    actions: Array
    consumed: float = 0.0
    latency_s: float = 0.0
    refused_seq: int = 0

    def __post_init__(self) -> None:
        actions = frozen_array(self.actions)
        if actions.ndim != 2 or actions.shape[1] != action_space.ACTION_DIM:
            raise ValueError(f"plan of shape {actions.shape}, expected (rows, 26)")
        if not np.all(np.isfinite(actions)):
            raise ValueError("plan with numbers that are not finite")
        object.__setattr__(self, "actions", actions)

    def place_at(self, now_ns: int) -> float:
        """Return the row coordinate at another time, at the present speed."""
        elapsed_s = (now_ns - self.stamp_ns) / NANOSECONDS
        return self.place + elapsed_s * self.speed_scale / self.dt
