"""Shared by the core's tests: the simulated robot's contract and kinematics without a robot model.

Builders of samples, chunks and commands are in `sample_robot.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for sample_robot.py

from sample_robot import FakeKinematics

from wall_oss_ros.core.contract import RobotContract, load_contract

ROBOTS = Path(__file__).parents[2] / "config" / "robots"


@pytest.fixture(scope="session")
def robots_folder() -> Path:
    return ROBOTS


@pytest.fixture(scope="session")
def contract() -> RobotContract:
    return load_contract(ROBOTS / "tiago_pro_sim.yaml")


@pytest.fixture
def kinematics(contract: RobotContract) -> FakeKinematics:
    return FakeKinematics(contract)
