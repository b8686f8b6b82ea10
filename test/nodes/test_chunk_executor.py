"""chunk_executor: commands leave all the time, follow chunks when motion is on, hold when not."""

from __future__ import annotations

import numpy as np
import pytest
from std_msgs.msg import Float64
from std_srvs.srv import SetBool

from wall_oss_ros.core.chunk import ActionChunk, StageTimes
from wall_oss_ros.core.observation import state_vector
from wall_oss_ros.kinematics import MinkKinematics
from wall_oss_ros.messages.commands import command_from
from wall_oss_ros.msg import ActionChunk as ActionChunkMessage
from wall_oss_ros.msg import (
    ChunkVerdict,
    CommittedPlan,
    ExecutorState,
    RobotCommand,
    SafetyState,
)
from wall_oss_ros.nodes.chunk_executor import ChunkExecutorNode
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.chunk_message import chunk_message
from wall_oss_ros.ros.plan_message import plan_from


class Scene:
    """An active executor between fake drivers and a tester that speaks for policy and safety."""

    def __init__(self, table, contract, drivers) -> None:
        self.table, self.contract, self.drivers = table, contract, drivers
        self.commands = table.collect(RobotCommand, "command", qos.command())
        self.states = table.collect(ExecutorState, "executor/state", qos.STATE)
        self.safety = table.node.create_publisher(SafetyState, "safety/state", qos.STATE)
        self.chunks = table.node.create_publisher(ActionChunkMessage, "action_chunk", qos.NEWEST)
        self.verdicts = table.node.create_publisher(ChunkVerdict, "chunk_verdict", qos.NEWEST)
        self.speed = table.node.create_publisher(
            Float64, "chunk_executor/speed_scale", qos.VOLATILE_STATE
        )
        self.plans = table.collect(CommittedPlan, "committed_plan", qos.NEWEST)
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
        safe = options.get("safe_rows", 32)
        if safe is not None:
            self.judge(seq, safe)
        self.chunks.publish(chunk_message(chunk, self.contract.base_frame))

    def judge(self, seq: int, safe_rows: int) -> None:
        """Speak for the supervisor's look-ahead."""
        words = {} if safe_rows == 32 else {"rule": "a rule", "reason": "a test says so"}
        self.verdicts.publish(ChunkVerdict(seq=seq, epoch=1, rows=32, safe_rows=safe_rows, **words))

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


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"action_dim": 25}, "expected rows x 26"),
        ({"actions": [float("nan")] * 32 * 26}, "not finite"),
    ],
)
def test_a_chunk_that_is_none_is_counted_as_refused_and_the_motion_goes_on(scene, wrong, reason):
    scene.follow()
    good = {"horizon": 32, "action_dim": 26, "dt": 0.05, "action_mask": [True] * 26}
    scene.chunks.publish(ActionChunkMessage(**{"seq": 2, "epoch": 1, **good, **wrong}))
    scene.table.spin_until(lambda: scene.states[-1].rejected == 1, "a refusal")
    assert reason in scene.states[-1].last_rejection
    assert scene.states[-1].state == ExecutorState.RUNNING


def test_silent_joint_states_end_motion(scene):
    scene.follow()
    scene.drivers.silent.add("joint_states")
    scene.wait(ExecutorState.FAULT)
    assert "joint states are" in scene.states[-1].reason
    # Two topics: the state may overtake the command of the same tick.
    scene.table.spin_until(lambda: scene.commands[-1].parts == 0, "an empty command")


def test_a_person_can_disable_and_enable_it(scene):
    scene.follow()
    assert scene.table.call(SetBool, "chunk_executor/enable", SetBool.Request(data=False)).success
    scene.wait(ExecutorState.DISABLED)
    assert "disabled by a person" in scene.states[-1].reason
    scene.table.call(SetBool, "chunk_executor/enable", SetBool.Request(data=True))
    scene.wait(ExecutorState.WAITING)


