"""Pins: a step that moves a tool too fast gets the share that keeps the tool's limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.kinematics import Survey
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.rotation import matrix_from_rotation_vector
from wall_oss_ros.core.safety.tool_speed import ToolPace

DT = 0.01
vectors = st.tuples(*[st.floats(-0.05, 0.05)] * 3)


def moved(step: tuple[float, ...], turn: tuple[float, ...] = (0.0, 0.0, 0.0)) -> Survey:
    """The left tool moved and turned from the origin, the right one at the origin."""
    tools = {
        "left": Pose(np.array(step), matrix_from_rotation_vector(turn)),
        "right": Pose(np.zeros(3), np.eye(3)),
    }
    return Survey({}, tools)


HERE = moved((0.0, 0.0, 0.0))


@given(vectors, vectors)
def test_the_share_of_a_step_is_within_both_limits_and_no_smaller_than_needed(
    contract: RobotContract, step: tuple[float, ...], turn: tuple[float, ...]
) -> None:
    limits = contract.arms["left"].speed
    share, reason = ToolPace(contract).share(HERE, moved(step, turn), DT)
    speeds = np.linalg.norm(step) / DT, np.linalg.norm(turn) / DT
    excess = max(speeds[0] / limits.linear, speeds[1] / limits.angular)
    assert share * excess <= 1.0 + 2e-3
    assert share == pytest.approx(1.0 if excess <= 1.0 else 1.0 / excess, rel=2e-3)
    assert (share < 1.0) == (reason != "")


def test_the_reason_names_tool_speed_and_limit(contract: RobotContract) -> None:
    pace = ToolPace(contract)
    share, reason = pace.share(HERE, moved((0.0, 0.016, 0.0)), DT)
    assert (share, reason) == (pytest.approx(0.5), "left tool at 1.60 m/s, limit 0.80 m/s")
    share, reason = pace.share(HERE, moved((0.0, 0.0, 0.0), (0.0, 0.0, -0.06)), DT)
    assert (share, reason) == (
        pytest.approx(0.5),
        "left tool turns at 6.00 rad/s, limit 3.00 rad/s",
    )


def test_a_half_turn_is_the_fastest_there_is(contract: RobotContract) -> None:
    share, _ = ToolPace(contract).share(HERE, moved((0.0, 0.0, 0.0), (np.pi, 0.0, 0.0)), DT)
    assert share == pytest.approx(3.0 * DT / np.pi)
