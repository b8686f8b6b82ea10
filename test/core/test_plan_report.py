"""Pins: the plan that is reported is the motion that is made if nothing new comes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from motions import random_chunk
from sample_robot import MS, SECOND, T0, home_state, make_chunk, moving_rows

from wall_oss_ros.core import action_space
from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.motion import LINEAR_COLUMNS, at_rest
from wall_oss_ros.core.plan_report import committed_plan
from wall_oss_ros.core.rotation import rot6d_from_matrix
from wall_oss_ros.core.timeline import Timeline
from wall_oss_ros.core.timeline_settings import TimelineSettings

TICK = 10 * MS
seeds = st.integers(0, 2**32 - 1)


def standing(contract: RobotContract, **settings: object) -> Timeline:
    settings = {"look_ahead": False, **settings}
    timeline = Timeline(contract.schema_hash, TimelineSettings(**settings))
    timeline.hold(at_rest(home_state(contract)), T0)
    return timeline


def report(timeline: Timeline, moving: bool = True) -> CommittedPlan:
    now = timeline.now_ns
    return committed_plan(timeline, now, moving=moving, dt=0.05, refused_seq=9)


def run_until(timeline: Timeline, end_ns: int) -> None:
    while timeline.now_ns < end_ns:
        timeline.advance(min(timeline.now_ns + TICK, end_ns))


@pytest.mark.parametrize("join", ["blend", "ensemble"])
@given(seed=seeds, speed=st.sampled_from([0.2, 1.0]))
def test_what_it_says_is_done(contract: RobotContract, seed: int, speed: float, join: str) -> None:
    random = np.random.default_rng(seed)
    timeline = standing(contract, join=join, chunk_max_age_s=60.0)
    timeline.set_target(speed)
    for seq in range(1, 4):
        now = timeline.now_ns
        timeline.offer(random_chunk(contract, random, now, seq, dt=0.05), now)
        run_until(timeline, now + int(random.integers(1, 12)) * TICK)
    plan, chunk = report(timeline), timeline.chunk
    assert plan.stamp_ns == timeline.now_ns
    for row in range(int(np.ceil(plan.place + 1e-6)), len(plan.actions)):
        left = row - timeline.place
        while left > 1e-6:
            assert timeline.following
            timeline.advance(timeline.now_ns + round(left * 0.05 / timeline.rate * SECOND))
            left = row - timeline.place
        done = timeline.motion
        assert plan.actions[row, LINEAR_COLUMNS] == pytest.approx(done.linear, abs=1e-6)
        for arm, side in enumerate(action_space.SIDES):
            if chunk.commands(f"{side}_arm"):
                turn = rot6d_from_matrix(done.rotation[arm])
                told = plan.actions[row, action_space.ROTATION[side]]
                assert told == pytest.approx(turn, abs=1e-6)


@given(seeds)
def test_the_row_before_now_leads_in_a_line_to_where_it_is(
    contract: RobotContract, seed: int
) -> None:
    random = np.random.default_rng(seed)
    timeline = standing(contract)
    timeline.offer(make_chunk(contract, T0, moving_rows(contract, {0: 0.01}), seq=1), T0)
    run_until(timeline, T0 + int(random.integers(11, 60)) * TICK)
    plan = report(timeline)
    row = int(np.floor(plan.place))
    back_s = (plan.place - row) * plan.dt
    motion = timeline.ahead(plan.place)
    expected = motion.linear - back_s * motion.linear_velocity
    assert plan.actions[row, LINEAR_COLUMNS] == pytest.approx(expected, abs=1e-9)


def test_while_it_holds_there_is_nothing_to_go_on_from(contract: RobotContract) -> None:
    timeline = standing(contract)
    plan = report(timeline)
    assert (plan.following, plan.seq, len(plan.actions), plan.refused_seq) == (False, 0, 0, 9)
    timeline.offer(make_chunk(contract, T0, moving_rows(contract, {}, 8), seq=4, epoch=2), T0)
    assert report(timeline).following
    assert not report(timeline, moving=False).following
    run_until(timeline, T0 + SECOND)
    plan = report(timeline)
    assert (plan.following, len(plan.actions), plan.speed_scale) == (False, 0, 0.0)
    assert (plan.epoch, plan.seq) == (2, 4)  # it was taken, and is over


def test_only_the_safe_prefix_is_in_the_plan(contract: RobotContract) -> None:
    timeline = standing(contract, look_ahead=True)
    timeline.offer(make_chunk(contract, T0, moving_rows(contract, {0: 0.01}), seq=1), T0)
    assert len(report(timeline).actions) == 32  # not judged yet: its word comes soon
    timeline.judge(1, 1, 12, "a test")
    assert len(report(timeline).actions) == 12
    run_until(timeline, T0 + 2 * SECOND)
    assert not report(timeline).following


def test_it_says_how_late_the_chunk_was_taken(contract: RobotContract) -> None:
    timeline = standing(contract)
    timeline.offer(make_chunk(contract, T0, moving_rows(contract, {0: 0.01}), seq=1), T0)
    run_until(timeline, T0 + 200 * MS)
    late = make_chunk(contract, T0 + 100 * MS, moving_rows(contract, {0: 0.01}), seq=2)
    timeline.offer(late, T0 + 200 * MS)
    plan = report(timeline)
    assert (plan.consumed, plan.latency_s) == (pytest.approx(2.0), pytest.approx(0.1))
    assert plan.place == pytest.approx(1.0)
    assert plan.speed_scale == 1.0


def test_what_a_chunk_does_not_command_is_the_state_it_was_made_from(
    contract: RobotContract,
) -> None:
    timeline = standing(contract)
    rows = moving_rows(contract, {0: 0.01})
    rows[:, 23] = np.nan
    parts = [part for part in action_space.PARTS if part != "lift"]
    timeline.offer(make_chunk(contract, T0, rows, parts=parts), T0)
    assert report(timeline).actions[:, 23] == pytest.approx(home_state(contract)[23])
