"""What a policy back end is: observation and instruction in, relative action rows out."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from wall_oss_ros.core.chunk import ActionChunk, PolicyOutput
from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.observation import Observation


class Policy(Protocol):
    """A policy back end. One thread calls it; none of its methods may touch ROS."""

    name: str

    def load(self) -> None:
        """Prepare everything slow: weights, compilation, warm-up.

        Raises:
            PolicyError: with what is missing and what to do.
        """

    def reset(self) -> None:
        """Forget what was planned: a new instruction, a stop, or another episode."""

    def infer(self, observation: Observation, instruction: str) -> PolicyOutput:
        """Return the next rows, relative to ``observation.state``.

        Raises:
            PolicyError: if this observation or instruction cannot be answered; nothing is
                published then and the robot holds.
        """


@runtime_checkable
class PlanAware(Protocol):
    """A policy that goes on from what the robot already follows."""

    def committed(self, plan: CommittedPlan | None) -> None:
        """Learn what the executor is committed to, before each `infer`; None: it is silent."""

    def published(self, chunk: ActionChunk) -> None:
        """Learn as which chunk the last answer goes to the executor, which may still refuse it."""
