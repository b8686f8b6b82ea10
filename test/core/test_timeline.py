"""Pins: chunks become one motion without a jump, and a gap becomes a stop.

Whatever chunks and verdicts arrive, in whatever order, what is commanded goes on with the position,
velocity and acceleration it had. The speed scale changes when, never where.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from motions import assert_same, random_chunk, turn_between
from sample_robot import MS, SECOND, T0, home_state, make_chunk, moving_rows

from wall_oss_ros.core import action_space
from wall_oss_ros.core.admission import ChunkOutcome
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.motion import LINEAR_COLUMNS, TOOL, Motion, at_rest
from wall_oss_ros.core.rotation import matrix_from_rotation_vector, rot6d_from_matrix
from wall_oss_ros.core.timeline import Timeline
from wall_oss_ros.core.timeline_settings import TimelineSettings

DT_NS = 50 * MS
TICK = 10 * MS
ACCEPTED = ChunkOutcome.ACCEPTED
seeds = st.integers(0, 2**32 - 1)


def standing(contract: RobotContract, *, look_ahead: bool = False, **settings: object) -> Timeline:
    """A timeline that holds home since T0, without a supervisor unless told otherwise."""
    settings = {"look_ahead": look_ahead, **settings}
    timeline = Timeline(contract.schema_hash, TimelineSettings(**settings))
    timeline.hold(at_rest(home_state(contract)), T0)
    return timeline


def run_until(timeline: Timeline, end_ns: int, tick: int = TICK) -> list[Motion]:
    """Advance in ticks up to a time."""
    motions = []
    while timeline.now_ns < end_ns:
        motions.append(timeline.advance(min(timeline.now_ns + tick, end_ns)))
    return motions


def is_resting(motion: Motion) -> bool:
    rates = (motion.linear_velocity, motion.angular_velocity, motion.base_twist)
    return not any(rate.any() for rate in rates)


# --- nothing ever jumps ----------------------------------------------------------------------


@given(seeds, st.sampled_from(["blend", "ensemble"]))
def test_neither_chunk_nor_verdict_changes_the_motion_of_the_moment(
    contract: RobotContract, seed: int, join: str
) -> None:
    random = np.random.default_rng(seed)
    timeline = standing(contract, look_ahead=bool(random.integers(2)), join=join)
    accepted = 0
    for seq in range(1, 14):
        run_until(timeline, timeline.now_ns + int(random.integers(0, 25)) * TICK)
        timeline.set_target(float(random.choice([1.0, 1.0, 0.3, 0.0])))
        before, now = timeline.motion, timeline.now_ns
        if random.random() < 0.4:
            timeline.judge(seq, 1, int(random.integers(0, 20)), "a test")
        stamp = max(T0, now - int(random.integers(0, 150)) * MS)
        accepted += timeline.offer(random_chunk(contract, random, stamp, seq), now) is ACCEPTED
        assert_same(before, timeline.motion, tolerance=1e-7)
        if random.random() < 0.4:
            timeline.judge(seq, 1, int(random.integers(0, 20)), "a test")
            assert_same(before, timeline.motion, tolerance=1e-7)
    assert accepted > 3


@given(seeds, st.sampled_from(["blend", "ensemble"]))
def test_from_tick_to_tick_positions_change_by_what_velocities_say(
    contract: RobotContract, seed: int, join: str
) -> None:
    """With chunks at random times, stops, verdicts and a speed that changes all the time."""
    random = np.random.default_rng(seed)
    timeline = standing(contract, look_ahead=True, join=join)
    tick, dt = MS, 1e-3
    last = timeline.motion
    for seq in range(1, 6):
        now = timeline.now_ns
        chunk = random_chunk(contract, random, now, seq, dt=0.05)
        timeline.judge(seq, 1, int(random.integers(1, 30)), "a test")
        timeline.offer(chunk, now)
        timeline.set_target(float(random.uniform(0.0, 1.0)))
        for motion in run_until(timeline, now + int(random.integers(20, 200)) * MS, tick):
            # The middle of two velocities, with what the jerk bends within a millisecond.
            mean = (motion.linear_velocity + last.linear_velocity) / 2
            assert motion.linear - last.linear == pytest.approx(mean * dt, abs=2e-6)
            spin = (motion.angular_velocity + last.angular_velocity) / 2
            turn = turn_between(last.rotation, motion.rotation)
            assert turn == pytest.approx(spin * dt, abs=5e-6)
            change = motion.linear_velocity - last.linear_velocity
            assert np.abs(change).max() < 0.05
            last = motion


def test_splicing_jumps_between_chunks_but_never_from_a_standstill(contract: RobotContract) -> None:
    timeline = standing(contract, join="splice")
    rows = moving_rows(contract, {})
    rows[:, 0] += 0.1
    timeline.offer(make_chunk(contract, T0, rows, seq=1), T0)
    assert timeline.motion.linear[0] == pytest.approx(home_state(contract)[0])
    run_until(timeline, T0 + SECOND)
    rows[:, 0] += 0.1
    timeline.offer(make_chunk(contract, T0 + SECOND, rows, seq=2), T0 + SECOND)
    assert timeline.motion.linear[0] == pytest.approx(home_state(contract)[0] + 0.2)


def test_time_that_goes_back_moves_nothing(contract: RobotContract) -> None:
    timeline = standing(contract)
    timeline.offer(make_chunk(contract, T0, moving_rows(contract, {0: 0.01})), T0)
    run_until(timeline, T0 + 300 * MS)
    before = timeline.motion
    for back in (1, SECOND, 900 * SECOND):
        assert_same(timeline.advance(T0 + 300 * MS - back), before, tolerance=1e-12)
    after = timeline.advance(timeline.now_ns + TICK)  # and then it goes on from there
    assert after.linear[0] == pytest.approx(before.linear[0] + 0.002, abs=1e-6)


# --- following -------------------------------------------------------------------------------


@given(seeds)
def test_after_the_blend_the_chunk_itself_is_followed(contract: RobotContract, seed: int) -> None:
    random = np.random.default_rng(seed)
    timeline = standing(contract, blend_s=0.2)
    rows = moving_rows(contract, {0: 0.002, 11: -0.001}, 16)
    rows[:, [0, 11]] += random.uniform(-0.01, 0.01, 2)
    chunk = make_chunk(contract, T0, rows)
    timeline.offer(chunk, T0 + 30 * MS)
    for row in range(5, 16):
        reached = timeline.advance(chunk.due_ns(row)).linear
        assert reached == pytest.approx(rows[row, LINEAR_COLUMNS], abs=1e-6)


def test_from_a_standstill_a_late_chunk_begins_at_its_first_row(contract: RobotContract) -> None:
    """Nothing was consumed while the robot stood: skipping rows would make it jump."""
    timeline = standing(contract, blend_s=0.01)
    run_until(timeline, T0 + 2 * SECOND)
    rows = moving_rows(contract, {0: 0.001}, 8)
    taken = T0 + 1800 * MS
    assert timeline.offer(make_chunk(contract, T0 + SECOND, rows), T0 + 2 * SECOND) is ACCEPTED
    assert (timeline.consumed, timeline.latency_s, timeline.place) == (0.0, 1.0, -1.0)
    run_until(timeline, T0 + 2 * SECOND + 3 * DT_NS)
    assert timeline.motion.linear[0] == pytest.approx(rows[2, 0], abs=1e-6)
    assert taken < timeline.now_ns


@given(st.integers(1, 30), st.sampled_from([0.25, 0.5, 1.0]))
def test_rows_that_were_consumed_since_the_capture_are_skipped(
    contract: RobotContract, ticks: int, speed: float
) -> None:
    timeline = standing(contract, blend_s=0.01)
    timeline.set_target(speed)
    timeline.offer(make_chunk(contract, T0, moving_rows(contract, {0: 0.001}), seq=1), T0)
    run_until(timeline, T0 + 200 * MS)
    captured = timeline.now_ns
    run_until(timeline, captured + ticks * TICK)
    late = make_chunk(contract, captured, moving_rows(contract, {0: 0.001}), seq=2)
    assert timeline.offer(late, timeline.now_ns) is ACCEPTED
    passed = ticks * speed / 5  # rows of 50 ms
    assert timeline.consumed == pytest.approx(passed)
    assert timeline.place == pytest.approx(passed - 1.0)
    assert timeline.rows_left == math.floor(32 - passed + 1e-6)


def test_the_gripper_of_a_skipped_row_is_skipped(contract: RobotContract) -> None:
    timeline = standing(contract)
    rows = moving_rows(contract, {}, 32)
    timeline.offer(make_chunk(contract, T0, rows, seq=1), T0)
    run_until(timeline, T0 + 10 * DT_NS)
    rows[:10, 9], rows[10:, 9] = 0.0, 0.7
    timeline.offer(make_chunk(contract, T0, rows, seq=2), timeline.now_ns)
    assert timeline.advance(timeline.now_ns + TICK).grippers[0] == 0.7


@given(st.floats(0.1, 1.0), st.floats(0.0, 3.0), seeds)
def test_a_chunk_that_starts_far_away_is_approached_slowly(
    contract: RobotContract, distance: float, turn: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    direction, axis = (vector / np.linalg.norm(vector) for vector in random.normal(size=(2, 3)))
    rows = np.tile(home_state(contract), (64, 1))
    rows[:, 0:3] += distance * direction
    turned = matrix_from_rotation_vector(turn * axis)
    rows[:, action_space.ROTATION["left"]] = rot6d_from_matrix(turned)
    settings = TimelineSettings()
    timeline = standing(contract)
    timeline.offer(make_chunk(contract, T0, rows), T0)
    for motion in run_until(timeline, T0 + 3 * SECOND, 40 * MS):
        speed = np.linalg.norm(motion.linear_velocity[TOOL["left"]])
        assert speed <= settings.approach_linear + 1e-9
        # A turn shorter than the blend allows is made within the blend.
        short = 1.875 * turn / settings.blend_s
        spin = np.linalg.norm(motion.angular_velocity[0])
        assert spin <= max(settings.approach_angular, min(short, 1.25)) + 1e-9


def test_an_approach_is_not_held_up_by_further_chunks(contract: RobotContract) -> None:
    """Every join decays by itself: chunks that come all the time must not restart it."""
    timeline = standing(contract)
    rows = np.tile(home_state(contract), (32, 1))
    rows[:, 0] += 0.2
    for seq in range(1, 60):
        timeline.offer(make_chunk(contract, timeline.now_ns, rows, seq=seq), timeline.now_ns)
        run_until(timeline, timeline.now_ns + DT_NS)
    assert timeline.motion.linear[0] == pytest.approx(home_state(contract)[0] + 0.2, abs=1e-6)


@given(seeds)
def test_a_gripper_never_takes_a_value_between_rows(contract: RobotContract, seed: int) -> None:
    random = np.random.default_rng(seed)
    state = home_state(contract) + 0.0
    state[[9, 19]] = 0.4
    timeline = standing(contract)
    timeline.hold(at_rest(state), T0)
    for seq in range(1, 5):
        chunk = random_chunk(contract, random, timeline.now_ns, seq)
        timeline.offer(chunk, timeline.now_ns)
        for motion in run_until(timeline, timeline.now_ns + 400 * MS, 30 * MS):
            assert set(motion.grippers) <= {0.4, 0.0, 1.0}


@pytest.mark.parametrize(("part", "column"), [("left_arm", 0), ("lift", 23), ("head", 24)])
def test_a_part_that_is_not_commanded_stays(
    contract: RobotContract, part: str, column: int
) -> None:
    timeline = standing(contract)
    rows = moving_rows(contract, {0: 0.01, 10: 0.01, 23: 0.01, 24: 0.01}, 8)
    parts = [name for name in action_space.PARTS if name != part]
    timeline.offer(make_chunk(contract, T0, rows, parts=parts), T0)
    index = LINEAR_COLUMNS.tolist().index(column)
    for motion in run_until(timeline, T0 + SECOND):
        assert motion.linear[index] == pytest.approx(home_state(contract)[column])
    assert motion.linear[3] > home_state(contract)[10] + 0.07


@pytest.mark.parametrize("join", ["blend", "ensemble", "splice"])
@given(seed=seeds)
def test_chunks_that_agree_are_one_motion(contract: RobotContract, seed: int, join: str) -> None:
    """An even motion, told by many chunks: however they are joined, that motion is made."""
    random = np.random.default_rng(seed)
    timeline = standing(contract, join=join)
    speed = random.uniform(-0.2, 0.2, 2)
    for seq in range(1, 20):
        now = timeline.now_ns
        since_s = (now - T0) / SECOND
        rows = moving_rows(contract, {0: 0.05 * speed[0], 12: 0.05 * speed[1]}, 12)
        rows[:, [0, 12]] += since_s * speed
        timeline.offer(make_chunk(contract, now, rows, seq=seq), now)
        run_until(timeline, now + int(random.integers(1, 20)) * TICK)
        if seq > 5:
            velocity = timeline.motion.linear_velocity
            assert velocity[[0, 5]] == pytest.approx(speed, abs=1e-6)


# --- speed -----------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(0.05, 1.0), st.integers(1, 40)), min_size=1, max_size=6), seeds)
def test_the_speed_scale_changes_when_but_not_where(
    contract: RobotContract, history: list[tuple[float, int]], seed: int
) -> None:
    chunk = random_chunk(contract, np.random.default_rng(seed), T0, 1, dt=0.05)
    reference, scaled = standing(contract), standing(contract)
    for timeline in (reference, scaled):
        timeline.offer(chunk, T0)
    for speed, ticks in history:
        scaled.set_target(speed)
        for _ in range(ticks):
            motion = scaled.advance(scaled.now_ns + TICK)
            if not scaled.following:
                return
            there = reference.ahead(scaled.place)
            assert motion.linear == pytest.approx(there.linear, abs=1e-9)
            assert motion.rotation == pytest.approx(there.rotation, abs=1e-9)
            assert motion.linear_velocity == pytest.approx(scaled.rate * there.linear_velocity)
            assert motion.base_twist == pytest.approx(scaled.rate * there.base_twist)


def test_at_no_speed_it_stands_where_it_is_and_then_goes_on(contract: RobotContract) -> None:
    timeline = standing(contract)
    timeline.offer(make_chunk(contract, T0, moving_rows(contract, {0: 0.01})), T0)
    run_until(timeline, T0 + 400 * MS)
    timeline.set_target(0.0)
    run_until(timeline, T0 + 1400 * MS)
    held, place = timeline.motion, timeline.place
    assert is_resting(held) and timeline.following and not timeline.starving
    run_until(timeline, T0 + 2400 * MS)
    assert_same(timeline.motion, held, tolerance=1e-12)
    timeline.set_target(1.0)
    run_until(timeline, T0 + 3 * SECOND)
    assert timeline.place > place + 3.0


def test_a_paused_chunk_grows_too_old_to_go_on_with(contract: RobotContract) -> None:
    timeline = standing(contract, chunk_max_age_s=2.0)
    timeline.offer(make_chunk(contract, T0, moving_rows(contract, {0: 0.01}, 8)), T0)
    run_until(timeline, T0 + 100 * MS)
    timeline.set_target(0.0)
    run_until(timeline, T0 + 2390 * MS)
    assert timeline.following
    run_until(timeline, T0 + 2430 * MS)
    assert timeline.starving == "chunk 1 became 2.4 s old"
    timeline.set_target(1.0)
    run_until(timeline, T0 + 4 * SECOND)
    assert is_resting(timeline.motion) and not timeline.following


# --- gaps ------------------------------------------------------------------------------------


def test_when_the_rows_run_out_the_robot_comes_to_rest_and_holds(contract: RobotContract) -> None:
    timeline = standing(contract, stop_s=0.3, blend_s=0.01)
    rows = moving_rows(contract, {0: 0.01, 23: 0.001, 25: 0.01}, 8)
    rows[:, 20:23] = [0.3, -0.1, 0.2]
    chunk = make_chunk(contract, T0, rows)
    timeline.offer(chunk, T0)
    end = chunk.due_ns(7)
    run_until(timeline, end)
    last = timeline.motion
    assert timeline.following
    assert last.base_twist.tolist() == [0.3, -0.1, 0.2]
    left = 1.0
    for motion in run_until(timeline, end + 300 * MS):
        share = motion.linear_velocity[0] / last.linear_velocity[0]
        assert share <= left + 1e-12
        assert motion.base_twist == pytest.approx(share * last.base_twist, abs=1e-12)
        left = share
    rest = timeline.motion
    assert is_resting(rest) and timeline.starving == "rows ran out"
    # Slowing over the stop time takes half the way of going on.
    assert rest.linear == pytest.approx(last.linear + 0.15 * last.linear_velocity, abs=1e-6)
    assert_same(run_until(timeline, end + 60 * SECOND, SECOND)[-1], rest, tolerance=1e-9)


@given(seeds)
def test_the_base_never_moves_on_after_the_last_row(contract: RobotContract, seed: int) -> None:
    timeline = standing(contract)
    chunk = random_chunk(contract, np.random.default_rng(seed), T0, 1)
    timeline.offer(chunk, T0)
    end = chunk.due_ns(chunk.horizon - 1)
    run_until(timeline, end)
    before = np.linalg.norm(timeline.motion.base_twist)
    for motion in run_until(timeline, end + 400 * MS):
        speed = np.linalg.norm(motion.base_twist)
        assert speed <= before + 1e-12
        before = speed
    assert before == 0.0


@given(st.integers(1, 40))
def test_a_chunk_during_a_stop_takes_over_from_the_real_motion(
    contract: RobotContract, ticks: int
) -> None:
    timeline = standing(contract)
    first = make_chunk(contract, T0, moving_rows(contract, {0: 0.01}, 8), seq=1)
    timeline.offer(first, T0)
    run_until(timeline, first.due_ns(7) + ticks * TICK)
    before, now = timeline.motion, timeline.now_ns
    rows = moving_rows(contract, {0: 0.01}, 16)
    rows[:, 0] += before.linear[0] - rows[0, 0]
    assert timeline.offer(make_chunk(contract, now, rows, seq=2), now) is ACCEPTED
    assert_same(before, timeline.motion, tolerance=1e-9)
    run_until(timeline, now + 400 * MS)
    assert timeline.rate == 1.0 and not timeline.starving
    assert timeline.motion.linear_velocity[0] == pytest.approx(0.2, abs=1e-3)


def test_starving_begins_with_the_last_row_and_ends_with_a_chunk(contract: RobotContract) -> None:
    timeline = standing(contract)
    timeline.advance(T0 + 100 * SECOND)
    assert not timeline.starving  # no chunk was ever followed
    now = timeline.now_ns
    first = make_chunk(contract, now, moving_rows(contract, {}, 8), seq=1)
    timeline.offer(first, now)
    timeline.advance(first.due_ns(7))
    assert not timeline.starving and timeline.following
    timeline.advance(first.due_ns(7) + MS)
    assert timeline.starving and not timeline.following
    now = first.due_ns(7) + SECOND
    timeline.advance(now)
    timeline.offer(make_chunk(contract, now, moving_rows(contract, {}, 8), seq=2), now)
    assert not timeline.starving and timeline.following


def test_rows_left_counts_down_to_none(contract: RobotContract) -> None:
    timeline = standing(contract)
    assert timeline.rows_left == 0
    timeline.offer(make_chunk(contract, T0, moving_rows(contract, {}, 8)), T0)
    left = []
    for row in range(10):
        timeline.advance(T0 + MS + row * DT_NS)
        left.append(timeline.rows_left)
    assert left == [7, 6, 5, 4, 3, 2, 1, 0, 0, 0]


def test_only_the_committed_prefix_is_followed(contract: RobotContract) -> None:
    timeline = standing(contract, rows=4, blend_s=0.01)
    rows = moving_rows(contract, {0: 0.01}, 32)
    chunk = make_chunk(contract, T0, rows)
    timeline.offer(chunk, T0)
    run_until(timeline, chunk.due_ns(3))
    assert not timeline.starving
    run_until(timeline, T0 + 5 * SECOND)
    assert timeline.starving
    rest = timeline.motion.linear[0]
    assert rest == pytest.approx(rows[3, 0] + 0.15 * 0.2, abs=1e-4)  # the way of the stop


@given(st.integers(1, 12), st.floats(0.001, 10.0))
def test_any_number_of_rows_and_any_time_between_them(
    contract: RobotContract, count: int, dt: float
) -> None:
    rows = moving_rows(contract, {0: 0.0001}, count)
    chunk = make_chunk(contract, T0, rows, dt=dt)
    timeline = standing(contract, blend_s=0.01)
    assert timeline.offer(chunk, T0) is ACCEPTED
    timeline.advance(T0 + round(count * dt * SECOND / 2))
    assert timeline.following
    timeline.advance(chunk.due_ns(count - 1) + SECOND)
    assert is_resting(timeline.motion) and timeline.starving == "rows ran out"
    speed = 0.0001 / dt if count > 1 else 0.0
    assert abs(timeline.motion.linear[0] - rows[-1, 0]) <= 0.15 * speed + 1e-3


def test_a_hold_stands_still_at_once_where_it_was_told(contract: RobotContract) -> None:
    timeline = standing(contract)
    rows = moving_rows(contract, {0: 0.01}, 32)
    rows[:, 20] = 0.4
    timeline.offer(make_chunk(contract, T0, rows), T0)
    run_until(timeline, T0 + 400 * MS)
    moving = timeline.motion
    assert moving.linear_velocity[0] > 0.1
    timeline.hold(moving, timeline.now_ns)
    assert timeline.chunk is None and not timeline.starving
    for _ in range(3):
        held = timeline.advance(timeline.now_ns + 500 * MS)
        assert held.linear.tolist() == moving.linear.tolist()
        assert is_resting(held)


def test_without_a_start_nothing_is_followed(contract: RobotContract) -> None:
    timeline = Timeline(contract.schema_hash, TimelineSettings())
    with pytest.raises(ValueError, match="hold"):
        timeline.advance(T0)
    with pytest.raises(ValueError, match="hold"):
        timeline.offer(make_chunk(contract, T0, moving_rows(contract, {})), T0)
