"""Pins: the policy thinks only when wanted, and a chunk thought before a reset is never given.

Epochs order what the executor may follow; failures are counted and end in a fault that a person
clears.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sample_robot import MS, SECOND, T0, mask_of, observation

from wall_oss_ros.core import action_space
from wall_oss_ros.core.action_space import PARTS
from wall_oss_ros.core.chunk import ActionChunk, PolicyOutput, StageTimes
from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import PolicyError
from wall_oss_ros.core.observation import Observation
from wall_oss_ros.core.policy_session import PolicySession, PolicySettings, PolicyStatus
from wall_oss_ros.core.settings import SettingError


class FakePolicy:
    """Stays where it is, and writes down what it was asked."""

    name = "fake"

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.while_thinking: Callable[[], object] = lambda: None
        self.error: str | None = None
        self.value = 0.0

    def load(self) -> None:
        self.calls.append("load")

    def reset(self) -> None:
        self.calls.append("reset")

    def infer(self, observation: Observation, instruction: str) -> PolicyOutput:
        self.calls.append(f"infer {instruction}")
        self.while_thinking()
        if self.error is not None:
            raise PolicyError(self.error)
        actions = np.full((32, 26), self.value)
        for side in action_space.SIDES:
            actions[:, action_space.ROTATION[side]] = [1, 0, 0, 0, 1, 0]
        return PolicyOutput(actions, mask_of(*PARTS), StageTimes(denoise_ms=30.0))


@pytest.fixture
def policy() -> FakePolicy:
    return FakePolicy()


@pytest.fixture
def session(contract: RobotContract, policy: FakePolicy) -> PolicySession:
    """Loaded and enabled, without an instruction."""
    session = PolicySession(
        contract, policy, PolicySettings(failure_limit=3), first_epoch=100, enabled=True
    )
    session.load()
    policy.calls.clear()
    return session


@pytest.fixture
def seen(contract: RobotContract) -> Observation:
    return observation(contract, T0)


def now() -> int:
    return T0 + 20 * MS


def test_without_an_instruction_it_is_idle(
    session: PolicySession, policy: FakePolicy, seen: Observation
) -> None:
    assert session.infer(seen, now) is None
    assert policy.calls == []
    assert session.status(now()) == (
        PolicyStatus.IDLE,
        "ready; publish an instruction on 'instruction'",
    )


def test_with_an_instruction_it_gives_chunks_in_order(
    session: PolicySession, policy: FakePolicy, seen: Observation
) -> None:
    session.instruct("pick up the cube")
    chunks = [session.infer(seen, now) for _ in range(3)]
    assert [chunk.seq for chunk in chunks if chunk] == [1, 2, 3]
    assert {(chunk.epoch, chunk.instruction, chunk.policy) for chunk in chunks if chunk} == {
        (session.epoch, "pick up the cube", "fake")
    }
    assert session.chunks == 3
    assert session.status(now()) == (PolicyStatus.RUNNING, "publishing chunks")


def test_stage_times_count_from_the_capture(session: PolicySession, seen: Observation) -> None:
    session.instruct("go")
    times = iter([T0 + 20 * MS, T0 + 70 * MS])
    chunk = session.infer(seen, lambda: next(times))
    assert chunk is not None
    assert chunk.stages == StageTimes(sync_ms=20.0, denoise_ms=30.0, total_ms=70.0)


def test_an_instruction_is_the_same_whatever_its_spaces(session: PolicySession) -> None:
    assert session.instruct("pick up  the cube ")
    epoch = session.epoch
    assert not session.instruct(" pick up the\ncube")
    assert session.epoch == epoch and session.instruction == "pick up the cube"
    assert session.instruct("put it down")


def test_an_empty_instruction_ends_thinking(session: PolicySession, seen: Observation) -> None:
    session.instruct("go")
    assert session.infer(seen, now) is not None
    session.instruct("  ")
    assert session.infer(seen, now) is None


def test_the_epoch_grows_with_every_renewal(session: PolicySession) -> None:
    epochs = [session.epoch]
    for renew in (
        lambda: session.instruct("one"),
        session.reset,
        lambda: session.enable(False),
        lambda: session.enable(True),
        lambda: session.instruct("two"),
    ):
        renew()
        epochs.append(session.epoch)
    assert epochs == sorted(set(epochs)) and epochs[0] == 100


@pytest.mark.parametrize("renewal", ["reset", "enable", "disable", "instruct"])
def test_a_chunk_thought_before_a_renewal_is_dropped(
    session: PolicySession, policy: FakePolicy, seen: Observation, renewal: str
) -> None:
    session.instruct("go")
    policy.while_thinking = {
        "reset": session.reset,
        "enable": lambda: session.enable(True),
        "disable": lambda: session.enable(False),
        "instruct": lambda: session.instruct("stop"),
    }[renewal]
    assert session.infer(seen, now) is None
    assert session.chunks == 0
    policy.while_thinking = lambda: None
    session.enable(True)
    after = session.infer(seen, now)
    assert after is not None and after.epoch == session.epoch


def test_a_chunk_thought_before_a_stop_is_dropped(
    session: PolicySession, policy: FakePolicy, seen: Observation
) -> None:
    session.instruct("go")
    session.allow_motion(True)
    policy.while_thinking = lambda: session.allow_motion(False)
    assert session.infer(seen, now) is None
    assert session.chunks == 0


def test_a_stop_between_thinking_and_sending_drops_the_chunk_too(
    session: PolicySession, seen: Observation
) -> None:
    session.instruct("go")
    session.allow_motion(True)
    sent: list[int] = []
    for stop in (
        lambda: session.allow_motion(False),
        session.reset,
        lambda: session.instruct("stop"),
        lambda: session.enable(False),
    ):
        chunk = session.infer(seen, now)
        assert chunk is not None
        stop()
        assert not session.deliver(chunk, lambda: sent.append(1))
    session.enable(True)
    chunk = session.infer(seen, now)
    assert chunk is not None and session.deliver(chunk, lambda: sent.append(2))
    assert sent == [2]


def test_only_motion_that_ends_renews(session: PolicySession) -> None:
    epochs = []
    for allowed in (False, False, True, True, False, False, True):
        session.allow_motion(allowed)
        epochs.append(session.epoch)
    assert epochs == [100, 100, 100, 100, 101, 101, 101]


class PlanAwarePolicy(FakePolicy):
    """Writes down what it is told of the executor, too."""

    def committed(self, plan: CommittedPlan | None) -> None:
        self.calls.append("nothing committed" if plan is None else f"committed {plan.seq}")

    def published(self, chunk: ActionChunk) -> None:
        self.calls.append(f"published {chunk.seq}")


def committed(seq: int) -> CommittedPlan:
    return CommittedPlan(T0, True, seq, 100, 0.05, 0.0, 1.0, np.zeros((0, 26)))


def test_before_every_inference_the_policy_learns_what_is_committed(
    contract: RobotContract, seen: Observation
) -> None:
    policy = PlanAwarePolicy()
    session = PolicySession(contract, policy, PolicySettings(), first_epoch=100, enabled=True)
    session.load()
    session.instruct("go")
    session.infer(seen, now)
    session.committed(committed(6))
    session.committed(committed(7))
    session.infer(seen, now)
    session.committed(None)
    policy.while_thinking = session.reset
    session.infer(seen, now)
    assert policy.calls == [
        "load",
        *("reset", "nothing committed", "infer go", "published 1"),
        *("committed 7", "infer go", "published 2"),
        *("nothing committed", "infer go"),  # and dropped
    ]


def test_latencies_are_measured_from_the_picture_on(
    session: PolicySession, seen: Observation
) -> None:
    session.instruct("go")
    times = iter([T0 + 20 * MS, T0 + 70 * MS])
    session.infer(seen, lambda: next(times))
    assert [(stage.name, stage.ms[0], stage.count) for stage in session.latency.reports()] == [
        ("camera_to_inference", 20.0, 1),
        ("inference", 50.0, 1),
        ("camera_to_chunk", 70.0, 1),
    ]


def test_the_policy_forgets_once_per_renewal(
    session: PolicySession, policy: FakePolicy, seen: Observation
) -> None:
    session.instruct("go")
    session.infer(seen, now)
    session.infer(seen, now)
    session.reset()
    session.reset()
    session.infer(seen, now)
    session.infer(seen, now)
    thinks = "infer go"
    assert policy.calls == ["reset", thinks, thinks, "reset", thinks, thinks]


def test_a_renewal_while_thinking_makes_it_forget_again(
    session: PolicySession, policy: FakePolicy, seen: Observation
) -> None:
    session.instruct("go")
    policy.while_thinking = session.reset
    session.infer(seen, now)
    policy.while_thinking = lambda: None
    session.infer(seen, now)
    assert policy.calls == ["reset", "infer go", "reset", "infer go"]


def test_a_stale_observation_is_not_thought_about(
    session: PolicySession, policy: FakePolicy, seen: Observation
) -> None:
    session.instruct("go")
    late = T0 + 510 * MS
    assert session.infer(seen, lambda: late) is None
    assert policy.calls == []
    words = "observations arrive 0.51 s old, limit 0.50 s"
    assert session.status(late) == (PolicyStatus.WAITING, words)
    assert session.infer(seen, lambda: T0 + 500 * MS) is not None


def test_a_stale_observation_does_not_use_up_the_forgetting(
    session: PolicySession, policy: FakePolicy, seen: Observation
) -> None:
    session.instruct("go")
    session.infer(seen, lambda: T0 + SECOND)
    session.infer(seen, now)
    assert policy.calls == ["reset", "infer go"]


def test_while_disabled_it_is_idle(
    session: PolicySession, policy: FakePolicy, seen: Observation
) -> None:
    session.instruct("go")
    session.enable(False)
    assert session.infer(seen, now) is None
    assert policy.calls == []
    assert session.status(now()) == (PolicyStatus.IDLE, "disabled; call ~/enable")


def test_before_loading_it_does_not_think(
    contract: RobotContract, policy: FakePolicy, seen: Observation
) -> None:
    session = PolicySession(contract, policy, PolicySettings(), first_epoch=1, enabled=True)
    session.instruct("go")
    assert session.infer(seen, now) is None
    assert session.status(now()) == (PolicyStatus.LOADING, "loading policy 'fake'")
    session.load()
    assert session.infer(seen, now) is not None
    assert policy.calls == ["load", "reset", "infer go"]


def test_failures_are_counted_and_end_in_a_fault(
    session: PolicySession, policy: FakePolicy, seen: Observation
) -> None:
    session.instruct("go")
    policy.error = "no cube in sight"
    assert session.infer(seen, now) is None
    assert session.status(now()) == (PolicyStatus.WAITING, "no cube in sight")
    session.infer(seen, now)
    session.infer(seen, now)
    status, reason = session.status(now())
    assert status is PolicyStatus.FAULT
    assert reason == "error: 3 failures in a row, the last: no cube in sight"
    assert session.failures == 3


def test_a_fault_ends_thinking_until_it_is_enabled_again(
    session: PolicySession, policy: FakePolicy, seen: Observation
) -> None:
    session.instruct("go")
    session.break_down("out of memory")
    policy.calls.clear()
    assert session.infer(seen, now) is None
    session.reset()
    session.instruct("another")
    assert session.infer(seen, now) is None
    assert policy.calls == []
    assert session.status(now()) == (PolicyStatus.FAULT, "error: out of memory")
    session.enable(True)
    assert session.infer(seen, now) is not None


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PolicyError("no model at /models/none"), "error: no model at /models/none"),
        (SettingError("camera_labels: expected pairs"), "error: camera_labels: expected pairs"),
        (MemoryError("8 GB"), "error: loading ended with MemoryError: 8 GB"),
    ],
)
def test_whatever_ends_loading_is_told(
    contract: RobotContract, policy: FakePolicy, error: Exception, reason: str
) -> None:
    def fail() -> None:
        raise error

    policy.load = fail  # type: ignore[method-assign]
    session = PolicySession(contract, policy, PolicySettings(), first_epoch=1, enabled=True)
    with pytest.raises(type(error)):
        session.load()
    assert session.status(now()) == (PolicyStatus.FAULT, reason)


def test_only_failures_in_a_row_make_a_fault(
    session: PolicySession, policy: FakePolicy, seen: Observation
) -> None:
    session.instruct("go")
    for _ in range(4):
        policy.error = "no cube in sight"
        session.infer(seen, now)
        session.infer(seen, now)
        policy.error = None
        assert session.infer(seen, now) is not None
    assert session.status(now())[0] is PolicyStatus.RUNNING
    assert session.failures == 8


def test_an_answer_that_is_not_finite_is_a_failure(
    session: PolicySession, policy: FakePolicy, seen: Observation
) -> None:
    session.instruct("go")
    policy.value = float("nan")
    assert session.infer(seen, now) is None
    assert session.failures == 1
    assert "non-finite number in row 0, column 0" in session.status(now())[1]


def test_missing_observations_are_said(session: PolicySession, seen: Observation) -> None:
    session.instruct("go")
    assert session.status(now())[1].startswith("no observation yet")
    session.infer(seen, now)
    status, reason = session.status(T0 + 2 * SECOND)
    assert status is PolicyStatus.WAITING and reason.startswith("no observation for 2.0 s")
