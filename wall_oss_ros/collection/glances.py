"""The same arms above other scenes: what stands where, with nothing done about it.

In a demonstration the tool's place soon gives away which object is meant, and a policy may learn to
go on rather than to look. In a glance it does not: the robot is where it was at a moment of a
demonstration, the objects are where they would be in another episode. There is no chunk to learn
from, only where the named object is.
"""

from __future__ import annotations

import numpy as np

from wall_oss_ros.core.observation import Observation
from wall_oss_ros.core.task import TaskState
from wall_oss_ros.sim.layout import Layout, draw_layout
from wall_oss_ros.sim.robot import SimRobot, Snapshot
from wall_oss_ros.sim.scene import TABLE_TOP_Z, TRAY

# A low tool nearer to a cube's middle than this [m] might stand in it: no such scene is real.
_NEAR_M = 0.12
_LOW_M = 0.2  # above the table
_ATTEMPTS = 20


def glance(
    robot: SimRobot, observation: Observation, rng: np.random.Generator
) -> tuple[Snapshot, TaskState] | None:
    """Return another scene under a robot, for the cameras and in truth.

    Args:
        robot: at the moment of the observation.
        observation: where its tools are.
        rng: draws the scene.

    Returns:
        None where the robot touches an object, or there is no room beside its tools.
    """
    objects = robot.task_state().objects
    if any("gripper" in name for each in objects.values() for name in each.touching):
        return None
    cubes = tuple(name for name in objects if name != TRAY)
    for _ in range(_ATTEMPTS):
        layout = draw_layout(rng, cubes, {})
        if _free(layout, observation):
            return robot.elsewhere(layout)
    return None


def _free(layout: Layout, observation: Observation) -> bool:
    places = np.array([(spot.x, spot.y) for spot in layout.cubes.values()])
    low = [
        pose.position[:2]
        for pose in observation.tools.values()
        if pose.position[2] < TABLE_TOP_Z + _LOW_M
    ]
    return all(np.linalg.norm(places - tool, axis=1).min() >= _NEAR_M for tool in low)
