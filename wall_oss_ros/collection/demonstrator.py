"""The scripted expert as a teacher: writes down what it wants while its commands are disturbed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from wall_oss_ros.collection.disturbance import Disturbance
from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import NANOSECONDS, PolicyOutput
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import PolicyError
from wall_oss_ros.core.observation import Observation
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.relative import absolute_actions, relative_actions
from wall_oss_ros.core.rotation import Array, matrix_from_rot6d, rot6d_from_matrix
from wall_oss_ros.core.task import TaskState
from wall_oss_ros.policies.instructions import parse
from wall_oss_ros.policies.scripted import ScriptedPolicy

# LeRobot's key for what a simulator knows and a robot does not.
GROUND_TRUTH_KEY = "observation.environment_state"
# Where the object is that the instruction names. A cube looks the same every quarter turn, so its
# turn about the vertical comes as a direction of four times the angle.
GROUND_TRUTH_NAMES = ("target_x", "target_y", "target_z", "target_cos_4yaw", "target_sin_4yaw")


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One moment of a demonstration.

    Attributes:
        observation: what is seen.
        action: (26,) absolute, what the expert wants one row after the observation.
        truth: (5,) see GROUND_TRUTH_NAMES; in the base frame [m], [1].
    """

    observation: Observation
    action: Array
    truth: Array


class Demonstrator:
    """Implements `core.policy.Policy`: the expert's plan, pushed.

    Args:
        contract: the robot.
        disturbances: by side.
        show: takes every moment, in order.
    """

    name = "demonstrator"

    def __init__(
        self,
        contract: RobotContract,
        disturbances: Mapping[str, Disturbance],
        show: Callable[[Shown], None],
    ) -> None:
        self._expert = ScriptedPolicy(contract)
        self._contract, self._disturbances, self._show = contract, disturbances, show
        self._task: TaskState | None = None
        self._start_ns: int | None = None

    def load(self) -> None:
        """Check what the expert checks."""
        self._expert.load()

    def reset(self) -> None:
        """Begin anew."""
        self._expert.reset()
        self._start_ns = None

    def observe_task(self, state: TaskState) -> None:
        """Take the newest ground truth."""
        self._task = state
        self._expert.observe_task(state)

    def infer(self, observation: Observation, instruction: str) -> PolicyOutput:
        """Return the expert's rows as they are pushed; show what it wanted.

        Raises:
            PolicyError: as the expert does, and for an instruction that names several objects.
        """
        output = self._expert.infer(observation, instruction)
        wanted = absolute_actions(output.actions, observation.state)
        assert self._task is not None  # the expert would have raised
        self._show(Shown(observation, wanted[0], ground_truth(self._task, instruction)))
        if self._start_ns is None:
            self._start_ns = observation.stamp_ns
        begin_s = (observation.stamp_ns - self._start_ns) / NANOSECONDS
        pushed = wanted.copy()
        for side, disturbance in self._disturbances.items():
            self._push(pushed, side, disturbance, begin_s)
        return PolicyOutput(relative_actions(pushed, observation.state), output.mask)

    def _push(self, rows: Array, side: str, disturbance: Disturbance, begin_s: float) -> None:
        place, turn = action_space.POSITION[side], action_space.ROTATION[side]
        rotations = matrix_from_rot6d(rows[:, turn])
        for index, row in enumerate(rows):
            pose = Pose(row[place].copy(), rotations[index])
            moved = disturbance.moved(pose, begin_s + (index + 1) * self._contract.action.dt)
            row[place], row[turn] = moved.position, rot6d_from_matrix(moved.rotation)


def ground_truth(task: TaskState, instruction: str) -> Array:
    """Return (5,) where the object is that an instruction names, see GROUND_TRUTH_NAMES.

    Raises:
        PolicyError: for an instruction that names another number of objects than one.
    """
    colours = parse(instruction).colours
    if len(colours) != 1:
        raise PolicyError(f"'{instruction}' names {len(colours)} cubes; expected one")
    pose = task.objects[f"{colours[0]}_cube"].pose
    # The axis that lies flattest tells the turn.
    axis = pose.rotation[:, int(np.argmin(np.abs(pose.rotation[2])))]
    yaw = 4.0 * float(np.arctan2(axis[1], axis[0]))
    return np.array([*pose.position, np.cos(yaw), np.sin(yaw)])
