"""Pins: every chunk that is offered has one outcome, and what is refused disturbs nothing.

And the supervisor's word: what it has not judged is followed a little way, what it does not let
through is not followed at all.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from motions import assert_same
from sample_robot import MS, SECOND, T0, home_state, make_chunk, moving_rows

from wall_oss_ros.core.action_space import PARTS
from wall_oss_ros.core.admission import ChunkOutcome
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.motion import Motion, at_rest
from wall_oss_ros.core.timeline import Timeline
from wall_oss_ros.core.timeline_settings import TimelineSettings

TICK = 10 * MS
ACCEPTED, UNSAFE = ChunkOutcome.ACCEPTED, ChunkOutcome.UNSAFE
WORD = "workspace: the left tool would leave its box by 3 cm"


def standing(contract: RobotContract, **settings: object) -> Timeline:
    """A timeline that holds home since T0, with a supervisor that looks ahead."""
    timeline = Timeline(contract.schema_hash, TimelineSettings(**settings))
    timeline.hold(at_rest(home_state(contract)), T0)
    return timeline


def run_until(timeline: Timeline, end_ns: int) -> list[Motion]:
    motions = []
    while timeline.now_ns < end_ns:
        motions.append(timeline.advance(min(timeline.now_ns + TICK, end_ns)))
    return motions


# --- what is not followed --------------------------------------------------------------------


def outcome_of(
    contract: RobotContract,
    *,
    stamp_ns: int = T0 + SECOND,
    seq: int = 6,
    epoch: int = 3,
    rows: int = 8,
    schema: str | None = None,
    **settings: object,
) -> ChunkOutcome:
    """Offer a chunk 100 ms after the epoch 3, seq 5 chunk stamped T0 + 1 s is being followed."""
    timeline = standing(contract, look_ahead=False, **settings)
    run_until(timeline, T0 + SECOND)
    steps = moving_rows(contract, {0: 0.01}, 8)
    running = make_chunk(contract, T0 + SECOND, steps, seq=5, epoch=3)
    assert timeline.offer(running, T0 + SECOND) is ACCEPTED
    run_until(timeline, T0 + SECOND + 100 * MS)
    before, now = timeline.motion, timeline.now_ns
    steps = moving_rows(contract, {0: 0.01}, rows)
    steps[:, 0] += 1.0
    offered = make_chunk(contract, stamp_ns, steps, seq=seq, epoch=epoch, schema=schema)
    outcome = timeline.offer(offered, now)
    assert timeline.chunk is (offered if outcome is ACCEPTED else running)
    assert_same(timeline.motion, before, tolerance=1e-9)
    if outcome is not ACCEPTED:
        assert timeline.taken == (3, 5)
        run_until(timeline, T0 + SECOND + 400 * MS)
        undisturbed = timeline.motion.linear[0]
        assert undisturbed == pytest.approx(home_state(contract)[0] + 0.08, abs=1e-6)
    return outcome


def test_the_next_chunk_is_followed(contract: RobotContract) -> None:
    assert outcome_of(contract) is ACCEPTED


def test_a_chunk_that_overlaps_is_followed_from_where_it_is(contract: RobotContract) -> None:
    assert outcome_of(contract, stamp_ns=T0 + SECOND + 50 * MS, rows=32) is ACCEPTED


def test_a_new_epoch_counts_anew(contract: RobotContract) -> None:
    assert outcome_of(contract, epoch=4, seq=1) is ACCEPTED


def test_a_late_chunk_is_followed_without_the_rows_that_are_over(contract: RobotContract) -> None:
    assert outcome_of(contract, rows=3) is ACCEPTED  # two of its rows were consumed


def test_a_chunk_whose_rows_are_all_over_is_refused(contract: RobotContract) -> None:
    assert outcome_of(contract, rows=2) is ChunkOutcome.ELAPSED


def test_a_chunk_given_twice_is_refused(contract: RobotContract) -> None:
    assert outcome_of(contract, seq=5) is ChunkOutcome.DUPLICATE


def test_a_chunk_out_of_order_is_refused(contract: RobotContract) -> None:
    assert outcome_of(contract, seq=4) is ChunkOutcome.OUT_OF_ORDER


def test_a_chunk_of_an_old_epoch_is_refused(contract: RobotContract) -> None:
    assert outcome_of(contract, epoch=2, seq=99) is ChunkOutcome.OLD_EPOCH


def test_a_chunk_for_another_contract_is_refused(contract: RobotContract) -> None:
    assert outcome_of(contract, schema="0" * 16) is ChunkOutcome.SCHEMA


@pytest.mark.parametrize(
    ("part", "columns", "value"),
    [
        ("left_arm", slice(3, 9), 0.0),
        ("right_arm", slice(13, 19), np.nan),
        ("left_arm", 0, 1e30),
        ("right_arm", 12, np.inf),
        ("lift", 23, np.nan),
        ("head", 25, -1e6),
        ("left_gripper", 9, np.nan),
        ("base", 21, np.inf),
    ],
)
def test_a_chunk_whose_rows_are_no_poses_is_refused(
    contract: RobotContract, part: str, columns: slice | int, value: float
) -> None:
    rows = moving_rows(contract, {0: 0.01}, 8)
    rows[5, columns] = value
    timeline = standing(contract)
    assert timeline.offer(make_chunk(contract, T0, rows), T0) is ChunkOutcome.MALFORMED
    others = [name for name in PARTS if name != part]
    # What it does not command may be anything.
    assert timeline.offer(make_chunk(contract, T0, rows, parts=others), T0) is ACCEPTED


def test_a_chunk_from_the_future_is_refused(contract: RobotContract) -> None:
    now = T0 + SECOND + 100 * MS
    assert outcome_of(contract, stamp_ns=now + 101 * MS) is ChunkOutcome.FUTURE
    assert outcome_of(contract, stamp_ns=now + 99 * MS) is ACCEPTED  # clocks differ a little


def test_a_chunk_that_is_too_old_is_refused_even_where_nothing_was_consumed(
    contract: RobotContract,
) -> None:
    timeline = standing(contract, chunk_max_age_s=1.0)
    run_until(timeline, T0 + 2 * SECOND)
    rows = moving_rows(contract, {0: 0.01})
    old = make_chunk(contract, T0 + SECOND - MS, rows, seq=1)
    assert timeline.offer(old, T0 + 2 * SECOND) is ChunkOutcome.STALE
    just = make_chunk(contract, T0 + SECOND, rows, seq=2)
    assert timeline.offer(just, T0 + 2 * SECOND) is ACCEPTED


def test_a_chunk_from_before_a_stop_is_refused(contract: RobotContract) -> None:
    timeline = standing(contract)
    rows = moving_rows(contract, {0: 0.01})
    assert timeline.offer(make_chunk(contract, T0 - 1, rows, seq=1), T0) is ChunkOutcome.BEFORE_STOP
    timeline.offer(make_chunk(contract, T0, rows, seq=1), T0)
    run_until(timeline, T0 + 300 * MS)
    stopped = timeline.now_ns
    timeline.hold(timeline.motion, stopped)
    thought_meanwhile = make_chunk(contract, stopped - 1, rows, seq=2)
    assert timeline.offer(thought_meanwhile, stopped + MS) is ChunkOutcome.BEFORE_STOP
    seen_after = make_chunk(contract, stopped, rows, seq=3)
    assert timeline.offer(seen_after, stopped + MS) is ACCEPTED


def test_a_refused_chunk_may_be_followed_by_a_good_one_of_the_same_number(
    contract: RobotContract,
) -> None:
    timeline = standing(contract)
    good = make_chunk(contract, T0, moving_rows(contract, {0: 0.01}), seq=1)
    bad = dataclasses.replace(good, schema="0" * 16)
    assert timeline.offer(bad, T0) is ChunkOutcome.SCHEMA
    assert timeline.offer(good, T0) is ACCEPTED


# --- the supervisor's word --------------------------------------------------------------------


def test_a_chunk_without_a_verdict_is_followed_only_a_little_way(contract: RobotContract) -> None:
    timeline = standing(contract, unjudged_s=0.25, blend_s=0.01)
    timeline.offer(make_chunk(contract, T0, moving_rows(contract, {0: 0.01})), T0)
    assert timeline.safe_rows == -1
    run_until(timeline, T0 + 2 * SECOND)
    assert timeline.place == pytest.approx(4.0, abs=1e-6)  # 0.25 s are five rows
    assert timeline.motion.linear[0] == pytest.approx(home_state(contract)[0] + 0.05, abs=1e-6)
    assert timeline.starving == "chunk 1 is not judged by the safety supervisor"
    assert not timeline.motion.linear_velocity.any()


def test_a_verdict_that_comes_late_lets_it_go_on_where_it_waited(contract: RobotContract) -> None:
    timeline = standing(contract, blend_s=0.01)
    timeline.offer(make_chunk(contract, T0, moving_rows(contract, {0: 0.01})), T0)
    run_until(timeline, T0 + SECOND)
    timeline.judge(1, 1, 32, "")
    assert not timeline.starving and timeline.safe_rows == 32
    run_until(timeline, T0 + 4 * SECOND)
    assert timeline.motion.linear[0] > home_state(contract)[0] + 0.32


def test_a_verdict_in_time_is_not_felt(contract: RobotContract) -> None:
    judged, unjudged = standing(contract), standing(contract, look_ahead=False)
    for timeline in (judged, unjudged):
        timeline.offer(make_chunk(contract, T0, moving_rows(contract, {0: 0.01})), T0)
        run_until(timeline, T0 + 80 * MS)
    judged.judge(1, 1, 32, "")
    for one, other in zip(
        run_until(judged, T0 + 3 * SECOND), run_until(unjudged, T0 + 3 * SECOND), strict=True
    ):
        assert_same(one, other, tolerance=1e-9)


def test_chunks_that_are_never_judged_do_not_keep_it_going(contract: RobotContract) -> None:
    timeline = standing(contract, unjudged_s=0.25, blend_s=0.01)
    for seq in range(1, 21):
        now = timeline.now_ns
        rows = moving_rows(contract, {0: 0.01})
        rows[:, 0] += timeline.motion.linear[0] - home_state(contract)[0]
        timeline.offer(make_chunk(contract, now, rows, seq=seq), now)
        run_until(timeline, now + 100 * MS)
    assert timeline.motion_s == pytest.approx(0.25, abs=1e-6)
    assert timeline.starving


@pytest.mark.parametrize("verdict_first", [True, False])
@given(safe=st.integers(4, 31))
def test_it_comes_to_rest_at_the_last_safe_row(
    contract: RobotContract, verdict_first: bool, safe: int
) -> None:
    timeline = standing(contract, blend_s=0.01)
    chunk = make_chunk(contract, T0, moving_rows(contract, {0: 0.01}))
    if verdict_first:
        timeline.judge(1, 1, safe, WORD)
    assert timeline.offer(chunk, T0) is ACCEPTED
    if not verdict_first:
        run_until(timeline, T0 + 20 * MS)
        timeline.judge(1, 1, safe, WORD)
    last = timeline.motion
    furthest = home_state(contract)[0] + 0.01 * safe
    for motion in run_until(timeline, T0 + 4 * SECOND):
        assert motion.linear[0] <= furthest + 1e-6
        change = motion.linear_velocity - last.linear_velocity
        assert np.abs(change)[0] <= 0.2 * 1.5 / 0.3 * 0.01 * 1.2 or last.linear_velocity[0] < 0.1
        last = motion
    assert last.linear[0] == pytest.approx(furthest, abs=1e-6)
    assert not last.linear_velocity.any()
    assert timeline.starving == (
        f"the safety supervisor let {safe} of 32 rows of chunk 1 through ({WORD})"
    )
    assert timeline.rows_left == 0 and not timeline.following


@given(st.integers(0, 9))
def test_a_prefix_that_is_over_when_the_verdict_comes_stops_at_once(
    contract: RobotContract, safe: int
) -> None:
    timeline = standing(contract, unjudged_s=2.0, blend_s=0.01)
    timeline.offer(make_chunk(contract, T0, moving_rows(contract, {0: 0.01})), T0)
    run_until(timeline, T0 + 500 * MS)  # row 9 is due
    before = timeline.motion
    timeline.judge(1, 1, safe, WORD)
    assert_same(timeline.motion, before, tolerance=1e-9)
    run_until(timeline, T0 + 800 * MS + TICK)
    assert not timeline.motion.linear_velocity.any()
    assert timeline.motion.linear[0] < before.linear[0] + 0.15 * 0.2 + 1e-3
    assert WORD in timeline.starving


def test_a_chunk_with_no_safe_row_is_refused_and_the_one_before_is_followed_to_its_end(
    contract: RobotContract,
) -> None:
    timeline = standing(contract, blend_s=0.01)
    for seq, safe in ((1, 8), (2, 0)):
        timeline.judge(seq, 1, safe, WORD if not safe else "")
    rows = moving_rows(contract, {0: 0.01}, 8)
    assert timeline.offer(make_chunk(contract, T0, rows, seq=1), T0) is ACCEPTED
    run_until(timeline, T0 + 100 * MS)
    now = timeline.now_ns
    assert timeline.offer(make_chunk(contract, now, rows, seq=2), now) is UNSAFE
    run_until(timeline, T0 + 400 * MS)
    assert timeline.following
    assert timeline.motion.linear[0] == pytest.approx(home_state(contract)[0] + 0.08, abs=1e-6)
    run_until(timeline, T0 + SECOND)
    assert timeline.starving == "rows ran out"


def test_a_verdict_on_another_chunk_changes_nothing(contract: RobotContract) -> None:
    timeline = standing(contract)
    timeline.offer(make_chunk(contract, T0, moving_rows(contract, {0: 0.01}), epoch=2), T0)
    timeline.judge(1, 2, 32, "")
    for seq, epoch in ((2, 2), (1, 1), (1, 3)):
        timeline.judge(seq, epoch, 0, WORD)
    run_until(timeline, T0 + 1500 * MS)
    assert timeline.following and timeline.safe_rows == 32


def test_without_a_look_ahead_nothing_waits_for_a_verdict(contract: RobotContract) -> None:
    timeline = standing(contract, look_ahead=False)
    timeline.judge(1, 1, 0, WORD)
    assert (
        timeline.offer(make_chunk(contract, T0, moving_rows(contract, {0: 0.01})), T0) is ACCEPTED
    )
    run_until(timeline, T0 + SECOND)
    assert timeline.following
