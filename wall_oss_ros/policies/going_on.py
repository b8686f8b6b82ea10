"""How a new chunk goes on from the running motion: rows it is shown, and which are committed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wall_oss_ros.core.chunk import ActionChunk
from wall_oss_ros.core.committed import carried_over, leaving
from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.observation import Observation
from wall_oss_ros.core.plan_in_force import PlanInForce
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.model.rtc import Continuation, Guidance
from wall_oss_ros.policies.wall_oss_settings import WallOssSettings


class GoingOn:
    """Shows the running motion to a flow, as the settings want it.

    Args:
        mode: one of `model.config.CONTINUATIONS`.
        settings: guidance, overlap and fade.
        dt: time between rows [s].
        mask: (26,) bool, commanded dimensions.

    Attributes:
        guidance: how chunks are pulled towards the running motion; None if they are not.
    """

    def __init__(
        self, mode: str, settings: WallOssSettings, dt: float, mask: NDArray[np.bool_]
    ) -> None:
        self._mode, self._dt, self._mask = mode, dt, mask
        # A weight above the number of steps would overshoot.
        guidance = Guidance(
            max_weight=min(settings.guidance, float(settings.steps)),
            spread=settings.spread,
            overlap_end=settings.overlap or None,
            gradient=mode == "guided",
        )
        self.guidance = guidance if mode in ("guided", "inpainted") else None
        self._fade_rows = round(settings.fade_s / dt)
        self._in_force = PlanInForce()
        # What `rows` found, for the two calls after it.
        self._rows: Array | None = None
        self._delay = 0

    def forget(self) -> None:
        """There is nothing to go on from."""
        self._in_force.forget()

    def committed(self, plan: CommittedPlan | None) -> None:
        """Learn what the executor is committed to."""
        self._in_force.report(plan)

    def published(self, chunk: ActionChunk, *, slow: bool) -> None:
        """Take a chunk that goes out now; `slow` if the next one will not be that late."""
        self._in_force.published(chunk, slow=slow)

    def rows(self, observation: Observation, horizon: int) -> Array | None:
        """Return the running motion from the new state, (V, 26); None if there is nothing of it."""
        self._rows = None
        plan = None if self._mode == "off" else self._in_force.at(observation.stamp_ns)
        if plan is None:
            return None
        rows = carried_over(plan, observation.stamp_ns, observation.state, self._dt, horizon)
        if not len(rows):
            return None
        self._rows = rows
        self._delay = self._in_force.committed_rows(plan, self._dt, len(rows))
        return rows

    def continuation(self, rows: Tensor) -> Continuation:
        """Return what the model is told of the last `rows`, (1, V, 26) and normalised."""
        return Continuation(rows, self._delay, self.guidance)

    def leaving(self, actions: Array) -> Array:
        """Return the answer to the last `rows`, (H, 26): what is committed, and no kink behind it.

        One whose rotations are none comes back as it is; whoever publishes it refuses it.
        """
        if self._rows is None or self._delay == 0:
            return actions
        try:
            return leaving(actions, self._rows, self._delay, self._fade_rows, self._mask)
        except ValueError:
            return actions
