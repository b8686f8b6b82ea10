"""An expert that reads the simulator's ground truth and answers as the model would.

It gives honest 26-D relative end-effector chunks for the three simulated tasks: for the demo, for
tests of the whole chain, and for demonstrations to train on. It looks at no picture.
"""

from __future__ import annotations

import numpy as np

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import PolicyOutput
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import PolicyError, choices
from wall_oss_ros.core.observation import Observation
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.relative import relative_actions
from wall_oss_ros.core.rotation import Array, rot6d_from_matrix
from wall_oss_ros.core.task import TaskState
from wall_oss_ros.policies.behaviour import (
    TRANSIT,
    TRAY,
    Behaviour,
    Intent,
    View,
    hand_over,
    pick,
    place,
)
from wall_oss_ros.policies.ground_truth import GroundTruth
from wall_oss_ros.policies.instructions import Request, parse
from wall_oss_ros.policies.leader import LeaderArm

# The reference starts again at the measured pose when it is off by more than this [m], [rad].
_LOST_M, _LOST_RAD = 0.06, 0.5
# Integration steps per row: 25 ms at 20 rows per second.
_STEPS_PER_ROW = 2


class ScriptedPolicy:
    """Implements `core.policy.Policy`; `observe_task` feeds it the ground truth.

    Parts that a task does not use are commanded to stay: the base with zero speed, lift and head at
    the position they had when the task began, the other arm where it was.
    """

    name = "scripted"

    def __init__(self, contract: RobotContract, checkpoint: str = "") -> None:
        if checkpoint:
            raise PolicyError(f"policy 'scripted' loads no checkpoint; got '{checkpoint}'")
        self._contract = contract
        self._truth = GroundTruth("the scripted policy")
        self._mask = action_space.part_mask(contract.commanded_parts)
        self.reset()

    def load(self) -> None:
        """Check that the arms' poses are in the frame of the ground truth.

        Raises:
            PolicyError: if they are not.
        """
        for side, arm in self._contract.arms.items():
            if arm.frame != self._contract.base_frame:
                raise PolicyError(
                    f"the scripted policy needs arms.{side}.frame to be the base frame "
                    f"'{self._contract.base_frame}', but it is '{arm.frame}'"
                )

    def reset(self) -> None:
        """Forget plan, phase and references; the next answer starts from the measured poses."""
        self._instruction: str | None = None
        self._behaviour: Behaviour | None = None
        self._leaders: dict[str, LeaderArm] = {}
        self._goals: dict[str, Pose] = {}
        self._openings: dict[str, float] = {}
        self._rest: dict[str, Pose] = {}
        self._intent = Intent()
        self._held = np.zeros(action_space.ACTION_DIM)
        self._episode: int | None = None

    def observe_task(self, state: TaskState) -> None:
        """Take the newest ground truth; from any thread."""
        self._truth.observe(state)

    def displace(self, side: str, offset: Array, turn: float) -> None:
        """Go on from elsewhere, as by somebody who pushes a tool; nothing before the first answer.

        Args:
            side: of the tool.
            offset: (3,) how far, in the base frame [m].
            turn: about the vertical [rad].
        """
        if side in self._leaders:
            self._leaders[side].displace(offset, turn)

    def infer(self, observation: Observation, instruction: str) -> PolicyOutput:
        """Return the next rows, relative to ``observation.state``.

        Raises:
            PolicyError: for an instruction it does not understand, a cube that is not there or out
                of reach, or ground truth that is missing or of another time.
        """
        task = self._truth.at(observation.stamp_ns)
        try:
            if instruction != self._instruction or task.episode != self._episode:
                request = parse(instruction)
                self._check_objects(request, task)
                self.reset()
                self._instruction, self._episode = instruction, task.episode
                self._start(observation)
                self._behaviour = _behaviour(request, self._view(observation, task))
                self._follow(next(self._behaviour))
            else:
                self._recover(observation)
                assert self._behaviour is not None
                self._follow(self._behaviour.send(self._view(observation, task)))
        except PolicyError:
            self.reset()  # a generator that raised is finished
            raise
        absolute = self._rows(observation)
        actions = relative_actions(absolute, observation.state)
        return PolicyOutput(actions, self._mask.copy())

    def _check_objects(self, request: Request, task: TaskState) -> None:
        wanted = [f"{colour}_cube" for colour in request.colours]
        wanted += [TRAY] if request.action == "place" else []
        missing = [name for name in wanted if name not in task.objects]
        if missing:
            raise PolicyError(
                f"no {choices(missing)} in this scene; it has {choices(task.objects)}"
            )

    def _start(self, observation: Observation) -> None:
        self._held = observation.state.copy()
        self._held[action_space.BASE] = 0.0
        for side, pose in observation.tools.items():
            self._leaders[side] = LeaderArm(pose, observation.stamp_ns)
            self._goals[side] = self._rest[side] = pose
            gripper = self._contract.grippers[side]
            value = float(observation.state[action_space.GRIPPER[side]])
            self._openings[side] = min(max(gripper.opening_from_model(value), 0.0), 1.0)

    def _recover(self, observation: Observation) -> None:
        """Start references again where the arm was held back: a stop, a limit, a slower speed."""
        for side, leader in self._leaders.items():
            planned = leader.at(observation.stamp_ns).pose
            distance, angle = planned.distance(observation.tools[side])
            if distance > _LOST_M or angle > _LOST_RAD:
                leader.restart(observation.tools[side], observation.stamp_ns)

    def _view(self, observation: Observation, task: TaskState) -> View:
        now_ns = observation.stamp_ns
        leaders = {side: leader.at(now_ns).pose for side, leader in self._leaders.items()}
        return View(now_ns, observation.tools, leaders, self._rest, task.objects)

    def _follow(self, intent: Intent) -> None:
        self._intent = intent
        self._goals.update(intent.goals)
        self._openings.update(intent.openings)

    def _rows(self, observation: Observation) -> Array:
        """Return absolute rows (H, 26)."""
        timing = self._contract.action
        rows = np.tile(self._held, (timing.horizon, 1))
        step_ns = round(timing.dt * 1e9 / _STEPS_PER_ROW)
        for side, leader in self._leaders.items():
            # An arm that the present step does not move still finishes its last goal.
            pace = self._intent.pace if side in self._intent.goals else TRANSIT
            poses = leader.plan(
                observation.stamp_ns,
                self._goals[side],
                pace,
                step_ns,
                timing.horizon * _STEPS_PER_ROW,
            )[_STEPS_PER_ROW - 1 :: _STEPS_PER_ROW]
            rows[:, action_space.POSITION[side]] = [pose.position for pose in poses]
            rows[:, action_space.ROTATION[side]] = rot6d_from_matrix(
                np.stack([pose.rotation for pose in poses])
            )
            gripper = self._contract.grippers[side]
            value = gripper.model_from_opening(self._openings[side])
            rows[:, action_space.GRIPPER[side]] = value
        return rows


def _behaviour(request: Request, view: View) -> Behaviour:
    cubes = tuple(f"{colour}_cube" for colour in request.colours)
    if request.action == "pick":
        return pick(view, cubes[0])
    if request.action == "place":
        return place(view, cubes)
    return hand_over(view, cubes[0], request.giver)
