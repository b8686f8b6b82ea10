"""Shared by the simulator's tests: one contract, and one built robot that each test resets."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("mujoco", reason="the simulator needs the 'sim' extra")

from wall_oss_ros.core.contract import RobotContract, load_contract
from wall_oss_ros.sim.robot import SimRobot


@pytest.fixture(scope="session")
def contract() -> RobotContract:
    return load_contract(Path(__file__).parents[2] / "config" / "robots" / "tiago_pro_sim.yaml")


@pytest.fixture(scope="session")
def built(contract: RobotContract) -> SimRobot:
    return SimRobot(contract)


@pytest.fixture
def robot(built: SimRobot) -> SimRobot:
    built.reset(task="pick_cube", seed=0, colour="red")
    return built
