"""Pins: the whole loop follows a policy that changes its mind, as learned ones do."""

from __future__ import annotations

import numpy as np

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import PolicyOutput
from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.observation import Observation
from wall_oss_ros.sim.lockstep import Lockstep
from wall_oss_ros.sim.robot import SimRobot


class _ChangesItsMind:
    """Wants both tools somewhere else with every chunk, 10 cm and 0.3 rad away, from now on."""

    name = "changes_its_mind"

    def __init__(self, contract: RobotContract) -> None:
        self._horizon = contract.action.horizon
        self._mask = action_space.part_mask(contract.commanded_parts)
        self._draw = np.random.default_rng(0)

    def load(self) -> None:
        """Nothing to load."""

    def reset(self) -> None:
        """Nothing to forget."""

    def infer(self, observation: Observation, instruction: str) -> PolicyOutput:
        rows = np.zeros((self._horizon, action_space.ACTION_DIM))
        share = np.linspace(0.1, 1.0, self._horizon)
        for side in action_space.SIDES:
            way = self._draw.normal(0.0, 1.0, 3)
            rows[:, action_space.POSITION[side]] = share[:, None] * 0.1 * way / np.linalg.norm(way)
            turn = share * self._draw.uniform(-0.3, 0.3)
            rows[:, action_space.ROTATION[side]] = np.stack(
                [np.cos(turn), -np.sin(turn), 0 * turn, np.sin(turn), np.cos(turn), 0 * turn], 1
            )
            rows[:, action_space.GRIPPER[side]] = observation.state[action_space.GRIPPER[side]]
        return PolicyOutput(rows, self._mask)


def test_the_supervisor_does_not_fall_behind_a_policy_that_changes_its_mind(
    contract: RobotContract, robot: SimRobot
) -> None:
    """The plan leaves the supervisor, which knows jerk limits too, something to catch up with."""
    loop = Lockstep(contract, robot, _ChangesItsMind(contract), look_ahead=False)
    loop.session.instruct("anything")
    wanted: list[RobotCommand] = []
    tick = loop.executor.tick

    def remembered(now_ns: int, dt: float) -> RobotCommand:
        wanted.append(tick(now_ns, dt))
        return wanted[-1]

    loop.executor.tick = remembered  # type: ignore[method-assign]
    arms = [joint for arm in contract.arms.values() for joint in arm.joints]
    behind: list[float] = []
    moved: list[float] = []

    def watch(command: RobotCommand) -> None:
        if not wanted[-1].parts:
            return  # not moving yet
        gaps = [wanted[-1].positions[joint] - command.positions[joint] for joint in arms]
        behind.append(float(np.abs(gaps).max()))
        moved.append(float(np.abs([command.velocities[joint] for joint in arms]).max()))

    for _ in range(round(6.0 / robot.dt_s)):
        loop.step(watch)
    assert len(behind) > 400 and np.median(moved) > 0.05
    assert np.median(behind) < 0.02
