"""Pins: another process judges chunks exactly as this one would, and its end is nobody else's."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sample_robot import T0, make_chunk

pytest.importorskip("mink", reason="inverse kinematics needs the 'sim' extra")

from wall_oss_ros.core.chunk import ActionChunk
from wall_oss_ros.core.contract import RobotContract, Sphere, Zone, load_contract
from wall_oss_ros.core.errors import LookAheadError
from wall_oss_ros.core.observation import state_vector
from wall_oss_ros.core.safety.boundaries import Boundaries
from wall_oss_ros.core.safety.look_ahead import LookAhead
from wall_oss_ros.core.safety.look_ahead_settings import LookAheadSettings
from wall_oss_ros.kinematics import MinkKinematics
from wall_oss_ros.screening import LookAheadProcess

CONTRACT = Path(__file__).parents[2] / "config" / "robots" / "tiago_pro_sim.yaml"
MARGIN_M = 0.03
LEFT_Z, ROWS = 2, 8


@pytest.fixture(scope="module")
def contract() -> RobotContract:
    return load_contract(CONTRACT)


@pytest.fixture(scope="module")
def kinematics(contract: RobotContract) -> MinkKinematics:
    return MinkKinematics(contract)


@pytest.fixture(scope="module")
def boundaries(contract: RobotContract, kinematics: MinkKinematics) -> Boundaries:
    return Boundaries(contract, kinematics, MARGIN_M)


@pytest.fixture(scope="module")
def process(contract: RobotContract, boundaries: Boundaries) -> Iterator[LookAheadProcess]:
    process = LookAheadProcess(contract, boundaries, LookAheadSettings())
    yield process
    process.close()


def rising(contract: RobotContract, kinematics: MinkKinematics, step_m: float) -> ActionChunk:
    """The left tool goes up from home by `step_m` with each row."""
    tools = kinematics.tool_poses(contract.home)
    rows = np.tile(state_vector(contract, contract.home, tools, np.zeros(3)), (ROWS, 1))
    rows[:, LEFT_Z] += step_m * np.arange(1, ROWS + 1)
    return make_chunk(contract, T0, rows, seq=7, epoch=3, parts=("left_arm", "right_arm"))


def test_verdicts_are_those_of_a_look_ahead_in_this_process(
    contract: RobotContract,
    kinematics: MinkKinematics,
    boundaries: Boundaries,
    process: LookAheadProcess,
) -> None:
    here = LookAhead(contract, kinematics, boundaries, LookAheadSettings())
    whole = rising(contract, kinematics, 0.002)
    cut = rising(contract, kinematics, 0.2)
    for chunk in (whole, cut):
        assert process.judge(chunk, contract.home) == here.judge(chunk, contract.home)
    assert here.judge(whole, contract.home).safe_rows == ROWS
    assert here.judge(cut, contract.home).safe_rows < ROWS


def test_zones_that_are_replaced_hold_from_the_next_chunk_on(
    contract: RobotContract,
    kinematics: MinkKinematics,
    boundaries: Boundaries,
    process: LookAheadProcess,
) -> None:
    chunk = rising(contract, kinematics, 0.004)
    assert process.judge(chunk, contract.home).safe_rows == ROWS
    goal = kinematics.survey(contract.home).tools_in_base["left"].position + [0.0, 0.0, 0.05]
    ball = Sphere(centre=tuple(goal.tolist()), radius=0.03)
    zone = Zone("out", ("left_arm",), contract.base_frame, 0.01, sphere=ball)
    try:
        boundaries.replace({"ball": zone})
        verdict = process.judge(chunk, contract.home)
        assert 0 < verdict.safe_rows < ROWS and "ball" in verdict.reason
    finally:
        boundaries.replace(contract.zones)
    assert process.judge(chunk, contract.home).safe_rows == ROWS


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_that_dies_or_hangs_costs_a_verdict_and_is_started_again(
    contract: RobotContract,
    kinematics: MinkKinematics,
    process: LookAheadProcess,
    blow: signal.Signals,
) -> None:
    chunk = rising(contract, kinematics, 0.002)
    first = process.judge(chunk, contract.home)
    before = process.pid
    os.kill(before, blow)
    with pytest.raises(LookAheadError, match="chunk 7 is not judged.*starting it again"):
        process.judge(chunk, contract.home)
    assert process.judge(chunk, contract.home) == first
    assert process.pid != before
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


def test_nobody_waits_for_a_process_that_was_closed(
    contract: RobotContract, kinematics: MinkKinematics, boundaries: Boundaries
) -> None:
    process = LookAheadProcess(contract, boundaries, LookAheadSettings())
    process.close()
    process.close()
    with pytest.raises(LookAheadError, match="at the end"):
        process.judge(rising(contract, kinematics, 0.002), contract.home)
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
