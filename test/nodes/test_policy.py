"""policy: chunks from the newest observation on a thread of its own; never late, never stale."""

from __future__ import annotations

import logging
import threading

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.lifecycle import TransitionCallbackReturn
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from wall_oss_ros.core.chunk import PolicyOutput
from wall_oss_ros.core.errors import PolicyError
from wall_oss_ros.core.observation import state_vector
from wall_oss_ros.kinematics import MinkKinematics
from wall_oss_ros.messages.chunks import chunk_from
from wall_oss_ros.messages.stamps import to_ns
from wall_oss_ros.msg import ActionChunk, CommittedPlan, Observation, PolicyState, SafetyState
from wall_oss_ros.nodes import policy as module
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.geometry import pose_message
from wall_oss_ros.ros.stamps import to_stamp


class RisingPolicy:
    """Lifts the left tool by 1 mm a row; can be made to fail or to think long."""

    name = "rising"

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.plans: list[int | None] = []
        self.sent: list[int] = []
        self.resets = 0
        self.error: Exception | None = None
        self.may_think = threading.Event()
        self.may_think.set()

    def load(self) -> None:
        self.may_think.wait(10.0)
        if self.error is not None:
            raise self.error

    def reset(self) -> None:
        self.resets += 1

    def committed(self, plan) -> None:
        self.plans.append(None if plan is None else plan.seq)

    def published(self, chunk) -> None:
        self.sent.append(chunk.seq)

    def infer(self, observation, instruction) -> PolicyOutput:
        self.seen.append(observation.seq)
        self.may_think.wait(10.0)
        if self.error is not None:
            raise self.error
        rows = np.zeros((32, 26))
        rows[:, [3, 7, 13, 17]] = 1.0  # no turn
        rows[:, 2] = 0.001 * np.arange(1, 33)
        return PolicyOutput(rows, np.ones(26, bool))


class Scene:
    """An active policy node with a policy of the test, fed with observations."""

    def __init__(self, table, contract, policy) -> None:
        self.table, self.contract, self.policy = table, contract, policy
        self.chunks = table.collect(ActionChunk, "action_chunk", qos.NEWEST)
        self.states = table.collect(PolicyState, "policy/state", qos.STATE)
        self.instruction = table.node.create_publisher(String, "instruction", qos.STATE)
        self.plans = table.node.create_publisher(CommittedPlan, "committed_plan", qos.NEWEST)
        self.safety = table.node.create_publisher(SafetyState, "safety/state", qos.STATE)
        self._observations = table.node.create_publisher(Observation, "observation", qos.NEWEST)
        self.schema = contract.schema_hash
        self.delay_ns = 0
        self.seq = 0
        tools = MinkKinematics(contract).tool_poses(contract.home)
        self.state = state_vector(contract, contract.home, tools, np.zeros(3))
        self._poses = {side: pose_message(pose) for side, pose in tools.items()}
        self.node = table.add(module.PolicyNode())
        table.every(0.05, self._observe)

    def _observe(self) -> None:
        self.seq += 1
        message = Observation(
            seq=self.seq,
            joint_names=list(self.contract.home),
            joint_positions=list(self.contract.home.values()),
            joint_velocities=[0.0] * len(self.contract.home),
            left_tool=self._poses["left"],
            right_tool=self._poses["right"],
            state=self.state,
            schema=self.schema,
        )
        message.header.stamp = to_stamp(self.table.now_ns() - self.delay_ns)
        self._observations.publish(message)

    def instruct(self, text: str) -> None:
        self.instruction.publish(String(data=text))

    def wait(self, state: int) -> PolicyState:
        self.states.clear()
        self.table.spin_until(
            lambda: self.states and self.states[-1].state == state, f"state {state}"
        )
        return self.states[-1]


@pytest.fixture
def policy() -> RisingPolicy:
    return RisingPolicy()


@pytest.fixture
def scene(bench, contract, policy, monkeypatch):
    monkeypatch.setattr(module, "make_policy", lambda *_: policy)
    made = Scene(bench(), contract, policy)
    yield made
    policy.may_think.set()


def test_without_an_instruction_it_idles_and_says_so(scene):
    assert "instruction" in scene.wait(PolicyState.IDLE).reason
    assert not scene.chunks


