"""Pins: looking ahead finds the first row of a chunk that must not be followed, and says why.

What is before it is safe by arithmetic that knows nothing of the look-ahead; a safe chunk passes
whole. The kinematics are those on one page: joints 1 to 3 move a tool by 1 m/rad.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import T0, FakeKinematics, home_state, make_chunk, moving_rows

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import ActionChunk
from wall_oss_ros.core.contract import HalfSpace, RobotContract, Sphere, Zone
from wall_oss_ros.core.rotation import Array, matrix_from_rpy, rot6d_from_matrix
from wall_oss_ros.core.safety.boundaries import Boundaries
from wall_oss_ros.core.safety.chunk_verdict import ChunkVerdict
from wall_oss_ros.core.safety.look_ahead import LookAhead
from wall_oss_ros.core.safety.look_ahead_settings import LookAheadSettings

ROWS = 32
LEFT_X, LEFT_Y, LEFT_Z, RIGHT_Y = 0, 1, 2, 11
ARMS = ("left_arm", "right_arm")


def look_ahead(contract: RobotContract, **zones: Zone) -> LookAhead:
    boundaries = Boundaries(contract, FakeKinematics(contract), 0.03)
    boundaries.replace(zones)
    return LookAhead(contract, FakeKinematics(contract), boundaries, LookAheadSettings())


def judge(
    contract: RobotContract,
    rows: Array,
    start: Mapping[str, float] | None = None,
    now_place: float | None = None,
    parts: tuple[str, ...] = action_space.PARTS,
    **zones: Zone,
) -> ChunkVerdict:
    chunk = make_chunk(contract, T0, rows, seq=7, epoch=3, parts=parts)
    return look_ahead(contract, **zones).judge(chunk, start or contract.home, now_place)


def cut_at(verdict: ChunkVerdict, row: int, rule: str, *words: str) -> None:
    assert (verdict.safe_rows, verdict.rule) == (row, rule)
    assert verdict.reason.startswith(f"row {row}: ")
    for word in words:
        assert word in verdict.reason


def turned_rows(contract: RobotContract, angle: float) -> Array:
    """Home, the left tool turned about z by `angle` [rad] more with each row."""
    rows = np.tile(home_state(contract), (ROWS, 1))
    for row in range(ROWS):
        turn = matrix_from_rpy((0.0, 0.0, angle * (row + 1)))
        rows[row, action_space.ROTATION["left"]] = rot6d_from_matrix(turn)
    return rows


# --- safe chunks -----------------------------------------------------------------------------


@given(st.tuples(*[st.floats(-0.006, 0.006)] * 4), st.integers(1, ROWS))
def test_a_safe_chunk_passes_whole(
    contract: RobotContract, step: tuple[float, ...], count: int
) -> None:
    columns = dict(zip((LEFT_X, LEFT_Y, LEFT_Z, RIGHT_Y), step, strict=True))
    verdict = judge(contract, moving_rows(contract, columns, count))
    assert verdict == ChunkVerdict(7, 3, count, count)


def test_what_is_not_commanded_is_not_judged(contract: RobotContract) -> None:
    rows = moving_rows(contract, {LEFT_X: 0.005}, ROWS)
    rows[:, action_space.POSITION["right"]] = math.nan
    rows[:, action_space.BASE] = 1e9
    assert judge(contract, rows, parts=("left_arm", "head")).safe_rows == ROWS


# --- the first bad row -----------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1))
def test_the_safe_prefix_keeps_every_border_and_the_next_row_does_not(
    contract: RobotContract, seed: int
) -> None:
    random = np.random.default_rng(seed)
    rows = np.tile(home_state(contract), (ROWS, 1))
    columns = [0, 1, 2, 10, 11, 12]
    rows[:, columns] += np.cumsum(random.normal(0.0, 0.015, (ROWS, 6)), axis=0)
    ball = Sphere((0.65, 0.35, 1.1), 0.12)
    wall = HalfSpace((0.0, -0.3, 0.0), (0.0, 1.0, 0.0))
    verdict = judge(
        contract,
        rows,
        ball=Zone("out", ARMS, "base_footprint", 0.05, sphere=ball),
        wall=Zone("out", ("right_arm",), "base_footprint", 0.05, half_space=wall),
    )
    left, right = rows[:, 0:3], rows[:, 10:13]
    clearance = contract.clearance
    assert clearance is not None
    good = np.linalg.norm(left - ball.centre, axis=1) >= ball.radius
    good &= np.linalg.norm(right - ball.centre, axis=1) >= ball.radius
    good &= right[:, 1] >= -0.3
    good &= np.linalg.norm(left - right, axis=1) - 2 * FakeKinematics.BALL_M >= clearance.stop
    for side, tools in (("left", left), ("right", right)):
        box = contract.arms[side].workspace
        good &= np.all((tools >= box.min) & (tools <= box.max), axis=1)
        moved = np.linalg.norm(np.diff(tools, axis=0), axis=1) / contract.action.dt
        good[1:] &= moved <= 1.5 * contract.arms[side].speed.linear
    expected = ROWS if good.all() else int(np.argmin(good))
    assert verdict.safe_rows == expected
    assert (verdict.rule == "") == (expected == ROWS)


@given(st.integers(0, ROWS - 1), st.sampled_from([math.nan, math.inf, -math.inf, 1e30]))
def test_a_number_that_is_none_ends_the_chunk(
    contract: RobotContract, row: int, bad: float
) -> None:
    rows = moving_rows(contract, {LEFT_X: 0.004}, ROWS)
    rows[row, RIGHT_Y] = bad
    cut_at(judge(contract, rows), row, "well_formed", "'follow_right_ee_cartesian_pos' is")


def test_a_rotation_that_is_none_ends_the_chunk(contract: RobotContract) -> None:
    rows = moving_rows(contract, {LEFT_X: 0.004}, ROWS)
    rows[9:, action_space.ROTATION["right"]] = 0.0
    cut_at(judge(contract, rows), 9, "well_formed", "right tool's rotation")


@pytest.mark.parametrize(
    ("column", "inside", "outside", "name"),
    [
        (action_space.GRIPPER["left"], 1.4, 1.6, "left gripper"),
        (action_space.LIFT, 0.5, 0.55, "'torso_lift_joint'"),
        (action_space.HEAD.start, -2.5, -2.7, "'head_1_joint'"),
    ],
)
def test_a_little_beyond_a_range_is_clipped_later_and_nonsense_is_cut(
    contract: RobotContract, column: int, inside: float, outside: float, name: str
) -> None:
    rows = moving_rows(contract, {}, ROWS)
    rows[5:, column] = inside
    assert judge(contract, rows).safe_rows == ROWS
    rows[11:, column] = outside
    cut_at(judge(contract, rows), 11, "joint_limits", f"{name} at {outside:.3f}, range")


def test_a_base_that_should_race_is_cut(contract: RobotContract) -> None:
    rows = moving_rows(contract, {}, ROWS)
    rows[:, 20] = 0.6
    assert judge(contract, rows).safe_rows == ROWS
    rows[4, 20:22] = 0.6
    cut_at(judge(contract, rows), 4, "base_speed", "base drives at 0.849, limit 0.500 m/s")
    rows[2, 22] = -1.3
    cut_at(judge(contract, rows), 2, "base_speed", "base turns at 1.300, limit 0.800 rad/s")


def test_tools_that_should_race_are_cut(contract: RobotContract) -> None:
    rows = moving_rows(contract, {}, ROWS)
    rows[6:, LEFT_Z] += 0.061
    cut_at(judge(contract, rows), 6, "tool_speed", "left tool moves at 1.220, limit 0.800 m/s")
    assert judge(contract, turned_rows(contract, 0.05)).rule in ("", "reach")
    fast = judge(contract, turned_rows(contract, 0.23))
    cut_at(fast, 1, "tool_speed", "left tool turns at 4.600, limit 3.000 rad/s")


def test_a_jump_away_from_where_the_robot_is_refuses_the_whole_chunk(
    contract: RobotContract,
) -> None:
    rows = moving_rows(contract, {}, ROWS)
    rows[:, LEFT_Y] += 0.31
    cut_at(judge(contract, rows), 0, "jump", "left tool 0.310 m from where it is now, limit 0.300")
    turned = np.tile(turned_rows(contract, 1.3)[0], (ROWS, 1))
    cut_at(judge(contract, turned), 0, "jump", "left tool turned 1.300 rad from now, limit 1.200")


def test_a_robot_that_is_already_well_into_the_chunk_is_no_jump(contract: RobotContract) -> None:
    rows = moving_rows(contract, {LEFT_X: 0.011}, ROWS)
    start = {**contract.home, "arm_left_1_joint": contract.home["arm_left_1_joint"] + 0.35}
    assert judge(contract, rows, start).safe_rows == ROWS
    assert judge(contract, rows, start, now_place=20.0).safe_rows == ROWS
    cut_at(judge(contract, rows, start, now_place=-0.5), 0, "jump", "left tool 0.339 m from")


def test_a_row_that_no_posture_meets_is_cut(contract: RobotContract) -> None:
    rows = moving_rows(contract, {LEFT_X: 0.01}, ROWS)
    joint = contract.arms["left"].joints["arm_left_1_joint"]
    short = dataclasses.replace(joint, position=(joint.position[0], joint.home + 0.1))
    arm = contract.arms["left"]
    joints = {**arm.joints, "arm_left_1_joint": short}
    stiff = dataclasses.replace(
        contract, arms={**contract.arms, "left": dataclasses.replace(arm, joints=joints)}
    )
    verdict = judge(stiff, rows)
    cut_at(verdict, 13, "reach", "the left arm cannot bring its tool to [0.79", "0.040 m")


def test_a_joint_that_should_race_is_cut(contract: RobotContract) -> None:
    arm = contract.arms["left"]
    joint = dataclasses.replace(arm.joints["arm_left_1_joint"], velocity=0.02)
    joints = {**arm.joints, "arm_left_1_joint": joint}
    slow = dataclasses.replace(
        contract, arms={**contract.arms, "left": dataclasses.replace(arm, joints=joints)}
    )
    rows = moving_rows(contract, {LEFT_X: 0.002}, ROWS)
    assert judge(slow, rows).safe_rows == ROWS
    rows[8:, LEFT_X] += 0.004
    words = "'arm_left_1_joint' at 0.12 rad/s, limit 0.02 rad/s"
    cut_at(judge(slow, rows), 8, "joint_limits", words)


def test_the_reason_names_row_place_and_limit(contract: RobotContract) -> None:
    wall = HalfSpace((0.0, 0.0, 1.0), (0.0, 0.0, 1.0))
    table = Zone("out", ARMS, "base_footprint", 0.05, half_space=wall)
    verdict = judge(contract, moving_rows(contract, {LEFT_Z: -0.011}, ROWS), table=table)
    cut_at(
        verdict,
        10,
        "zones",
        "left tool to zone 'table' would be -0.001 m, limit 0 m",
        "left tool at [0.65, 0.2, 0.999] m",
    )
    near = judge(contract, moving_rows(contract, {LEFT_Y: -0.01}, ROWS))
    cut_at(near, 28, "clearance", "between gripper_left_base_link and gripper_right_base_link")


# --- where the robot is, and when ------------------------------------------------------------


def below(contract: RobotContract, depth: float) -> tuple[dict[str, float], Array]:
    """The left tool that deep below a table at its home height, and rows from there."""
    start = {**contract.home, "arm_left_3_joint": contract.home["arm_left_3_joint"] - depth}
    rows = moving_rows(contract, {}, ROWS)
    rows[:, LEFT_Z] -= depth
    return start, rows


def test_who_is_beyond_a_border_may_come_back_but_not_go_further(contract: RobotContract) -> None:
    plane = HalfSpace((0.0, 0.0, 1.12), (0.0, 0.0, 1.0))
    table = Zone("out", ("left_arm",), "base_footprint", 0.05, half_space=plane)
    start, rows = below(contract, 0.05)
    still = judge(contract, rows, start, table=table)
    assert still.safe_rows == ROWS
    up, down = rows.copy(), rows.copy()
    up[:, LEFT_Z] += 0.003 * np.arange(ROWS)
    down[:, LEFT_Z] -= 0.003 * np.arange(ROWS)
    assert judge(contract, up, start, table=table).safe_rows == ROWS
    cut_at(judge(contract, down, start, table=table), 1, "zones")
    again = up.copy()
    again[28:, LEFT_Z] = up[10, LEFT_Z]  # out of the table, and back into it
    cut_at(judge(contract, again, start, table=table), 28, "zones")


@given(st.integers(0, ROWS - 1), st.floats(-1.0, ROWS + 1.0))
def test_rows_that_are_over_are_not_judged(
    contract: RobotContract, bad: int, now_place: float
) -> None:
    rows = moving_rows(contract, {LEFT_X: 0.002}, ROWS)
    rows[bad, RIGHT_Y] = math.nan
    verdict = judge(contract, rows, now_place=now_place)
    assert verdict.safe_rows == (bad if bad > now_place else ROWS)


# --- the chunk as a whole --------------------------------------------------------------------


def test_a_chunk_that_is_not_for_this_robot_has_no_safe_row(contract: RobotContract) -> None:
    chunk = make_chunk(contract, T0, moving_rows(contract, {}, ROWS))
    armed = dataclasses.replace(contract, base=None, odometry=None)
    for judging, given_chunk, words in (
        (contract, dataclasses.replace(chunk, schema="0" * 16), "made for the contract"),
        (contract, dataclasses.replace(chunk, actions=np.zeros((4, 25))), "rows of shape (4, 25)"),
        (contract, dataclasses.replace(chunk, mask=chunk.mask[:9]), "mask of shape (9,)"),
        (contract, dataclasses.replace(chunk, dt=0.0), "dt 0.0 s; expected above 0"),
        (contract, dataclasses.replace(chunk, dt=math.nan), "dt nan s"),
        (armed, dataclasses.replace(chunk, schema=armed.schema_hash), "commands 'base'"),
    ):
        verdict = look_ahead(judging).judge(given_chunk, contract.home)
        assert (verdict.safe_rows, verdict.rule) == (0, "well_formed")
        assert words in verdict.reason


def test_zones_that_are_replaced_count_for_the_next_chunk(contract: RobotContract) -> None:
    boundaries = Boundaries(contract, FakeKinematics(contract), 0.03)
    judging = LookAhead(contract, FakeKinematics(contract), boundaries, LookAheadSettings())
    chunk: ActionChunk = make_chunk(contract, T0, moving_rows(contract, {LEFT_X: 0.005}, ROWS))
    assert judging.judge(chunk, contract.home).safe_rows == ROWS
    wall = HalfSpace((0.702, 0.0, 0.0), (-1.0, 0.0, 0.0))
    boundaries.replace({"wall": Zone("out", ARMS, "base_footprint", 0.05, half_space=wall)})
    cut_at(judging.judge(chunk, contract.home), 10, "zones", "zone 'wall'")
