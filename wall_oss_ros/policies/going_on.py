"""How a new chunk goes on from the running motion: rows it is shown, and which are committed."""

from __future__ import annotations

from torch import Tensor

from wall_oss_ros.core.chunk import ActionChunk
from wall_oss_ros.core.committed import carried_over
from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.observation import Observation
from wall_oss_ros.core.plan_in_force import PlanInForce
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.model.rtc import Continuation, Guidance
from wall_oss_ros.policies.wall_oss_settings import WallOssSettings


class GoingOn:
    """Shows the running motion to a flow, as the settings want it.

    Args:
        settings: mode, guidance and overlap.
        dt: time between rows [s].
    """

    def __init__(self, settings: WallOssSettings, dt: float) -> None:
        self._mode, self._dt = settings.continuation, dt
        self._guidance = Guidance(
            max_weight=settings.guidance, overlap_end=settings.overlap or None
        )
        self._in_force = PlanInForce()
        self._plan: CommittedPlan | None = None  # that `rows` found, for `continuation`

    @property
    def guided(self) -> bool:
        """Whether chunks are pulled towards the running one."""
        return self._mode == "guided"

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
        self._plan = None if self._mode == "off" else self._in_force.at(observation.stamp_ns)
        if self._plan is None:
            return None
        rows = carried_over(self._plan, observation.stamp_ns, observation.state, self._dt, horizon)
        return rows if len(rows) else None

    def continuation(self, rows: Tensor) -> Continuation:
        """Return what the model is told of the last `rows`, (1, V, 26) and normalised."""
        if self._plan is None:
            raise ValueError("rows() found nothing to go on from")
        delay = self._in_force.committed_rows(self._plan, self._dt, rows.shape[1])
        return Continuation(rows, delay, self._guidance if self.guided else None)
