"""Pins: a policy's answer becomes a chunk only if every number in it means something.

And row i is due at stamp + (i + 1) dt, the one clock that executor, recorder and markers read.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import SECOND, T0, home_state, make_chunk, mask_of, observation

from wall_oss_ros.core import action_space
from wall_oss_ros.core.action_space import PARTS, part_columns
from wall_oss_ros.core.chunk import ActionChunk, PolicyOutput, StageTimes, chunk_from_output
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import PolicyError
from wall_oss_ros.core.rotation import Array

NO_TURN = [1, 0, 0, 0, 1, 0]


def stay(rows: int = 32) -> Array:
    """Relative rows that stay where the robot is, grippers closed, everything else 0."""
    actions = np.zeros((rows, 26))
    for side in action_space.SIDES:
        actions[:, action_space.ROTATION[side]] = NO_TURN
    return actions


def compose(
    contract: RobotContract, actions: Array, mask: Array | None = None, prefix: int = 0
) -> ActionChunk:
    mask = mask_of(*PARTS) if mask is None else mask
    return chunk_from_output(
        PolicyOutput(actions=actions, mask=mask, frozen_prefix=prefix),
        observation(contract, T0),
        contract,
        seq=3,
        epoch=5,
        instruction="sort the cubes",
        policy="test",
        stages=StageTimes(total_ms=80.0),
    )


def test_a_chunk_carries_the_observations_stamp_and_the_contracts_terms(
    contract: RobotContract,
) -> None:
    chunk = compose(contract, stay(), prefix=4)
    assert (chunk.stamp_ns, chunk.seq, chunk.epoch, chunk.frozen_prefix) == (T0, 3, 5, 4)
    assert (chunk.instruction, chunk.policy) == ("sort the cubes", "test")
    assert (chunk.dt, chunk.horizon) == (0.05, 32)
    assert chunk.schema == contract.schema_hash
    assert chunk.anchor.tolist() == home_state(contract).tolist()
    assert chunk.stages.total_ms == 80.0


def test_relative_rows_become_absolute_from_where_the_robot_was_seen(
    contract: RobotContract,
) -> None:
    actions = stay()
    actions[:, action_space.POSITION["left"]] = [0.1, 0.0, -0.1]
    chunk = compose(contract, actions)
    seen = home_state(contract)
    assert chunk.actions[0, 0:3] == pytest.approx(seen[0:3] + [0.1, 0.0, -0.1])
    assert chunk.actions[0, 10:13] == pytest.approx(seen[10:13])
    assert chunk.raw_actions[0, 0:3] == pytest.approx([0.1, 0.0, -0.1])


@pytest.mark.parametrize("shape", [(32, 25), (32, 27), (26,), (0, 26), (33, 26), (1, 32, 26)])
def test_another_shape_is_refused_with_the_expected_one(
    contract: RobotContract, shape: tuple[int, ...]
) -> None:
    with pytest.raises(PolicyError, match=r"'test' gave actions .*; expected \(32, 26\)"):
        compose(contract, np.zeros(shape))


@pytest.mark.parametrize("shape", [(25,), (32, 26), ()])
def test_another_mask_is_refused(contract: RobotContract, shape: tuple[int, ...]) -> None:
    with pytest.raises(PolicyError, match=r"gave a mask .*; expected \(26,\)"):
        compose(contract, stay(), np.ones(shape, dtype=bool))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("column", [0, 5, 9, 22, 25])
def test_a_number_that_is_not_finite_is_refused_by_row_and_column(
    contract: RobotContract, bad: float, column: int
) -> None:
    actions = stay()
    actions[7, column] = bad
    with pytest.raises(PolicyError, match=f"row 7, column {column}$"):
        compose(contract, actions)


def test_a_rotation_that_is_none_is_refused(contract: RobotContract) -> None:
    actions = stay()
    actions[3, action_space.ROTATION["right"]] = 0.0
    with pytest.raises(PolicyError, match="policy 'test': 6-D rotation"):
        compose(contract, actions)


@given(st.sets(st.sampled_from(PARTS)), st.sampled_from([0.0, 9.0, math.nan, math.inf]))
def test_masked_columns_mean_standing_still_whatever_the_policy_wrote(
    contract: RobotContract, commanded: set[str], rubbish: float
) -> None:
    mask = mask_of(*commanded)
    actions = np.where(mask, stay(), rubbish)
    chunk = compose(contract, actions, mask)
    assert np.all(np.isfinite(chunk.actions)) and np.all(np.isfinite(chunk.raw_actions))
    seen = home_state(contract)
    for arm in {"left_arm", "right_arm"} - commanded:
        columns = part_columns(arm)
        assert chunk.actions[:, columns] == pytest.approx(np.tile(seen[columns], (32, 1)))
    assert {part for part in PARTS if chunk.commands(part)} == commanded


def test_a_part_is_commanded_only_if_all_its_columns_are(contract: RobotContract) -> None:
    mask = mask_of("left_arm", "base")
    mask[4] = mask[21] = False
    chunk = compose(contract, stay(), mask)
    assert not chunk.commands("left_arm") and not chunk.commands("base")


@pytest.mark.parametrize("part", ["base", "lift", "head"])
def test_a_part_that_the_robot_has_not_may_not_be_commanded(
    contract: RobotContract, part: str
) -> None:
    lacking = {"base": None, "odometry": None} if part == "base" else {part: None}
    other = dataclasses.replace(contract, **lacking)
    with pytest.raises(PolicyError, match=f"commands '{part}', which tiago_pro_sim has not"):
        compose(other, stay())
    one_column = mask_of("left_arm")
    one_column[part_columns(part)[-1]] = True
    with pytest.raises(PolicyError, match=part):
        compose(other, stay(), one_column)


def test_a_chunk_cannot_be_changed_by_who_made_it(contract: RobotContract) -> None:
    actions, mask = stay(), mask_of(*PARTS)
    chunk = compose(contract, actions, mask)
    actions[:], mask[:] = 9.0, False
    assert chunk.raw_actions[0, 0] == 0.0 and chunk.commands("left_arm")
    for array in (chunk.actions, chunk.raw_actions, chunk.mask, chunk.anchor):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_the_first_row_is_due_one_step_after_the_stamp(contract: RobotContract) -> None:
    chunk = make_chunk(contract, T0, stay(), dt=0.05)
    assert chunk.due_ns(0) == T0 + SECOND // 20
    assert chunk.due_ns(31) == T0 + 32 * SECOND // 20


@given(st.floats(1.0, 200.0), st.integers(0, 511))
def test_due_times_do_not_drift(contract: RobotContract, rate_hz: float, row: int) -> None:
    chunk = make_chunk(contract, T0, stay(), dt=1.0 / rate_hz)
    assert abs(chunk.due_ns(row) - T0 - (row + 1) / rate_hz * SECOND) <= 1.0
    assert chunk.due_ns(row + 1) > chunk.due_ns(row)
