"""Pins: the flow of the smoothness bench is the one its docstring derives.

Walked in many steps it turns noise into the Gaussian process it was made for, and its chunks begin
where the tools are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sample_robot import SECOND, T0, home_state, observation

from wall_oss_ros.cli.bench.path_flow import (
    MEMORY_S,
    PLACES,
    UNIT_M,
    WANDER_M,
    PathFlow,
    PathPolicy,
    wandering_goal,
)
from wall_oss_ros.core.contract import load_contract
from wall_oss_ros.model.flow import integrate, times
from wall_oss_ros.policies.wall_oss_settings import WallOssSettings

HORIZON, DT = 8, 0.05
CONTRACT = Path(__file__).parents[2] / "config" / "robots" / "tiago_pro_sim.yaml"


def walked(steps: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean (1, H, 1) and many chunks (count, H, 1) of the flow."""
    flow = PathFlow(HORIZON, DT)
    goal = 0.01 * np.arange(1, HORIZON + 1)[:, None]
    mean = flow.mean(goal, np.array([0.02]))
    noise = torch.randn(count, HORIZON, 1, generator=torch.Generator().manual_seed(0))
    return mean, integrate(flow.velocity(mean), noise, times(steps, 1.0, 1.0))


def process() -> np.ndarray:
    """The covariance (H, H) in m^2, written out."""
    at = DT * np.arange(1, HORIZON + 1)
    return np.array(
        [
            [
                WANDER_M**2
                * (
                    np.exp(-((a - b) ** 2) / (2 * MEMORY_S**2))
                    - np.exp(-(a**2) / (2 * MEMORY_S**2)) * np.exp(-(b**2) / (2 * MEMORY_S**2))
                )
                for b in at
            ]
            for a in at
        ]
    )


def test_the_flow_leads_from_noise_to_the_process() -> None:
    mean, chunks = walked(steps=100, count=5_000)
    metres = chunks[..., 0].double().numpy() * UNIT_M
    assert metres.mean(axis=0) == pytest.approx(mean[0, :, 0].numpy() * UNIT_M, abs=1e-3)
    assert np.cov(metres.T) == pytest.approx(process(), abs=0.05 * WANDER_M**2)


def test_its_mean_goes_from_where_the_tools_are_to_the_goal_path() -> None:
    flow = PathFlow(200, DT)
    off = np.array([0.05])
    goal = np.zeros((200, 1)) - off  # the goal path stands still, the tool is off it
    mean = flow.mean(goal, off)[0, :, 0].numpy() * UNIT_M
    assert mean[0] == pytest.approx(0.0, abs=1e-3)
    assert mean[-1] == pytest.approx(-0.05, abs=1e-6)


def test_a_goal_path_begins_at_rest_where_it_is_told_and_stays_near() -> None:
    start = np.arange(6.0)
    goal = wandering_goal(start, 3)
    assert goal(0.0) == pytest.approx(start)
    assert goal(1e-3) == pytest.approx(start, abs=1e-6)
    path = np.array([goal(0.01 * tick) for tick in range(2000)])
    assert 0.01 < np.abs(path - start).max() < 0.15
    assert np.linalg.norm(np.diff(path, axis=0), axis=1).max() / 0.01 < 1.0  # [m/s]
    assert not np.array_equal(wandering_goal(start, 4)(5.0), goal(5.0))


def test_two_chunks_of_one_observation_agree_at_first_and_then_disagree() -> None:
    contract = load_contract(CONTRACT)
    goal = wandering_goal(home_state(contract)[PLACES], 0)
    policy = PathPolicy(contract, goal, T0, WallOssSettings())
    policy.load()
    scene = observation(contract, T0 + SECOND)
    first, second = (policy.infer(scene, "").actions[:, PLACES] for _ in range(2))
    apart = np.abs(first - second).max(axis=1)
    assert 0.0 < apart[0] < 0.3 * apart[10:].max()
    policy.reset()
    assert np.array_equal(policy.infer(scene, "").actions[:, PLACES], first)