def test_with_an_instruction_it_publishes_chunks_that_carry_the_observations_stamp(scene):
    scene.instruct("rise")
    scene.table.spin_until(lambda: len(scene.chunks) >= 5, "chunks")
    chunk = chunk_from(scene.chunks[-1])
    assert (chunk.instruction, chunk.policy) == ("rise", "rising")
    assert chunk.schema == scene.contract.schema_hash
    assert [m.seq for m in scene.chunks] == sorted({m.seq for m in scene.chunks})
    assert chunk.stages.total_ms >= chunk.stages.sync_ms >= 0.0
    # Relative rows and the anchor compose to the absolute rows.
    np.testing.assert_allclose(
        chunk.actions[:, 2], scene.state[2] + 0.001 * np.arange(1, 33), atol=1e-5
    )
    assert to_ns(scene.chunks[-1].header.stamp) <= scene.table.now_ns()


def test_an_instruction_of_a_publisher_that_keeps_nothing_is_heard_too(scene):
    publisher = scene.table.node.create_publisher(String, "instruction", qos.EVENTS)
    scene.table.spin_until(lambda: publisher.get_subscription_count(), "a connection")
    publisher.publish(String(data="rise"))
    scene.table.spin_until(lambda: scene.chunks, "a chunk")


def test_while_it_thinks_callbacks_go_on_and_only_the_newest_observation_counts(scene, policy):
    policy.may_think.clear()
    scene.instruct("rise")
    scene.table.spin_until(lambda: policy.seen, "thinking")
    first = policy.seen[0]
    scene.table.spin_until(lambda: scene.seq > first + 10, "more observations")
    # A service is answered meanwhile.
    assert scene.table.call(Trigger, "policy/reset", Trigger.Request()).success
    assert policy.seen == [first]
    policy.may_think.set()
    scene.table.spin_until(lambda: len(policy.seen) >= 2, "the next inference")
    assert policy.seen[1] > first + 8


def test_a_chunk_thought_before_a_new_instruction_is_dropped(scene, policy):
    policy.may_think.clear()
    scene.instruct("rise")
    scene.table.spin_until(lambda: policy.seen, "thinking")
    scene.instruct("sink")
    scene.table.spin_until(
        lambda: scene.states and scene.states[-1].instruction == "sink", "the new instruction"
    )
    policy.may_think.set()
    scene.table.spin_until(lambda: scene.chunks, "a chunk")
    assert scene.chunks[0].instruction == "sink"
    assert policy.resets == 2


def test_a_chunk_thought_before_a_stop_is_never_published(scene, policy):
    scene.table.spin_until(
        lambda: scene.safety.get_subscription_count() and scene.states, "a connection"
    )
    epoch = scene.states[-1].epoch
    scene.safety.publish(SafetyState(motion_enabled=True))
    policy.may_think.clear()
    scene.instruct("rise")
    scene.table.spin_until(lambda: policy.seen, "thinking")
    # Stopped and enabled again while it thinks: the chunk is of before all the same.
    for enabled in (False, True):
        scene.safety.publish(SafetyState(motion_enabled=enabled))
    scene.table.spin_until(lambda: scene.states[-1].epoch == epoch + 2, "a new epoch")
    before = scene.table.now_ns()
    policy.may_think.set()
    scene.table.spin_until(lambda: len(scene.chunks) >= 3, "chunks")
    assert {chunk.epoch for chunk in scene.chunks} == {epoch + 2}
    assert to_ns(scene.chunks[0].header.stamp) > before - 1_000_000_000
    # The first answer, of before the stop, was not published under any number.
    assert policy.seen[0] not in policy.sent and len(policy.seen) > len(policy.sent)


def test_the_policy_learns_what_the_executor_is_committed_to(scene, policy):
    scene.instruct("rise")
    scene.table.spin_until(
        lambda: scene.plans.get_subscription_count() and policy.plans, "an inference"
    )
    assert policy.plans[0] is None
    plan = CommittedPlan(
        following=True, seq=41, epoch=1, dt=0.05, horizon=1, action_dim=26, actions=[0.0] * 26
    )
    scene.plans.publish(plan)
    scene.table.spin_until(lambda: policy.plans[-1] == 41, "the plan")
    # One without meaning is not used, and neither is what was said before it.
    plan.dt = 0.0
    scene.plans.publish(plan)
    scene.table.spin_until(lambda: policy.plans[-1] is None, "no plan")


def test_latencies_from_the_picture_on_are_in_state_and_diagnostics(scene):
    diagnostics = scene.table.collect(DiagnosticArray, "/diagnostics", qos.EVENTS)
    scene.delay_ns = 100_000_000
    scene.instruct("rise")
    scene.table.spin_until(lambda: len(scene.chunks) >= 5, "chunks")
    scene.states.clear()
    scene.table.spin_until(lambda: scene.states, "a state")
    stages = {stage.name: stage for stage in scene.states[-1].latency}
    assert list(stages) == ["camera_to_inference", "inference", "camera_to_chunk"]
    assert all(stage.count >= 5 for stage in stages.values())
    waited, age = stages["camera_to_inference"].ms[0], stages["camera_to_chunk"].ms[0]
    assert 100.0 <= waited <= age
    scene.table.spin_until(
        lambda: any(
            value.key.startswith("camera_to_chunk")
            for array in diagnostics
            for status in array.status
            for value in status.values
        ),
        "the same on /diagnostics",
    )


