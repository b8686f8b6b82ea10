"""Pins: the simulated robot's own zones, clearance and look-ahead, with its real kinematics."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="the robot model needs the 'sim' extra")

from sample_robot import T0, make_chunk

from wall_oss_ros.core import action_space
from wall_oss_ros.core.contract import RobotContract, Sphere, Zone
from wall_oss_ros.core.errors import ContractError
from wall_oss_ros.core.observation import state_vector
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.core.safety.boundaries import Boundaries
from wall_oss_ros.core.safety.look_ahead import LookAhead
from wall_oss_ros.core.safety.look_ahead_settings import LookAheadSettings
from wall_oss_ros.kinematics import MinkKinematics

ROWS = 32
LEFT_Y, LEFT_Z = 1, 2


@pytest.fixture(scope="module")
def solver(contract: RobotContract) -> MinkKinematics:
    return MinkKinematics(contract)


@pytest.fixture
def boundaries(contract: RobotContract, solver: MinkKinematics) -> Boundaries:
    return Boundaries(contract, solver, 0.03)


def rows_from_home(
    contract: RobotContract, solver: MinkKinematics, column: int, step: float
) -> Array:
    """Rows (ROWS, 26) from home on, one column advancing by `step` per row."""
    home = state_vector(contract, contract.home, solver.tool_poses(contract.home), np.zeros(3))
    rows = np.tile(home, (ROWS, 1))
    rows[:, column] += step * np.arange(1, ROWS + 1)
    return rows


def test_the_robot_may_be_at_home(boundaries: Boundaries) -> None:
    assert boundaries.beyond_at_home() == ()


def test_a_link_that_the_robot_has_not_is_named_with_those_it_has(boundaries: Boundaries) -> None:
    zone = Zone("out", ("left_arm",), "shelf", 0.05, sphere=Sphere((0.0, 0.0, 0.0), 0.1))
    with pytest.raises(ContractError, match=r"zones\.it: 'shelf' is not a link .*'torso_lift_link"):
        boundaries.replace({"it": zone})
    with pytest.raises(ContractError, match=r"zones\.it: 'elbow' is not a link"):
        boundaries.replace(
            {"it": dataclasses.replace(zone, frame="torso_lift_link", links=("elbow",))}
        )


def test_a_chunk_that_goes_through_the_table_is_cut_above_it(
    contract: RobotContract, solver: MinkKinematics, boundaries: Boundaries
) -> None:
    judging = LookAhead(contract, solver, boundaries, LookAheadSettings())
    rows = rows_from_home(contract, solver, LEFT_Z, -0.02)
    table = contract.zones["table"].half_space
    assert table is not None
    verdict = judging.judge(make_chunk(contract, T0, rows), contract.home)
    expected = int(np.argmax(rows[:, LEFT_Z] < table.point[2]))
    assert (verdict.safe_rows, verdict.rule) == (expected, "zones")
    assert f"row {expected}: left tool to zone 'table' would be" in verdict.reason


def test_a_chunk_that_moves_the_arms_through_each_other_is_cut(
    contract: RobotContract, solver: MinkKinematics, boundaries: Boundaries
) -> None:
    judging = LookAhead(contract, solver, boundaries, LookAheadSettings())
    rows = rows_from_home(contract, solver, LEFT_Y, -0.02)
    right = action_space.POSITION["right"]
    rows[:, right][:, 0] = rows[:, 0]
    rows[:, right][:, 2] = rows[:, LEFT_Z]
    verdict = judging.judge(make_chunk(contract, T0, rows), contract.home)
    assert verdict.rule == "clearance" and 0 < verdict.safe_rows < ROWS
    left_y, right_y = (rows[verdict.safe_rows, LEFT_Y], rows[verdict.safe_rows, right][1])
    assert left_y > right_y  # before the tools themselves meet
    assert "between " in verdict.reason
