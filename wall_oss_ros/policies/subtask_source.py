"""Who says what comes next in a long task: the model itself, or a template that knows it all.

A policy is asked in two steps then: what comes next, in words, and that is the instruction.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core.errors import PolicyError
from wall_oss_ros.core.task import TaskState
from wall_oss_ros.policies.ground_truth import GroundTruth
from wall_oss_ros.policies.subtasks import next_step

log = logging.getLogger(__name__)

Images = Mapping[str, NDArray[np.uint8]]
_SECOND_NS = 1_000_000_000


class SubtaskSource(Protocol):
    """Says what is to be done next.

    Attributes:
        slow: whether the last answer took long, so that the next one will not.
    """

    slow: bool

    def forget(self) -> None:
        """The scene is another one."""

    def subtask(self, images: Images, instruction: str, now_ns: int) -> str:
        """Return the next step, an instruction again.

        Args:
            images: what is seen, by label.
            instruction: the whole task.
            now_ns: stamp of the pictures [ns].

        Raises:
            PolicyError: if there is none.
        """


class ModelSubtasks:
    """A `SubtaskSource` that asks the model every so often, and in between says the same.

    Args:
        ask: pictures and instruction to words.
        period_s: how often it is asked [s].
    """

    def __init__(self, ask: Callable[[Images, str], str], period_s: float) -> None:
        self._ask, self._period_ns = ask, round(period_s * _SECOND_NS)
        self.slow = False
        self.forget()

    def forget(self) -> None:
        """Ask again."""
        self._known: tuple[int, str, str] | None = None  # asked when [ns], for what, the answer

    def subtask(self, images: Images, instruction: str, now_ns: int) -> str:
        """Return what the model says, now or lately.

        Raises:
            PolicyError: if it says nothing.
        """
        known = self._known
        self.slow = False
        if known is not None:
            asked_ns, task, text = known
            if task == instruction and 0 <= now_ns - asked_ns < self._period_ns:
                return text
        self.slow = True
        text = " ".join(self._ask(images, instruction).split())
        if not text:
            raise PolicyError(f"the model names no subtask for '{instruction}'")
        if known is None or known[2] != text:
            log.info("subtask: %s", text)
        self._known = (now_ns, instruction, text)
        return text


class TemplateSubtasks:
    """A `SubtaskSource` for the simulator: reads the ground truth, speaks as in demonstrations.

    It shows what a policy does that is told every step, and stands in for a model that cannot
    speak.
    """

    slow = False

    def __init__(self) -> None:
        self._truth = GroundTruth("wall_oss.subtasks 'template'")

    def observe_task(self, state: TaskState) -> None:
        """Take the newest ground truth; from any thread."""
        self._truth.observe(state)

    def forget(self) -> None:
        """Nothing is remembered: the newest ground truth is the truth."""

    def subtask(self, images: Images, instruction: str, now_ns: int) -> str:
        """Return the first step that is not done.

        Raises:
            PolicyError: for an instruction that the template does not know, or without ground truth
                of this moment.
        """
        return next_step(instruction, self._truth.at(now_ns))