def test_an_error_of_the_policy_publishes_nothing_and_is_told(scene, policy):
    policy.error = PolicyError("cannot follow 'rise'")
    scene.instruct("rise")
    state = scene.wait(PolicyState.FAULT)
    assert "cannot follow 'rise'" in state.reason
    assert state.failures >= 10
    assert not scene.chunks
    policy.error = None
    scene.table.call(SetBool, "policy/enable", SetBool.Request(data=True))
    scene.table.spin_until(lambda: scene.chunks, "a chunk after enabling again")


def test_an_unexpected_error_ends_in_fault_and_not_in_silence(scene, policy):
    policy.error = ZeroDivisionError("a bug")
    scene.instruct("rise")
    assert "ZeroDivisionError" in scene.wait(PolicyState.FAULT).reason
    assert not scene.chunks
    # It was the inference that ended, not the thread: enabled again it goes on.
    policy.error = None
    scene.table.call(SetBool, "policy/enable", SetBool.Request(data=True))
    scene.table.spin_until(lambda: scene.chunks, "a chunk after all")


def test_old_observations_are_not_used(scene):
    scene.delay_ns = 900_000_000
    scene.instruct("rise")
    scene.table.spin_until(lambda: scene.states and "s old" in scene.states[-1].reason, "a reason")
    assert scene.states[-1].state == PolicyState.WAITING
    assert not scene.chunks


def test_an_observation_of_another_contract_is_not_used(scene):
    scene.schema = "0123456789abcdef"
    scene.instruct("rise")
    scene.table.spin_until(lambda: scene.seq > 15, "observations")
    assert not scene.chunks
    assert scene.wait(PolicyState.WAITING).reason.startswith("no observation yet")


def test_disabled_it_publishes_nothing(scene):
    scene.instruct("rise")
    scene.table.spin_until(lambda: scene.chunks, "chunks")
    scene.table.call(SetBool, "policy/enable", SetBool.Request(data=False))
    scene.wait(PolicyState.IDLE)
    scene.chunks.clear()
    seen = scene.seq
    scene.table.spin_until(lambda: scene.seq > seen + 10, "observations")
    assert not scene.chunks


def test_while_an_inference_of_before_runs_it_does_not_start_another(scene, policy, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE_S", 0.05)
    policy.may_think.clear()
    scene.instruct("rise")
    scene.table.spin_until(lambda: policy.seen, "thinking")
    scene.node.trigger_deactivate()
    assert scene.node.trigger_activate() is TransitionCallbackReturn.FAILURE
    policy.may_think.set()
    scene.table.spin_until(
        lambda: scene.node.trigger_activate() is TransitionCallbackReturn.SUCCESS, "activation"
    )
    scene.table.spin_until(lambda: scene.chunks, "chunks again")


def test_while_it_loads_and_when_it_cannot_the_state_says_so(bench, contract, policy, monkeypatch):
    monkeypatch.setattr(module, "make_policy", lambda *_: policy)
    policy.may_think.clear()
    policy.error = PolicyError("no model at /models/none")
    table = bench()
    states = table.collect(PolicyState, "policy/state", qos.STATE)
    configuring = threading.Thread(
        target=lambda: table.add(module.PolicyNode(), activate=False), daemon=True
    )
    configuring.start()
    table.spin_until(lambda: states, "a state while loading")
    assert (states[-1].state, states[-1].reason) == (
        PolicyState.LOADING,
        "loading policy 'rising'",
    )
    policy.may_think.set()
    table.spin_until(lambda: states[-1].state == PolicyState.FAULT, "the reason")
    assert states[-1].reason == "error: no model at /models/none"
    configuring.join(5.0)


def test_lines_of_the_policy_appear_in_the_nodes_log(scene, monkeypatch):
    lines = []
    monkeypatch.setattr(
        "wall_oss_ros.ros.python_log._ToNode.emit", lambda _, record: lines.append(record)
    )
    logging.getLogger("wall_oss_ros.model.engine").warning("engine '%s' is slow", "graphs")
    assert [line.getMessage() for line in lines] == ["engine 'graphs' is slow"]
