"""Pins: credit of the way stays once earned; the last step counts only while it is true."""

from __future__ import annotations

import numpy as np
import pytest

from wall_oss_ros.core.errors import SimulationError
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.task import TaskObject
from wall_oss_ros.sim.rubric import Rubric, SceneView, Step
from wall_oss_ros.sim.scene import CUBE_HALF, TABLE_TOP_Z
from wall_oss_ros.sim.tasks import TASKS, plan_task

REST_Z = TABLE_TOP_Z + CUBE_HALF
TRAY_AT = (0.7, 0.0, TABLE_TOP_Z)


def view(
    cube: tuple[float, float, float] = (0.7, 0.3, REST_Z),
    touching: tuple[str, ...] = ("table",),
    left: tuple[float, float, float] = (0.6, 0.3, 1.0),
    right: tuple[float, float, float] = (0.6, -0.3, 1.0),
    others: tuple[float, float, float] = (0.7, -0.3, REST_Z),
) -> SceneView:
    def pose(place: tuple[float, float, float]) -> Pose:
        return Pose(np.array(place), np.eye(3))

    objects = {
        name: TaskObject(name, pose(others), frozenset({"table"}))
        for name in ("blue_cube", "green_cube")
    }
    objects["red_cube"] = TaskObject("red_cube", pose(cube), frozenset(touching))
    objects["tray"] = TaskObject("tray", pose(TRAY_AT), frozenset())
    return SceneView(objects, {"left": pose(left), "right": pose(right)})


def rubric(task: str, colour: str | None = "red") -> Rubric:
    return Rubric(plan_task(task, np.random.default_rng(0), colour).steps)


HELD = ("left_gripper", "left_grasp")


def test_pick_earns_credit_step_by_step() -> None:
    score = rubric("pick_cube")
    seen = []
    for tick, scene in enumerate(
        [
            view(),
            view(left=(0.7, 0.3, REST_Z + 0.03)),
            view(touching=("table", *HELD), left=(0.7, 0.3, REST_Z)),
            view((0.7, 0.3, REST_Z + 0.06), HELD, left=(0.7, 0.3, REST_Z + 0.06)),
        ]
    ):
        score.update(scene, tick * 0.1)
        seen.append(score.progress)
    assert seen == [0.0, 25.0, 50.0, 75.0]
    assert score.milestones[-1] == "lifted the red cube"


def test_holding_takes_a_second_and_counts_only_while_held() -> None:
    score = rubric("pick_cube")
    up = view((0.7, 0.3, REST_Z + 0.12), HELD, left=(0.7, 0.3, REST_Z + 0.12))
    score.update(up, 0.0)
    score.update(up, 0.9)
    assert score.progress == 75.0
    score.update(up, 1.0)
    assert score.progress == 100.0
    score.update(view(), 1.1)  # dropped
    assert score.progress == 75.0
    score.update(up, 1.2)
    score.update(up, 2.1)
    assert score.progress == 75.0  # the second starts again


def test_another_cube_earns_nothing() -> None:
    score = rubric("pick_cube", "blue")
    score.update(view((0.7, 0.3, 1.0), HELD, left=(0.7, 0.3, 1.0)), 0.0)
    score.update(view((0.7, 0.3, 1.0), HELD, left=(0.7, 0.3, 1.0)), 2.0)
    assert score.progress == 0.0


def test_a_cube_pushed_up_without_a_grasp_is_not_lifted() -> None:
    score = rubric("pick_cube")
    score.update(view((0.7, 0.3, 1.0), ("left_gripper",), left=(0.7, 0.3, 1.0)), 0.0)
    assert score.progress == 25.0


def test_placed_means_in_the_tray_and_let_go() -> None:
    inside = (0.72, 0.05, TABLE_TOP_Z + 0.03)
    score = rubric("sort_cubes", None)
    for tick in range(5):
        score.update(view(inside, HELD, left=inside), 0.1 * tick)
    assert score.progress == 20.0  # approached and grasped, still in the fingers
    for tick in range(5, 10):
        score.update(view(inside, ("tray",)), 0.1 * tick)
    assert score.progress == 40.0
    score.update(view((0.7, 0.3, REST_Z)), 1.1)  # taken out again
    assert score.progress == 20.0


def test_hand_over_needs_the_right_gripper_alone_at_the_end() -> None:
    score = rubric("hand_over")
    at = (0.6, 0.0, 1.0)
    both = (*HELD, "right_gripper", "right_grasp")
    score.update(view(at, HELD, left=at, right=at), 0.0)
    assert score.progress == 50.0
    score.update(view(at, both, left=at, right=at), 1.0)
    score.update(view(at, both, left=at, right=at), 3.0)
    assert score.progress == 70.0
    for now_s in (4.0, 5.0):
        score.update(view(at, ("right_gripper", "right_grasp"), right=at), now_s)
    assert score.progress == 100.0


@pytest.mark.parametrize("task", sorted(TASKS))
@pytest.mark.parametrize("seed", range(3))
def test_every_task_adds_up_to_100(task: str, seed: int) -> None:
    plan = plan_task(task, np.random.default_rng(seed))
    assert sum(step.points for step in plan.steps) == 100.0
    assert "cube" in plan.instruction


def test_points_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match="100"):
        Rubric([Step("half", 50.0, lambda scene: True)])


@pytest.mark.parametrize(
    ("task", "colour", "words"),
    [
        ("fold_towel", None, "'hand_over', 'pick_cube', 'sort_cubes'"),
        ("pick_cube", "pink", "'blue', 'green', 'red'"),
        ("sort_cubes", "red", "leave colour out"),
    ],
)
def test_an_unknown_task_or_colour_lists_the_valid_ones(
    task: str, colour: str | None, words: str
) -> None:
    with pytest.raises(SimulationError, match=words):
        plan_task(task, np.random.default_rng(0), colour)
