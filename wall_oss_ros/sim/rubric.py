"""Partial credit for a task: steps worth points, reached once or only as long as they hold.

Credit for a step of the way (approached, grasped, lifted) stays once earned, so progress does not
fall when a cube is dropped. The last step of each object (placed, held, handed over) is `lasting`:
it counts only while it is true, so only a finished task reaches 100.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.task import TaskObject


@dataclass(frozen=True, slots=True)
class SceneView:
    """What a rubric looks at, in the robot's base frame.

    Attributes:
        objects: cubes and tray by name.
        tools: tool pose by side.
    """

    objects: Mapping[str, TaskObject]
    tools: Mapping[str, Pose]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a task.

    Attributes:
        words: what was reached, for people.
        points: credit; a task's steps add up to 100.
        holds: whether it is true in a view.
        for_s: how long it must be true without a break [s].
        lasting: whether the credit is lost when it stops being true.
    """

    words: str
    points: float
    holds: Callable[[SceneView], bool]
    for_s: float = 0.0
    lasting: bool = False


class Rubric:
    """Keeps which steps of one episode are reached.

    Raises:
        ValueError: if the points do not add up to 100.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        total = sum(step.points for step in steps)
        if abs(total - 100.0) > 1e-9:
            raise ValueError(f"points add up to {total}; expected 100")
        self._steps = tuple(steps)
        self._since_s: list[float | None] = [None] * len(steps)
        self._reached = [False] * len(steps)

    def update(self, view: SceneView, now_s: float) -> None:
        """Look at the scene at a time [s]; times must not go back."""
        for index, step in enumerate(self._steps):
            if not step.holds(view):
                self._since_s[index] = None
                self._reached[index] = self._reached[index] and not step.lasting
                continue
            since = self._since_s[index]
            since = now_s if since is None else since
            self._since_s[index] = since
            # Times are sums of ticks: half a millisecond covers their rounding.
            if now_s - since >= step.for_s - 5e-4:
                self._reached[index] = True

    @property
    def progress(self) -> float:
        """Credit, 0 to 100."""
        pairs = zip(self._steps, self._reached, strict=True)
        return float(sum(step.points for step, reached in pairs if reached))

    @property
    def milestones(self) -> tuple[str, ...]:
        """Words of the steps reached, in the task's order."""
        pairs = zip(self._steps, self._reached, strict=True)
        return tuple(step.words for step, reached in pairs if reached)
