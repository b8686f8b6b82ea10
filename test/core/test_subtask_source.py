"""Pins: the next step of a task is asked for, remembered for a while, and never made up."""

from __future__ import annotations

import numpy as np
import pytest

from wall_oss_ros.core.errors import PolicyError
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.task import TaskObject, TaskState
from wall_oss_ros.policies.subtask_source import Images, ModelSubtasks, TemplateSubtasks

SECOND = 1_000_000_000
SORT = "put the red cube and the blue cube into the tray"


class Model:
    """Says one text after the other."""

    def __init__(self, *texts: str) -> None:
        self.texts, self.asked = list(texts), 0

    def __call__(self, images: Images, instruction: str) -> str:
        self.asked += 1
        return self.texts.pop(0)


def test_a_model_is_asked_again_after_the_period_and_only_then_it_is_slow() -> None:
    model = Model("one\n", " two ")
    source = ModelSubtasks(model, 2.0)
    said = []
    for now_ns in (0, SECOND, 2 * SECOND - 1, 2 * SECOND):
        said.append((source.subtask({}, SORT, now_ns), source.slow))
    assert said == [("one", True), ("one", False), ("one", False), ("two", True)]


@pytest.mark.parametrize("change", ["another task", "another scene", "time went back"])
def test_what_was_said_holds_for_one_task_and_one_scene(change: str) -> None:
    model = Model("one", "two")
    source = ModelSubtasks(model, 2.0)
    source.subtask({}, SORT, SECOND)
    if change == "another scene":
        source.forget()
    task = "clear the table" if change == "another task" else SORT
    assert source.subtask({}, task, 0 if change == "time went back" else SECOND) == "two"


def test_a_model_that_says_nothing_is_no_step() -> None:
    with pytest.raises(PolicyError, match="names no subtask for 'put the red cube"):
        ModelSubtasks(Model(" \n"), 2.0).subtask({}, SORT, 0)


def scene(stamp_ns: int, *in_tray: str) -> TaskState:
    """The tray at the origin; what lies in it is 2 cm above, what does not is beside it."""
    objects = {
        name: TaskObject(name, Pose(np.array(place), np.eye(3)), frozenset())
        for name, place in {
            "tray": (0.0, 0.0, 0.0),
            "red_cube": (0.0, 0.05, 0.02) if "red_cube" in in_tray else (0.3, 0.0, 0.02),
            "blue_cube": (0.0, -0.05, 0.02) if "blue_cube" in in_tray else (-0.3, 0.0, 0.02),
        }.items()
    }
    return TaskState(
        stamp_ns=stamp_ns, task="sort_cubes", instruction=SORT, seed=0, episode=1,
        objects=objects, progress=0.0, success=False, milestones=(), elapsed_s=0.0,
    )  # fmt: skip


def test_a_template_names_the_first_step_that_is_not_done() -> None:
    source = TemplateSubtasks()
    source.observe_task(scene(0))
    assert source.subtask({}, SORT, 0) == "put the red cube into the tray"
    source.observe_task(scene(0, "red_cube"))
    assert source.subtask({}, SORT, 0) == "put the blue cube into the tray"
    assert not source.slow


def test_a_template_without_ground_truth_of_this_moment_says_so() -> None:
    source = TemplateSubtasks()
    with pytest.raises(PolicyError, match="'template' has no task state; it works with the simul"):
        source.subtask({}, SORT, 0)
    source.observe_task(scene(0))
    with pytest.raises(PolicyError, match="1.00 s older than the observation"):
        source.subtask({}, SORT, SECOND)
