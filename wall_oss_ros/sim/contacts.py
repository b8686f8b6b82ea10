"""Who touches whom: MuJoCo's contact list in the words of a task.

A gripper "touches" with any of its collision geometry; it "grasps" when the pads of both fingers
touch the same object.
"""

from __future__ import annotations

from collections import defaultdict

import mujoco
import numpy as np

from wall_oss_ros.core.action_space import SIDES
from wall_oss_ros.sim.robot_spec import gripper_of


class ContactReader:
    """Reads contacts of one model.

    Args:
        model: the compiled world.
        objects: bodies to report on.
    """

    def __init__(self, model: mujoco.MjModel, objects: tuple[str, ...]) -> None:
        self._objects = frozenset(objects)
        # Per geometry: words for what it belongs to, none for what no task mentions.
        self._words = [
            _words(model.body(model.geom_bodyid[geom]).name, objects) for geom in range(model.ngeom)
        ]

    def touching(self, data: mujoco.MjData) -> dict[str, frozenset[str]]:
        """Return, per object, the names of what touches it."""
        touching: dict[str, set[str]] = defaultdict(set)
        for first, second in np.asarray(data.contact.geom).reshape(-1, 2).tolist():
            for this, other in ((first, second), (second, first)):
                name = self._words[this][0] if self._words[this] else ""
                if name in self._objects:
                    touching[name].update(self._words[other])
        return {name: _with_grasps(touching[name]) for name in self._objects}


def _words(body: str, objects: tuple[str, ...]) -> tuple[str, ...]:
    if body in objects or body == "table":
        return (body,)
    side = gripper_of(body)
    if side is None:
        return ()
    finger = [f"{side}_finger_{end}" for end in SIDES if f"fingertip_{end}" in body]
    return (f"{side}_gripper", *finger)


def _with_grasps(words: set[str]) -> frozenset[str]:
    """Replace finger words by one word where both fingers of a gripper are there."""
    names = {word for word in words if "_finger_" not in word}
    for side in SIDES:
        if {f"{side}_finger_left", f"{side}_finger_right"} <= words:
            names.add(f"{side}_grasp")
    return frozenset(names)
