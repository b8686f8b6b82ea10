"""Pins: the next chunk goes on from the chunk that the executor follows, where it follows it.

The rows are the policy's own, without the offsets by which the executor joined them. A chunk that
the executor has not answered stands in for its report, briefly, and only while the robot was
following. A robot that was stopped, held or reset is not continued.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import MS, T0, make_chunk, moving_rows

from wall_oss_ros.core.chunk import ActionChunk, StageTimes
from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.plan_in_force import DelayEstimate, PlanInForce

DELAY_MS = 100
EPOCH = 7


@pytest.fixture
def chunk(contract: RobotContract) -> ActionChunk:
    return numbered(contract, 3)


def numbered(contract: RobotContract, seq: int, epoch: int = EPOCH) -> ActionChunk:
    """A chunk captured 0.2 s after the one before, published 100 ms later."""
    made = make_chunk(
        contract, T0 + seq * 200 * MS, moving_rows(contract, {0: 0.01}), seq=seq, epoch=epoch
    )
    return replace(made, stages=StageTimes(total_ms=DELAY_MS))


def report(chunk: ActionChunk, **changes: object) -> CommittedPlan:
    """What the executor says on having taken a chunk while it was following another."""
    taken_ns = chunk.stamp_ns + DELAY_MS * MS
    plan = CommittedPlan(
        stamp_ns=taken_ns,
        following=True,
        seq=chunk.seq,
        epoch=chunk.epoch,
        dt=chunk.dt,
        place=-1.0 + DELAY_MS * 1e-3 / chunk.dt,
        speed_scale=1.0,
        actions=chunk.actions + 1e-3,  # joined to what was before
        consumed=DELAY_MS * 1e-3 / chunk.dt,
        latency_s=DELAY_MS * 1e-3,
    )
    return replace(plan, **changes)  # type: ignore[arg-type]


def after(chunk: ActionChunk, ms: float) -> int:
    """A capture time, counted from when the chunk was published."""
    return chunk.stamp_ns + round((DELAY_MS + ms) * MS)


def test_at_first_there_is_nothing_to_go_on_from(chunk: ActionChunk) -> None:
    force = PlanInForce()
    assert force.at(T0) is None
    force.report(report(chunk))
    assert force.at(after(chunk, 10)) is None, "a report about what another process published"
    silent = PlanInForce()
    silent.published(chunk)
    assert silent.at(after(chunk, 10)) is None, "no executor has said anything"


@pytest.mark.parametrize("rows", [32, 12])
def test_what_the_executor_took_is_gone_on_from_where_it_is_with_the_policys_own_rows(
    chunk: ActionChunk, rows: int
) -> None:
    force = PlanInForce()
    force.published(chunk)
    joined = chunk.actions[:rows] + 0.01  # and the supervisor's look-ahead may have cut it
    taken = report(chunk, actions=joined, speed_scale=0.7)
    force.report(taken)
    plan = force.at(after(chunk, 50))
    assert plan is not None
    assert np.array_equal(plan.actions, chunk.actions[:rows])
    for name in ("stamp_ns", "following", "seq", "epoch", "dt", "place", "speed_scale"):
        assert getattr(plan, name) == getattr(taken, name)


def test_a_chunk_not_answered_yet_stands_in_for_its_report(
    contract: RobotContract, chunk: ActionChunk
) -> None:
    force = PlanInForce()
    force.published(chunk)
    force.report(report(chunk, speed_scale=0.5))
    following = numbered(contract, 4)
    force.published(following)
    plan = force.at(after(following, 5))
    assert plan is not None and plan.seq == 4
    assert np.array_equal(plan.actions, following.actions)
    assert plan.place_at(following.stamp_ns) == -1.0
    assert plan.speed_scale == 0.5


def test_what_the_executor_says_counts_once_it_has_answered(
    contract: RobotContract, chunk: ActionChunk
) -> None:
    following = numbered(contract, 4)
    for answer in (report(following), report(chunk, refused_seq=4, stamp_ns=following.stamp_ns)):
        force = PlanInForce()
        force.published(chunk)
        force.report(report(chunk))
        force.published(following)
        force.report(answer)
        plan = force.at(after(following, 5))
        assert plan is not None
        assert (plan.seq, plan.stamp_ns, plan.place) == (answer.seq, answer.stamp_ns, answer.place)


def test_a_chunk_without_an_answer_counts_for_a_short_time_only(
    contract: RobotContract, chunk: ActionChunk
) -> None:
    force = PlanInForce()
    force.published(chunk)
    following = numbered(contract, 4)
    force.published(following)
    still = report(chunk, stamp_ns=after(following, 250))
    force.report(still)
    early, late = force.at(after(following, 299)), force.at(after(following, 301))
    assert early is not None and early.seq == 4
    assert late is still


@pytest.mark.parametrize(
    "changes",
    [
        {"following": False},
        {"epoch": EPOCH - 1},
        {"stamp_ns": T0},  # silent since
    ],
)
def test_a_robot_that_does_not_follow_is_not_continued(
    contract: RobotContract, chunk: ActionChunk, changes: dict[str, object]
) -> None:
    force = PlanInForce()
    force.published(chunk)
    force.report(report(chunk))
    assert force.at(after(chunk, 10)) is not None
    force.report(report(chunk, **changes))
    assert force.at(after(chunk, 10)) is None
    force.published(numbered(contract, 4))
    assert force.at(after(chunk, 210)) is None, "nor is a chunk that it may never take up"


def test_a_clock_that_was_set_back_leaves_nothing(chunk: ActionChunk) -> None:
    force = PlanInForce()
    force.published(chunk)
    force.report(report(chunk))
    assert force.at(chunk.stamp_ns - 1) is None


def test_what_was_forgotten_is_not_gone_on_from_whatever_the_executor_still_follows(
    contract: RobotContract, chunk: ActionChunk
) -> None:
    force = PlanInForce()
    force.published(chunk)
    force.report(report(chunk))
    force.forget()
    force.report(report(chunk))
    assert force.at(after(chunk, 10)) is None
    new = numbered(contract, 4, epoch=EPOCH + 1)
    force.published(new)
    assert force.at(after(new, 10)) is None, "the executor still follows what was forgotten"
    force.report(report(new))
    assert force.at(after(new, 10)) is not None


def test_the_delay_is_learned_once_from_every_chunk_that_was_taken_over(
    contract: RobotContract, chunk: ActionChunk
) -> None:
    force = PlanInForce()
    guess = force.delay_s
    force.published(chunk)
    assert force.delay_s == guess
    force.report(report(chunk, latency_s=0.13, consumed=3.0))
    assert force.delay_s == 0.13
    for seq in range(4, 60):  # the window forgets the first
        force.published(numbered(contract, seq))
        for _ in range(3):
            force.report(report(numbered(contract, seq), latency_s=0.05, consumed=1.0))
    assert force.delay_s == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("consumed", "latency_s", "speed_scale", "delay_s"),
    [
        (2.0, 0.1, 1.0, 0.1),  # all of it in motion
        (1.0, 0.3, 1.0, 0.05),  # the robot stood for most of it
        (1.0, 0.1, 0.5, 0.1),  # slow motion: fewer rows in the same time
        (1.0, 0.1, 0.0, 0.1),  # stopped since
        (0.0, 0.3, 1.0, 0.3),  # from standstill: a guess, nothing was measured before
    ],
)
def test_the_delay_is_the_smaller_of_what_passed_and_what_was_moved(
    chunk: ActionChunk, consumed: float, latency_s: float, speed_scale: float, delay_s: float
) -> None:
    force = PlanInForce()
    force.published(chunk)
    force.report(report(chunk, consumed=consumed, latency_s=latency_s, speed_scale=speed_scale))
    assert force.delay_s == pytest.approx(delay_s)


def test_a_start_from_standstill_does_not_outlast_the_first_measurement(
    contract: RobotContract, chunk: ActionChunk
) -> None:
    force = PlanInForce()
    force.published(chunk)
    force.report(report(chunk, consumed=0.0, latency_s=2.0))
    following = numbered(contract, 4)
    force.published(following)
    force.report(report(following))
    assert force.delay_s == pytest.approx(0.1)


def test_a_chunk_that_was_slow_for_reasons_of_its_own_teaches_nothing(
    contract: RobotContract, chunk: ActionChunk
) -> None:
    force = PlanInForce()
    guess = force.delay_s
    force.published(chunk, slow=True)
    force.report(report(chunk, consumed=40.0, latency_s=2.0))
    assert force.delay_s == guess
    following = numbered(contract, 4)
    force.published(following)
    force.report(report(following))
    assert force.delay_s == pytest.approx(0.1)


@given(st.floats(0.0, 1.0), st.integers(0, 40))
def test_no_more_rows_are_committed_than_pass_at_the_present_speed(
    contract: RobotContract, speed_scale: float, valid: int
) -> None:
    chunk = numbered(contract, 3)
    force = PlanInForce()
    force.published(chunk)
    plan = report(chunk, speed_scale=speed_scale, latency_s=0.2, consumed=4.0)
    force.report(plan)
    rows = force.committed_rows(plan, chunk.dt, valid)
    assert rows == min(math.ceil(4 * speed_scale - 1e-6), valid)


def test_the_delay_is_a_guess_until_it_was_measured() -> None:
    delay = DelayEstimate(0.2)
    assert delay.seconds == 0.2
    delay.guess(0.3)
    assert delay.seconds == 0.3
    delay.add(0.07)
    delay.guess(0.3)
    assert delay.seconds == 0.07


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30), st.integers(1, 10))
def test_the_delay_is_the_largest_of_the_last(latencies: list[float], window: int) -> None:
    delay = DelayEstimate(9.0, window)
    for latency in latencies:
        delay.add(latency)
    assert delay.seconds == max(latencies[-window:])
    assert delay.count == len(latencies)


def test_a_percentile_forgives_a_single_slow_call() -> None:
    delay = DelayEstimate(0.0, window=100, percent=90.0)
    for latency in [0.07] * 99 + [3.0]:
        delay.add(latency)
    assert delay.seconds == pytest.approx(0.07)


def test_a_stamp_ahead_of_the_clock_is_no_delay() -> None:
    delay = DelayEstimate(0.2)
    delay.add(-0.01)
    assert delay.seconds == 0.0
    with pytest.raises(ValueError, match="nan"):
        delay.add(math.nan)
    with pytest.raises(ValueError, match="inf"):
        delay.guess(math.inf)


@pytest.mark.parametrize("wrong", [(-0.1, 5, 100.0), (0.1, 0, 100.0), (0.1, 5, 101.0)])
def test_an_estimate_out_of_range_is_refused(wrong: tuple[float, int, float]) -> None:
    with pytest.raises(ValueError, match="initial_s"):
        DelayEstimate(*wrong)
