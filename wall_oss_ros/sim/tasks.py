"""The tasks: what is asked, where its cubes must stand, and what earns credit.

Each task is one function from a random generator to a `TaskPlan`; add one to TASKS and it exists
everywhere. All steps follow the order approached, grasped, lifted, placed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from wall_oss_ros.core.errors import SimulationError, choices
from wall_oss_ros.sim.rubric import SceneView, Step
from wall_oss_ros.sim.scene import (
    CUBE_COLOURS,
    CUBE_HALF,
    TABLE_TOP_Z,
    TRAY,
    TRAY_HALF,
    cube_name,
)

# A tool point this near to a cube's centre has approached it [m]; cubes stand 11 cm apart.
_NEAR = 0.06
_LIFTED, _HELD_HIGH = 0.04, 0.10  # height above the place on the table [m]
_HELD_S, _PLACED_S = 1.0, 0.3


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """One episode's task.

    Attributes:
        name: key of TASKS.
        instruction: the text that solves it.
        sides: cubes that must stand on one side of the table, "left" or "right".
        steps: the rubric.
    """

    name: str
    instruction: str
    sides: Mapping[str, str]
    steps: tuple[Step, ...]


def plan_task(name: str, rng: np.random.Generator, colour: str | None = None) -> TaskPlan:
    """Return a task's plan.

    Args:
        name: key of TASKS.
        rng: draws what the task leaves open, e.g. the colour.
        colour: fixes the colour of the cube the task is about.

    Raises:
        SimulationError: for an unknown task or colour, with the valid ones.
    """
    if name not in TASKS:
        raise SimulationError(f"unknown task '{name}'; valid: {choices(TASKS)}")
    if colour is not None and colour not in CUBE_COLOURS:
        raise SimulationError(f"no {colour} cube; valid colours: {choices(CUBE_COLOURS)}")
    return TASKS[name](rng, colour)


def _pick_cube(rng: np.random.Generator, colour: str | None) -> TaskPlan:
    colour = colour or list(CUBE_COLOURS)[int(rng.integers(len(CUBE_COLOURS)))]
    cube = cube_name(colour)
    return TaskPlan(
        "pick_cube",
        f"pick up the {colour} cube",
        {},
        (
            Step(f"approached the {colour} cube", 25, lambda view: _approached(view, cube)),
            Step(f"grasped the {colour} cube", 25, lambda view: _grasped(view, cube)),
            Step(f"lifted the {colour} cube", 25, lambda view: _lifted(view, cube, _LIFTED)),
            Step(
                f"held the {colour} cube up",
                25,
                lambda view: _lifted(view, cube, _HELD_HIGH),
                for_s=_HELD_S,
                lasting=True,
            ),
        ),
    )


def _sort_cubes(rng: np.random.Generator, colour: str | None) -> TaskPlan:
    if colour is not None:
        raise SimulationError("task 'sort_cubes' has no colour to choose; leave colour out")
    steps: list[Step] = []
    for each in ("red", "blue"):
        steps += _sort_steps(each)
    instruction = "put the red cube and the blue cube into the tray"
    return TaskPlan("sort_cubes", instruction, {}, tuple(steps))


def _sort_steps(colour: str) -> list[Step]:
    cube = cube_name(colour)
    return [
        Step(f"approached the {colour} cube", 10, lambda view: _approached(view, cube)),
        Step(f"grasped the {colour} cube", 10, lambda view: _grasped(view, cube)),
        Step(f"lifted the {colour} cube", 10, lambda view: _lifted(view, cube, _LIFTED)),
        Step(
            f"placed the {colour} cube in the tray",
            20,
            lambda view: _in_tray(view, cube),
            for_s=_PLACED_S,
            lasting=True,
        ),
    ]


def _hand_over(rng: np.random.Generator, colour: str | None) -> TaskPlan:
    colour = colour or "red"
    cube = cube_name(colour)
    return TaskPlan(
        "hand_over",
        f"hand the {colour} cube from the left gripper to the right gripper",
        {cube: "left"},
        (
            Step(
                f"approached the {colour} cube with the left gripper",
                10,
                lambda view: _approached(view, cube, "left"),
            ),
            Step(
                f"grasped the {colour} cube with the left gripper",
                20,
                lambda view: _grasped(view, cube, "left"),
            ),
            Step(f"lifted the {colour} cube", 20, lambda view: _lifted(view, cube, _LIFTED)),
            Step(
                f"both grippers held the {colour} cube",
                20,
                lambda view: _grasped(view, cube, "left") and _grasped(view, cube, "right"),
            ),
            Step(
                f"the right gripper alone held the {colour} cube up",
                30,
                lambda view: (
                    _lifted(view, cube, _HELD_HIGH)
                    and _grasped(view, cube, "right")
                    and "left_gripper" not in view.objects[cube].touching
                ),
                for_s=_HELD_S,
                lasting=True,
            ),
        ),
    )


TASKS: Mapping[str, Callable[[np.random.Generator, str | None], TaskPlan]] = {
    "pick_cube": _pick_cube,
    "sort_cubes": _sort_cubes,
    "hand_over": _hand_over,
}


def _approached(view: SceneView, cube: str, side: str | None = None) -> bool:
    center = view.objects[cube].pose.position
    tools = view.tools.values() if side is None else [view.tools[side]]
    return any(float(np.linalg.norm(tool.position - center)) < _NEAR for tool in tools)


def _grasped(view: SceneView, cube: str, side: str | None = None) -> bool:
    touching = view.objects[cube].touching
    sides = ("left", "right") if side is None else (side,)
    return any(f"{each}_grasp" in touching for each in sides)


def _lifted(view: SceneView, cube: str, height: float) -> bool:
    """Whether a gripper alone carries the cube, this high [m] above its place on the table."""
    raised = float(view.objects[cube].pose.position[2]) - (TABLE_TOP_Z + CUBE_HALF)
    grippers = {f"{side}_{what}" for side in ("left", "right") for what in ("gripper", "grasp")}
    alone = view.objects[cube].touching <= grippers
    return raised > height and alone and _grasped(view, cube)


def _in_tray(view: SceneView, cube: str) -> bool:
    """Whether the cube lies in the tray and no gripper touches it."""
    offset = view.objects[TRAY].pose.inverse().compose(view.objects[cube].pose).position
    inside = bool(np.all(np.abs(offset[:2]) < TRAY_HALF)) and 0.0 < offset[2] < 2.2 * CUBE_HALF
    return inside and not {"left_gripper", "right_gripper"} & view.objects[cube].touching
