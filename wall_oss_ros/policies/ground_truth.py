"""What stands where, from the simulator: for what knows more than a robot may."""

from __future__ import annotations

from wall_oss_ros.core.errors import PolicyError
from wall_oss_ros.core.task import TaskState

# Older or newer than the observation by more than this is not of the same moment [s].
_MAX_AGE_S = 0.5


class GroundTruth:
    """The newest task state. One thread observes, another reads.

    Args:
        reader: who needs it, in words.
    """

    def __init__(self, reader: str) -> None:
        self._reader = reader
        # Read once per inference: one reference, always whole.
        self._task: TaskState | None = None

    def observe(self, state: TaskState) -> None:
        """Take the newest."""
        self._task = state

    def at(self, stamp_ns: int) -> TaskState:
        """Return the state at the time of an observation [ns].

        Raises:
            PolicyError: if there is none, or it is of another time.
        """
        task = self._task
        if task is None:
            raise PolicyError(
                f"{self._reader} has no task state; it works with the simulated robot only, which "
                "publishes it"
            )
        age_s = (stamp_ns - task.stamp_ns) * 1e-9
        if abs(age_s) > _MAX_AGE_S:
            raise PolicyError(
                f"the task state is {age_s:.2f} s older than the observation; expected at most "
                f"{_MAX_AGE_S} s either way; is the simulator running?"
            )
        return task