def test_what_the_look_ahead_cuts_off_is_not_followed(scene):
    scene.allow(True)
    scene.wait(ExecutorState.WAITING)
    scene.chunk(1, 0.32, safe_rows=10)
    scene.wait(ExecutorState.STARVED)
    scene.table.spin_until(
        lambda: (
            "let 10 of 32 rows of chunk 1 through (a rule: a test says so)"
            in scene.states[-1].reason
        ),
        "the reason",
    )
    assert scene.states[-1].safe_rows == 10
    heights = [m.left_tool.position.z for m in scene.commands if m.parts]
    assert max(heights) == pytest.approx(scene.state[2] + 0.1, abs=0.005)


def test_what_is_not_judged_is_followed_a_little_way_and_further_when_it_is(scene):
    scene.allow(True)
    scene.wait(ExecutorState.WAITING)
    scene.chunk(1, 0.32, safe_rows=None)
    scene.wait(ExecutorState.STARVED)
    assert "not judged by the safety supervisor" in scene.states[-1].reason
    assert scene.commands[-1].left_tool.position.z < scene.state[2] + 0.06
    scene.judge(1, 32)
    scene.wait(ExecutorState.RUNNING)


def test_the_speed_is_changed_live_and_a_wrong_one_changes_nothing(scene):
    scene.follow(0.1)
    scene.speed.publish(Float64(data=0.25))
    scene.table.spin_until(lambda: scene.states[-1].speed_scale == 0.25, "a quarter of the speed")
    for wrong in (float("nan"), 2.0, -0.1):
        scene.speed.publish(Float64(data=wrong))
    scene.table.spin_for(0.3)
    assert (scene.states[-1].speed_wanted, scene.states[-1].slowed_by) == (0.25, "")
    scene.speed.publish(Float64(data=1.0))
    scene.table.spin_until(lambda: scene.states[-1].speed_wanted == 1.0, "the full speed")


def test_the_policy_is_told_what_is_followed_as_it_changes(scene):
    scene.table.spin_until(lambda: scene.plans, "a plan")
    assert not scene.plans[-1].following and scene.plans[-1].horizon == 0
    scene.follow(0.1)
    scene.table.spin_until(lambda: scene.plans[-1].following, "a plan that is followed")
    plan = plan_from(scene.plans[-1])
    assert (plan.seq, plan.epoch, plan.speed_scale, len(plan.actions)) == (1, 1, 1.0, 32)
    assert plan.actions[-1, 2] == pytest.approx(scene.state[2] + 0.1, abs=1e-5)
    scene.chunk(2, 0.1, schema="0123456789abcdef")
    scene.table.spin_until(lambda: scene.plans[-1].refused_seq == 2, "the refusal")
    scene.allow(False)
    scene.table.spin_until(lambda: not scene.plans[-1].following, "the end of following")


def test_it_measures_how_soon_a_chunk_becomes_a_command(scene):
    scene.follow()
    scene.table.spin_until(
        lambda: all(stage.count == 1 for stage in scene.states[-1].latency), "a measurement"
    )
    to_command, from_camera = scene.states[-1].latency
    assert (to_command.name, from_camera.name) == ("chunk_to_command", "camera_to_command")
    assert 0.0 < to_command.ms[0] <= from_camera.ms[0] < 1000.0
    first = next(message for message in scene.commands if message.source_seq == 1)
    stamp_ns = first.source_stamp.sec * 10**9 + first.source_stamp.nanosec
    assert 0 < scene.table.now_ns() - stamp_ns < 60 * 10**9


def test_commands_are_stamped_on_an_even_grid(scene):
    scene.follow()
    scene.commands.clear()
    scene.table.spin_until(lambda: len(scene.commands) > 50, "commands")
    stamps = np.array([m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in scene.commands])
    # A late tick is stamped when it was due, one after a pause on a new grid: most are even.
    off = np.abs(np.diff(stamps) - 10_000_000)
    assert np.median(off) < 200_000
