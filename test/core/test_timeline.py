"""Pins: chunks become one motion without a jump, and a gap becomes a stop.

At a join the motion goes on with exactly the position and velocity it had (to 1e-9), whatever the
new chunk says; position and velocity agree everywhere, so what looks smooth is smooth.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import MS, SECOND, T0, home_state, make_chunk, moving_rows

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import ActionChunk
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.motion import LINEAR_COLUMNS, TOOL, Motion, at_rest
from wall_oss_ros.core.rotation import (
    Array,
    matrix_from_rotation_vector,
    rot6d_from_matrix,
    rotation_vector_from_matrix,
)
from wall_oss_ros.core.timeline import ChunkOutcome, Timeline, TimelineSettings

DT_NS = 50 * MS
TICK = 10 * MS
seeds = st.integers(0, 2**32 - 1)


def standing(contract: RobotContract, **settings: float) -> Timeline:
    """A timeline that holds home since T0."""
    timeline = Timeline(contract.schema_hash, TimelineSettings(**settings))
    timeline.hold(at_rest(home_state(contract)), T0)
    return timeline


def wandering(
    contract: RobotContract, random: np.random.Generator, stamp_ns: int, seq: int
) -> ActionChunk:
    """A chunk that starts up to some 10 cm and half a radian from home and wanders on."""
    count = int(random.integers(2, 20))
    rows = np.tile(home_state(contract), (count, 1))
    rows[:, LINEAR_COLUMNS] += random.normal(0.0, 0.1, 9)
    rows[:, LINEAR_COLUMNS] += np.cumsum(random.normal(0.0, 0.01, (count, 9)), axis=0)
    for side in action_space.SIDES:
        turn = matrix_from_rotation_vector(random.normal(0.0, 0.5, 3))
        for row in rows:
            turn = matrix_from_rotation_vector(random.normal(0.0, 0.03, 3)) @ turn
            row[action_space.ROTATION[side]] = rot6d_from_matrix(turn)
    rows[:, [9, 19]] = random.choice([0.0, 1.0], (count, 2))
    rows[:, action_space.BASE] = random.normal(0.0, 0.2, (count, 3))
    parts = [part for part in action_space.PARTS if random.random() < 0.9]
    return make_chunk(contract, stamp_ns, rows, seq=seq, parts=parts)


def speeds(motion: Motion) -> tuple[float, float]:
    """Largest speed of a tool [m/s] and largest turning speed [rad/s]."""
    linear = max(float(np.linalg.norm(motion.linear_velocity[TOOL[side]])) for side in TOOL)
    return linear, float(np.linalg.norm(motion.angular_velocity, axis=1).max())


def turn_between(first: Array, second: Array) -> Array:
    return rotation_vector_from_matrix(second @ np.swapaxes(first, -1, -2))


# --- joins -----------------------------------------------------------------------------------


@given(seeds)
def test_an_offer_changes_neither_position_nor_velocity_of_the_moment(
    contract: RobotContract, seed: int
) -> None:
    random = np.random.default_rng(seed)
    timeline = standing(contract)
    now = T0
    for seq in range(1, 8):
        now += int(random.integers(1, 800)) * MS
        running = timeline.sample(now)
        stamp = max(T0, now - int(random.integers(0, 80)) * MS)
        assert timeline.offer(wandering(contract, random, stamp, seq), now) is (
            ChunkOutcome.ACCEPTED
        )
        for moment in (now, now + 1):
            joined = timeline.sample(moment)
            assert joined.linear == pytest.approx(running.linear, abs=1e-7)
            assert joined.linear_velocity == pytest.approx(running.linear_velocity, abs=1e-5)
            assert joined.rotation == pytest.approx(running.rotation, abs=1e-7)
            assert joined.angular_velocity == pytest.approx(running.angular_velocity, abs=1e-5)


@given(seeds)
def test_velocity_is_the_rate_of_change_of_position_through_joins_and_stops(
    contract: RobotContract, seed: int
) -> None:
    random = np.random.default_rng(seed)
    timeline = standing(contract)
    h = 50_000  # [ns]
    now = T0
    for seq in range(1, 4):
        chunk = wandering(contract, random, now, seq)
        timeline.offer(chunk, now)
        bends = {chunk.due_ns(row) for row in range(chunk.horizon)}  # SLERP bends at rows
        for _ in range(6):
            now += int(random.integers(2, 150)) * MS
            if any(abs(now - bend) <= h for bend in bends):
                now += MS
            before, here, after = (timeline.sample(now + shift) for shift in (-h, 0, h))
            speed = (after.linear - before.linear) / (2e-9 * h)
            assert here.linear_velocity == pytest.approx(speed, abs=2e-3)
            turning = turn_between(before.rotation, after.rotation) / (2e-9 * h)
            assert here.angular_velocity == pytest.approx(turning, abs=2e-3)


@given(seeds)
def test_after_the_blend_the_chunk_itself_is_followed(contract: RobotContract, seed: int) -> None:
    random = np.random.default_rng(seed)
    timeline = standing(contract, blend_s=0.2)
    rows = moving_rows(contract, {0: 0.002, 11: -0.001}, 16)
    rows[:, [0, 11]] += random.uniform(-0.01, 0.01, 2)
    chunk = make_chunk(contract, T0, rows)
    timeline.offer(chunk, T0 + 30 * MS)
    for row in range(5, 16):
        reached = timeline.sample(chunk.due_ns(row)).linear
        assert reached == pytest.approx(rows[row, LINEAR_COLUMNS], abs=1e-6)


def test_rows_that_are_past_are_skipped_not_made_up_for(contract: RobotContract) -> None:
    timeline = standing(contract, blend_s=0.01)
    rows = moving_rows(contract, {0: 0.001}, 32)
    rows[:10, 9], rows[10:, 9] = 0.0, 0.7
    chunk = make_chunk(contract, T0, rows)
    timeline.offer(chunk, chunk.due_ns(9) + MS)  # ten rows late
    assert timeline.rows_left(chunk.due_ns(9) + MS) == 21
    now = chunk.due_ns(12)
    motion = timeline.sample(now)
    assert motion.linear[0] == pytest.approx(rows[12, 0], abs=1e-6)
    assert motion.grippers[0] == 0.7


@given(st.floats(0.1, 1.0), st.floats(0.0, 3.0), seeds)
def test_a_chunk_that_starts_far_away_is_approached_slowly(
    contract: RobotContract, distance: float, turn: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    direction, axis = (vector / np.linalg.norm(vector) for vector in random.normal(size=(2, 3)))
    rows = np.tile(home_state(contract), (32, 1))
    rows[:, 0:3] += distance * direction
    rows[:, action_space.ROTATION["left"]] = rot6d_from_matrix(
        matrix_from_rotation_vector(turn * axis)
    )
    settings = TimelineSettings()
    timeline = standing(contract)
    timeline.offer(make_chunk(contract, T0, rows), T0)
    for now in range(T0, T0 + 1_600 * MS, 40 * MS):
        linear, angular = speeds(timeline.sample(now))
        assert linear <= settings.approach_linear + 1e-9
        # A turn shorter than the blend allows is made within the blend.
        assert angular <= max(settings.approach_angular, 1.5 * turn / settings.blend_s) + 1e-9
        if turn > 0.2:
            assert angular <= settings.approach_angular + 1e-9


@given(seeds)
def test_a_turn_to_a_new_chunk_takes_the_short_way(contract: RobotContract, seed: int) -> None:
    axis = np.random.default_rng(seed).normal(size=3)
    turn = matrix_from_rotation_vector(math.radians(150) * axis / np.linalg.norm(axis))
    rows = np.tile(home_state(contract), (128, 1))
    rows[:, action_space.ROTATION["left"]] = rot6d_from_matrix(turn)
    timeline = standing(contract)
    timeline.offer(make_chunk(contract, T0, rows), T0)
    for now in range(T0, T0 + 6 * SECOND, 200 * MS):
        here = timeline.sample(now).rotation[0]
        way = np.linalg.norm(turn_between(np.eye(3), here))
        rest = np.linalg.norm(turn_between(here, turn))
        assert way + rest == pytest.approx(math.radians(150), abs=1e-6)
    assert rest == pytest.approx(0.0, abs=1e-6)


@given(seeds)
def test_a_gripper_never_takes_a_value_between_rows(contract: RobotContract, seed: int) -> None:
    random = np.random.default_rng(seed)
    state = home_state(contract) + 0.0
    state[[9, 19]] = 0.4
    timeline = Timeline(contract.schema_hash, TimelineSettings())
    timeline.hold(at_rest(state), T0)
    now = T0
    for seq in range(1, 5):
        timeline.offer(wandering(contract, random, now, seq), now)
        for _ in range(int(random.integers(2, 25))):
            now += 3 * TICK
            assert set(timeline.sample(now).grippers) <= {0.4, 0.0, 1.0}


@pytest.mark.parametrize(("part", "column"), [("left_arm", 0), ("lift", 23), ("head", 24)])
def test_a_part_that_is_not_commanded_stays(
    contract: RobotContract, part: str, column: int
) -> None:
    timeline = standing(contract)
    rows = moving_rows(contract, {0: 0.01, 10: 0.01, 23: 0.01, 24: 0.01}, 8)
    parts = [name for name in action_space.PARTS if name != part]
    timeline.offer(make_chunk(contract, T0, rows, parts=parts), T0)
    index = LINEAR_COLUMNS.tolist().index(column)
    for now in range(T0, T0 + SECOND, TICK):
        assert timeline.sample(now).linear[index] == pytest.approx(home_state(contract)[column])
    assert timeline.sample(now).linear[3] == pytest.approx(home_state(contract)[10] + 0.08, abs=0.1)


def test_a_question_about_the_past_is_answered_without_a_leap(contract: RobotContract) -> None:
    timeline = standing(contract)
    rows = np.tile(home_state(contract), (32, 1))
    rows[:, 0] += 0.2
    timeline.offer(make_chunk(contract, T0, rows), T0 + 100 * MS)
    for back_s in (0.0, 0.05, 1.0, 900.0):  # the last: a clock that started over
        motion = timeline.sample(T0 + 100 * MS - round(back_s * SECOND))
        assert motion.linear == pytest.approx(home_state(contract)[LINEAR_COLUMNS])


# --- gaps ------------------------------------------------------------------------------------


def test_when_the_rows_run_out_the_robot_comes_to_rest_and_holds(contract: RobotContract) -> None:
    timeline = standing(contract, stop_s=0.3, blend_s=0.01)
    rows = moving_rows(contract, {0: 0.01, 23: 0.001, 25: 0.01}, 8)
    rows[:, 20:23] = [0.3, -0.1, 0.2]
    chunk = make_chunk(contract, T0, rows)
    timeline.offer(chunk, T0)
    end = chunk.due_ns(7)
    last = timeline.sample(end)
    assert last.base_twist.tolist() == [0.3, -0.1, 0.2]
    for after in range(0, 300, 10):
        left = 1.0 - after / 300
        motion = timeline.sample(end + after * MS)
        assert motion.linear_velocity == pytest.approx(left * last.linear_velocity, abs=1e-9)
        assert motion.base_twist == pytest.approx(left * last.base_twist, abs=1e-9)
    rest, later = timeline.sample(end + 300 * MS), timeline.sample(end + 60 * SECOND)
    assert rest.linear == pytest.approx(later.linear)
    assert rest.linear == pytest.approx(last.linear + 0.15 * last.linear_velocity)
    for motion in (rest, later):
        assert not motion.linear_velocity.any() and not motion.base_twist.any()


@given(seeds)
def test_the_base_never_moves_on_after_the_last_row(contract: RobotContract, seed: int) -> None:
    random = np.random.default_rng(seed)
    timeline = standing(contract)
    chunk = wandering(contract, random, T0, 1)
    timeline.offer(chunk, T0)
    end = chunk.due_ns(chunk.horizon - 1)
    before = np.linalg.norm(timeline.sample(end).base_twist)
    for now in range(end, end + 400 * MS, TICK):
        speed = np.linalg.norm(timeline.sample(now).base_twist)
        assert speed <= before + 1e-12
        before = speed
    assert before == 0.0


def test_starving_begins_with_the_last_row_and_ends_with_a_chunk(contract: RobotContract) -> None:
    timeline = standing(contract)
    assert not timeline.starving(T0 + 100 * SECOND)  # no chunk was ever followed
    rows = moving_rows(contract, {}, 8)
    first = make_chunk(contract, T0, rows, seq=1)
    timeline.offer(first, T0)
    end = first.due_ns(7)
    assert not timeline.starving(end)
    assert timeline.starving(end + 1)
    timeline.sample(end + SECOND)
    assert timeline.starving(end + SECOND)
    timeline.offer(make_chunk(contract, end + SECOND, rows, seq=2), end + SECOND)
    assert not timeline.starving(end + SECOND)


def test_rows_left_counts_down_to_none(contract: RobotContract) -> None:
    timeline = standing(contract)
    assert timeline.rows_left(T0) == 0
    chunk = make_chunk(contract, T0, moving_rows(contract, {}, 8))
    timeline.offer(chunk, T0)
    left = [timeline.rows_left(T0 + MS + row * DT_NS) for row in range(10)]
    assert left == [7, 6, 5, 4, 3, 2, 1, 0, 0, 0]


def test_only_the_committed_prefix_is_followed(contract: RobotContract) -> None:
    timeline = standing(contract, rows=4, blend_s=0.01)
    rows = moving_rows(contract, {0: 0.01}, 32)
    chunk = make_chunk(contract, T0, rows)
    timeline.offer(chunk, T0)
    assert not timeline.starving(chunk.due_ns(3))
    assert timeline.starving(chunk.due_ns(3) + 1)
    rest = timeline.sample(T0 + 10 * SECOND).linear[0]
    assert rest == pytest.approx(rows[3, 0] + 0.15 * 0.2, abs=1e-6)  # the way of the stop
    late = make_chunk(contract, T0, rows, seq=2)
    assert timeline.offer(late, chunk.due_ns(3)) is ChunkOutcome.ELAPSED


# --- what is not followed --------------------------------------------------------------------


def outcome_of(
    contract: RobotContract,
    *,
    stamp_ns: int = T0 + SECOND,
    seq: int = 6,
    epoch: int = 3,
    schema: str | None = None,
) -> ChunkOutcome:
    """Offer a chunk 100 ms after the epoch 3, seq 5 chunk stamped T0 + 1 s is being followed."""
    timeline = standing(contract)
    rows = moving_rows(contract, {0: 0.01}, 8)
    running = make_chunk(contract, T0 + SECOND, rows, seq=5, epoch=3)
    now = T0 + SECOND + 100 * MS
    assert timeline.offer(running, now) is ChunkOutcome.ACCEPTED
    before = timeline.sample(now)
    rows[:, 0] += 1.0
    offered = make_chunk(contract, stamp_ns, rows, seq=seq, epoch=epoch, schema=schema)
    outcome = timeline.offer(offered, now)
    followed = offered if outcome is ChunkOutcome.ACCEPTED else running
    assert timeline.chunk is followed
    assert timeline.sample(now).linear == pytest.approx(before.linear)
    if outcome is not ChunkOutcome.ACCEPTED:
        undisturbed = timeline.sample(T0 + SECOND + 400 * MS).linear[0]
        assert undisturbed == pytest.approx(home_state(contract)[0] + 0.08, abs=1e-6)
    return outcome


def test_the_next_chunk_is_followed(contract: RobotContract) -> None:
    assert outcome_of(contract) is ChunkOutcome.ACCEPTED


def test_a_new_epoch_counts_anew(contract: RobotContract) -> None:
    assert outcome_of(contract, epoch=4, seq=1) is ChunkOutcome.ACCEPTED


def test_a_chunk_given_twice_is_refused(contract: RobotContract) -> None:
    assert outcome_of(contract, seq=5) is ChunkOutcome.OUT_OF_ORDER


def test_a_chunk_out_of_order_is_refused(contract: RobotContract) -> None:
    assert outcome_of(contract, seq=4) is ChunkOutcome.OUT_OF_ORDER


def test_a_chunk_of_an_old_epoch_is_refused(contract: RobotContract) -> None:
    assert outcome_of(contract, epoch=2, seq=99) is ChunkOutcome.OLD_EPOCH


def test_a_chunk_for_another_contract_is_refused(contract: RobotContract) -> None:
    assert outcome_of(contract, schema="0123456789abcdef") is ChunkOutcome.SCHEMA


def test_a_chunk_whose_rows_are_all_past_is_refused(contract: RobotContract) -> None:
    last_row_now = T0 + SECOND + 100 * MS - 8 * DT_NS
    assert outcome_of(contract, stamp_ns=last_row_now) is ChunkOutcome.ELAPSED
    assert outcome_of(contract, stamp_ns=last_row_now + 1) is ChunkOutcome.ACCEPTED


def test_a_chunk_from_the_future_is_refused(contract: RobotContract) -> None:
    tolerated = T0 + SECOND + 200 * MS
    assert outcome_of(contract, stamp_ns=tolerated + 1) is ChunkOutcome.FUTURE
    assert outcome_of(contract, stamp_ns=tolerated) is ChunkOutcome.ACCEPTED


def test_a_chunk_observed_before_a_stop_is_refused(contract: RobotContract) -> None:
    assert outcome_of(contract, stamp_ns=T0 - 1) is ChunkOutcome.BEFORE_STOP
    timeline = standing(contract)
    rows = moving_rows(contract, {0: 0.01}, 32)
    timeline.offer(make_chunk(contract, T0, rows, seq=1), T0)
    stopped = T0 + 300 * MS
    timeline.hold(timeline.sample(stopped), stopped)
    thought_meanwhile = make_chunk(contract, stopped - 1, rows, seq=2)
    assert timeline.offer(thought_meanwhile, stopped + MS) is ChunkOutcome.BEFORE_STOP
    seen_after = make_chunk(contract, stopped, rows, seq=3)
    assert timeline.offer(seen_after, stopped + MS) is ChunkOutcome.ACCEPTED


def test_a_hold_stands_still_at_once_where_it_was_told(contract: RobotContract) -> None:
    timeline = standing(contract)
    rows = moving_rows(contract, {0: 0.01}, 32)
    rows[:, 20] = 0.4
    timeline.offer(make_chunk(contract, T0, rows), T0)
    now = T0 + 400 * MS
    moving = timeline.sample(now)
    assert moving.linear_velocity[0] > 0.1
    timeline.hold(moving, now)
    assert timeline.chunk is None and not timeline.starving(now + SECOND)
    for later in (now, now + 100 * MS, now + SECOND):
        held = timeline.sample(later)
        assert held.linear.tolist() == moving.linear.tolist()
        assert not held.linear_velocity.any() and not held.base_twist.any()


def test_without_a_start_nothing_is_followed(contract: RobotContract) -> None:
    timeline = Timeline(contract.schema_hash, TimelineSettings())
    with pytest.raises(ValueError, match="hold"):
        timeline.sample(T0)
    with pytest.raises(ValueError, match="hold"):
        timeline.offer(make_chunk(contract, T0, moving_rows(contract, {})), T0)
