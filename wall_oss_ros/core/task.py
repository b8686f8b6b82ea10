"""The simulated task's ground truth, as the scripted policy and the evaluation read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wall_oss_ros.core.pose import Pose


@dataclass(frozen=True, slots=True)
class TaskObject:
    """A movable object: pose in the robot's base frame, and what it touches.

    `touching` holds "left_gripper", "right_gripper" (any contact), "left_grasp", "right_grasp"
    (both fingers), "table", "tray" and names of other objects. The tray, which stays put, is listed
    too.
    """

    name: str
    pose: Pose
    touching: frozenset[str]


@dataclass(frozen=True, slots=True)
class TaskState:
    """Ground truth of one moment.

    Attributes:
        stamp_ns: simulation state time [ns].
        task: task name.
        instruction: the text that solves this scene.
        seed: seed of the scene.
        episode: counts resets.
        objects: movable objects by name.
        progress: 0..100, partial credit.
        success: whether the task is complete.
        milestones: rubric steps reached, in words.
        elapsed_s: simulated time since the reset [s].
    """

    stamp_ns: int
    task: str
    instruction: str
    seed: int
    episode: int
    objects: Mapping[str, TaskObject]
    progress: float
    success: bool
    milestones: tuple[str, ...]
    elapsed_s: float
