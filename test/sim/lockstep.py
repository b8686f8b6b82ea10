"""A minimal loop of policy, kinematics and simulator on simulated time, with injected latency.

For the tests of this folder only: rows are interpolated linearly and nothing is checked for safety.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass

import numpy as np

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import NANOSECONDS, ActionChunk, StageTimes, chunk_from_output
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.observation import Observation, state_vector
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.rotation import matrix_from_rot6d, slerp
from wall_oss_ros.core.task import TaskState
from wall_oss_ros.kinematics import MinkKinematics
from wall_oss_ros.policies.scripted import ScriptedPolicy
from wall_oss_ros.sim.controllers import TrajectoryPoint
from wall_oss_ros.sim.robot import SimRobot

COMMAND_DT_S = 0.01
REPLAN_NS = NANOSECONDS // 10


@dataclass
class Lockstep:
    """One simulated robot driven by the scripted policy."""

    contract: RobotContract
    robot: SimRobot
    kinematics: MinkKinematics
    policy: ScriptedPolicy
    latency_ns: int = NANOSECONDS // 10

    def observe(self) -> Observation:
        joints = self.robot.joint_sample()
        tools = self.kinematics.tool_poses(joints.position_of())
        _, twist = self.robot.odometry()
        state = state_vector(self.contract, joints.position_of(), tools, twist)
        return Observation(
            joints.stamp_ns, 0, (), 0.0, joints, 0.0, tools, twist, state, self.contract.schema_hash
        )

    def run(self, instruction: str, limit_s: float) -> TaskState:
        """Drive until the task is done or the time [s] is over; returns the last state."""
        self.policy.reset()
        self.kinematics.seed(self.robot.joint_sample().position_of())
        waiting: list[tuple[int, ActionChunk]] = []
        chunk: ActionChunk | None = None
        start_ns = next_ns = self.robot.time_ns
        while (self.robot.time_ns - start_ns) < limit_s * NANOSECONDS:
            now_ns = self.robot.time_ns
            if now_ns >= next_ns:
                next_ns += REPLAN_NS
                self.policy.observe_task(self.robot.task_state())
                made = self.infer(instruction)
                waiting.append((now_ns + self.latency_ns, made))
            while waiting and waiting[0][0] <= now_ns:
                chunk = waiting.pop(0)[1]
            if chunk is not None:
                self.command(sample(chunk, now_ns))
            for _ in range(round(COMMAND_DT_S / self.robot.dt_s)):
                self.robot.step()
            if self.robot.task_state().success:
                break
        return self.robot.task_state()

    def infer(self, instruction: str) -> ActionChunk:
        observation = self.observe()
        return chunk_from_output(
            self.policy.infer(observation, instruction),
            observation,
            self.contract,
            seq=0,
            epoch=0,
            instruction=instruction,
            policy=self.policy.name,
            stages=StageTimes(),
        )

    def command(self, row: np.ndarray) -> None:
        targets = {
            side: Pose(
                row[action_space.POSITION[side]],
                matrix_from_rot6d(row[action_space.ROTATION[side]]),
            )
            for side in action_space.SIDES
        }
        step = self.kinematics.step(targets, {}, COMMAND_DT_S)
        for side in action_space.SIDES:
            names = self.contract.part_joints[f"{side}_arm"]
            point = TrajectoryPoint([step.positions[name] for name in names], None, COMMAND_DT_S)
            assert self.robot.command_joints(f"{side}_arm", names, [point]) is None
            gripper = self.contract.grippers[side]
            opening = gripper.opening_from_model(float(row[action_space.GRIPPER[side]]))
            point = TrajectoryPoint([gripper.joint_from_opening(opening)], None, COMMAND_DT_S)
            assert self.robot.command_joints(f"{side}_gripper", [gripper.joint], [point]) is None
        assert self.robot.command_base(*row[action_space.BASE]) is None


def sample(chunk: ActionChunk, now_ns: int) -> np.ndarray:
    """Return the row at a time, between the two rows around it; grippers take the later one."""
    due = [chunk.due_ns(row) for row in range(chunk.horizon)]
    later = min(bisect.bisect_left(due, now_ns), chunk.horizon - 1)
    earlier = max(later - 1, 0)
    part = np.clip((now_ns - due[earlier]) / max(due[later] - due[earlier], 1), 0.0, 1.0)
    a, b = chunk.actions[earlier], chunk.actions[later]
    row = b.copy()
    for side in action_space.SIDES:
        position, turn = action_space.POSITION[side], action_space.ROTATION[side]
        row[position] = a[position] + part * (b[position] - a[position])
        mixed = slerp(matrix_from_rot6d(a[turn]), matrix_from_rot6d(b[turn]), part)
        row[turn] = mixed[:2].reshape(6)
    return row
