"""chunk_executor: commands leave all the time, follow chunks when motion is on, hold when not."""

from __future__ import annotations

import numpy as np
import pytest
from std_srvs.srv import SetBool

from wall_oss_ros.core.chunk import ActionChunk, StageTimes
from wall_oss_ros.core.observation import state_vector
from wall_oss_ros.kinematics import MinkKinematics
from wall_oss_ros.msg import ActionChunk as ActionChunkMessage
from wall_oss_ros.msg import ExecutorState, RobotCommand, SafetyState
from wall_oss_ros.nodes.chunk_executor import ChunkExecutorNode
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.chunk_message import chunk_message
from wall_oss_ros.ros.command_message import command_from


class Scene:
    """An active executor between fake drivers and a tester that speaks for policy and safety."""

    def __init__(self, table, contract, drivers) -> None:
        self.table, self.contract, self.drivers = table, contract, drivers
        self.commands = table.collect(RobotCommand, "command", qos.command())
        self.states = table.collect(ExecutorState, "executor/state", qos.STATE)
        self.safety = table.node.create_publisher(SafetyState, "safety/state", qos.STATE)
        self.chunks = table.node.create_publisher(ActionChunkMessage, "action_chunk", qos.NEWEST)
        self.node = table.add(ChunkExecutorNode())
        kinematics = MinkKinematics(contract)
        tools = kinematics.tool_poses(contract.home)
        self.state = state_vector(contract, contract.home, tools, np.zeros(3))

    def allow(self, allowed: bool) -> None:
        self.safety.publish(SafetyState(motion_enabled=allowed, latched_causes=["a test says so"]))

    def chunk(self, seq: int, rise: float, *, schema: str | None = None, **options) -> None:
        """Publish a chunk that lifts the left tool evenly by `rise` metres over its rows."""
        rows = np.repeat(self.state[None], 32, axis=0)
        rows[:, 2] += rise * np.arange(1, 33) / 32
        chunk = ActionChunk(
            stamp_ns=options.get("stamp_ns", self.table.now_ns()),
            seq=seq,
            epoch=options.get("epoch", 1),
            instruction="rise",
            dt=self.contract.action.dt,
            actions=rows,
            raw_actions=rows,
            anchor=self.state,
            mask=np.ones(26, bool),
            frozen_prefix=0,
            stages=StageTimes(),
            policy="test",
            schema=schema or self.contract.schema_hash,
        )
        self.chunks.publish(chunk_message(chunk, self.contract.base_frame))

    def follow(self, rise: float = 0.1) -> None:
        """Allow motion and follow a first chunk."""
        self.allow(True)
        self.wait(ExecutorState.WAITING)
        self.chunk(1, rise)
        self.wait(ExecutorState.RUNNING)

    def wait(self, state: int) -> None:
        self.states.clear()
        self.table.spin_until(
            lambda: any(message.state == state for message in self.states), f"state {state}"
        )


@pytest.fixture
def scene(bench, contract, fake_drivers):
    table = bench()
    return Scene(table, contract, fake_drivers(table, contract))


def test_commands_flow_but_move_nothing_before_motion_is_enabled(scene):
    scene.table.spin_until(lambda: len(scene.commands) > 20, "commands")
    scene.chunk(1, 0.1)
    scene.table.spin_for(0.3)
    assert all(message.parts == 0 for message in scene.commands)
    assert "supervisor" in scene.states[-1].reason


def test_a_chunk_is_followed_up_to_its_last_row_and_then_held(scene, contract):
    scene.follow(0.1)
    scene.wait(ExecutorState.STARVED)
    end = scene.commands[-1]
    assert end.left_tool.position.z == pytest.approx(scene.state[2] + 0.1, abs=0.01)
    heights = [m.left_tool.position.z for m in scene.commands if m.parts]
    assert np.all(np.diff(heights) > -1e-4)
    assert command_from(end).parts == contract.commanded_parts


def test_no_joint_of_a_command_moves_faster_than_its_limit(scene, contract):
    scene.follow(0.5)  # more than the arm can do in the time
    scene.wait(ExecutorState.STARVED)
    commands = [command_from(message) for message in scene.commands if message.parts]
    for before, after in zip(commands, commands[1:], strict=False):
        # A message may be lost and a tick be late: a step per period between the two, and one more.
        steps = round((after.stamp_ns - before.stamp_ns) / 10_000_000) + 1
        for name, joint in contract.limited_joints.items():
            moved = abs(after.positions[name] - before.positions[name])
            assert moved <= joint.velocity * 0.01 * steps * 1.001


def test_a_stop_ends_motion_and_a_chunk_from_before_it_is_not_followed(scene):
    scene.follow()
    scene.allow(False)
    scene.wait(ExecutorState.DISABLED)
    before = scene.table.now_ns()
    scene.allow(True)
    scene.wait(ExecutorState.WAITING)
    scene.chunk(2, 0.2, stamp_ns=before - 500_000_000)
    scene.states.clear()
    scene.table.spin_until(lambda: scene.states and scene.states[-1].rejected, "a refusal")
    assert "before motion was stopped" in scene.states[-1].last_rejection
    assert scene.states[-1].state == ExecutorState.WAITING


def test_a_chunk_for_another_contract_is_refused_with_the_reason(scene):
    scene.allow(True)
    scene.wait(ExecutorState.WAITING)
    scene.chunk(1, 0.1, schema="0123456789abcdef")
    scene.table.spin_until(lambda: scene.states[-1].rejected == 1, "a refusal")
    assert "another robot contract" in scene.states[-1].last_rejection


def test_silent_joint_states_end_motion(scene):
    scene.follow()
    scene.drivers.silent.add("joint_states")
    scene.wait(ExecutorState.FAULT)
    assert "joint states are" in scene.states[-1].reason
    assert scene.commands[-1].parts == 0


def test_a_person_can_disable_and_enable_it(scene):
    scene.follow()
    assert scene.table.call(SetBool, "chunk_executor/enable", SetBool.Request(data=False)).success
    scene.wait(ExecutorState.DISABLED)
    assert "disabled by a person" in scene.states[-1].reason
    scene.table.call(SetBool, "chunk_executor/enable", SetBool.Request(data=True))
    scene.wait(ExecutorState.WAITING)
