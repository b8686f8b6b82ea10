"""The scripted expert as a teacher: writes down what it wants, and when it was pushed aside."""

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
from wall_oss_ros.core.relative import absolute_actions, relative_actions
from wall_oss_ros.core.rotation import (
    Array,
    matrix_from_rot6d,
    matrix_from_rotation_vector,
    rot6d_from_matrix,
)
from wall_oss_ros.core.task import TaskState
from wall_oss_ros.policies.instructions import parse
from wall_oss_ros.policies.scripted import ScriptedPolicy
from wall_oss_ros.policies.subtasks import next_step

# Where the object is that the next step names. A cube looks the same every quarter turn, so its
# turn about the vertical comes as a direction of four times the angle.
GROUND_TRUTH_NAMES = ("target_x", "target_y", "target_z", "target_cos_4yaw", "target_sin_4yaw")
# So long after a push the arm is not yet where it was told to be [s].
_SETTLED_S = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One moment of a demonstration.

    Attributes:
        observation: what is seen.
        action: (26,) absolute, what the expert wants one row after the observation.
        truth: (5,) see GROUND_TRUTH_NAMES; in the base frame [m], [1].
        disturbed: whether a push makes the next action another one than what is wanted.
        subtask: the next step of the instruction, in words.
    """

    observation: Observation
    action: Array
    truth: Array
    disturbed: bool
    subtask: str


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
        self._last_s = 0.0

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
            PolicyError: as the expert does.
        """
        if self._start_ns is None:
            self._start_ns, self._last_s = observation.stamp_ns, 0.0
        now_s = (observation.stamp_ns - self._start_ns) / NANOSECONDS
        for side, disturbance in self._disturbances.items():
            self._expert.displace(side, *disturbance.between(self._last_s, now_s))
        self._last_s = now_s
        output = self._expert.infer(observation, instruction)
        wanted = absolute_actions(output.actions, observation.state)
        assert self._task is not None  # the expert would have raised
        dt = self._contract.action.dt
        disturbed = any(
            each.active(now_s - _SETTLED_S, now_s + dt) for each in self._disturbances.values()
        )
        step = next_step(instruction, self._task)
        truth = ground_truth(self._task, step)
        self._show(Shown(observation, wanted[0], truth, disturbed, step))
        pushed = wanted.copy()
        for side, disturbance in self._disturbances.items():
            _push(pushed, side, disturbance, now_s, dt)
        return PolicyOutput(relative_actions(pushed, observation.state), output.mask)


def _push(rows: Array, side: str, disturbance: Disturbance, now_s: float, dt: float) -> None:
    """Put the rows of a tool aside by what is pushed from now on."""
    place, turn = action_space.POSITION[side], action_space.ROTATION[side]
    rotations = matrix_from_rot6d(rows[:, turn])
    for index, row in enumerate(rows):
        offset, angle = disturbance.between(now_s, now_s + (index + 1) * dt)
        row[place] += offset
        spun = matrix_from_rotation_vector([0.0, 0.0, angle])
        row[turn] = rot6d_from_matrix(spun @ rotations[index])


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
