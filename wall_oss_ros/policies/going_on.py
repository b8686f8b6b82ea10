"""When a new chunk goes on from the running one, and with which of its rows committed."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wall_oss_ros.core import action_space
from wall_oss_ros.core.committed import DelayEstimate, Plan, carried_over, committed_rows
from wall_oss_ros.core.observation import Observation
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.model.rtc import Continuation, Guidance
from wall_oss_ros.policies.wall_oss_settings import WallOssSettings

log = logging.getLogger(__name__)

# Before any chunk was measured, and from publishing one until the executor follows it: one hop and
# a period of its loop [s].
_FIRST_GUESS_S = 0.1
_HOP_S = 0.02
# A robot further than this from where its plan has it does not follow that plan: it was stopped, or
# held. What it may lag behind is less: 0.15 s at 0.8 m/s and 3 rad/s.
_FOLLOWED_M = 0.15
_FOLLOWED_RAD = 0.6


class GoingOn:
    """Remembers the running chunk and how long chunks take.

    Args:
        settings: mode, guidance and overlap.
        dt: time between rows [s].
        mask: (26,) bool, commanded dimensions.
    """

    def __init__(self, settings: WallOssSettings, dt: float, mask: NDArray[np.bool_]) -> None:
        self._mode, self._dt, self._mask = settings.continuation, dt, mask
        self._guidance = Guidance(
            max_weight=settings.guidance, overlap_end=settings.overlap or None
        )
        self._sides = [
            side
            for side in action_space.SIDES
            if mask[action_space.part_columns(f"{side}_arm")].all()
        ]
        self._delay = DelayEstimate(initial_s=_FIRST_GUESS_S)
        self._plan: Plan | None = None

    @property
    def guided(self) -> bool:
        """Whether chunks are pulled towards the running one."""
        return self._mode == "guided"

    def forget(self) -> None:
        """There is no running chunk."""
        self._plan = None

    def took(self, seconds: float) -> None:
        """Learn how old a chunk was when it was published [s]."""
        self._delay.add(seconds)

    def follow(self, actions: Array, observation: Observation) -> None:
        """Take a chunk (H, 26), relative to the observation's state, for the running one.

        One whose rotations are none is not taken; whoever publishes it will refuse it, too.
        """
        self._plan = None
        if self._mode == "off":
            return
        stamp_ns, state = observation.stamp_ns, observation.state
        try:
            self._plan = Plan.of(actions, state, stamp_ns, self._dt, self._mask)
        except ValueError as error:
            log.warning("the chunk is no plan to go on from: %s", error)

    def rows(self, observation: Observation, horizon: int) -> Array | None:
        """Return the running chunk from the new state, (V, 26); None if there is nothing of it."""
        if self._plan is None:
            return None
        stamp_ns, state = observation.stamp_ns, observation.state
        far_m, wide_rad = self._plan.distance(stamp_ns, state, self._sides)
        if far_m > _FOLLOWED_M or wide_rad > _FOLLOWED_RAD:
            log.info(
                "a tool is %.2f m and %.2f rad from the running chunk; the next one begins anew",
                far_m, wide_rad,
            )  # fmt: skip
            self._plan = None
            return None
        rows = carried_over(self._plan, stamp_ns, state, horizon)
        return rows if len(rows) else None

    def continuation(self, rows: Tensor) -> Continuation:
        """Return what the model is told of rows (1, V, 26), normalised."""
        latency_s = self._delay.seconds + _HOP_S
        delay = committed_rows(latency_s, self._dt, rows.shape[1])
        return Continuation(rows, delay, self._guidance if self.guided else None)
