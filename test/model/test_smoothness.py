"""Pins: what real-time chunking promises where chunks join, however late they come.

The bench's own episodes with one goal path and the tests' kinematics; `wall-oss bench smoothness`
measures more of them on the robot's.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from sample_robot import FakeKinematics

from wall_oss_ros.cli.bench.path_episode import Method, run_episode
from wall_oss_ros.cli.bench.smoothness import (
    BLEND,
    BOUND,
    BOUNDED,
    ENSEMBLE,
    GUIDED,
    HEADER,
    SPLICE,
    Figures,
    figures_of,
    line,
)
from wall_oss_ros.core.contract import RobotContract, load_contract
from wall_oss_ros.core.errors import WallOssError

CONTRACT = Path(__file__).parents[2] / "config" / "robots" / "tiago_pro_sim.yaml"
bounded = pytest.mark.parametrize("method", BOUNDED, ids=["guided", "inpainted"])
late = pytest.mark.parametrize("delay_s", [0.05, 0.1, 0.2, 0.3])


@cache
def robot() -> RobotContract:
    return load_contract(CONTRACT)


@cache
def figures(method: Method, delay_s: float) -> Figures:
    return figures_of(robot(), FakeKinematics(robot()), method, delay_s, range(1))


@late
@bounded
def test_real_time_chunking_keeps_its_bound_however_late_chunks_come(
    method: Method, delay_s: float
) -> None:
    found = figures(method, delay_s)
    assert found.within(BOUND), found


@late
@bounded
def test_conditioned_chunks_jerk_less_than_half_as_much_as_chunks_that_are_only_blended(
    method: Method, delay_s: float
) -> None:
    guided, blended = figures(method, delay_s), figures(BLEND, delay_s)
    assert guided.peak_jerk < 0.5 * blended.peak_jerk
    assert guided.rms_jerk < 0.5 * blended.rms_jerk
    assert guided.step < 0.1 * blended.step


def test_at_large_delays_they_jerk_less_than_ensembled_ones() -> None:
    assert figures(GUIDED, 0.2).rms_jerk < 0.8 * figures(ENSEMBLE, 0.2).rms_jerk


def test_a_bound_can_be_missed() -> None:
    assert not figures(SPLICE, 0.1).within(BOUND)


def test_a_delay_is_seen_by_the_policy_in_rows() -> None:
    for delay_s, rows in ((0.1, 2), (0.2, 4), (0.3, 6)):
        episode = run_episode(
            robot(), FakeKinematics(robot()), GUIDED, delay_s, seconds=3.0, seed=0
        )
        assert episode.frozen[-1] == rows


def test_the_same_seed_gives_the_same_motion() -> None:
    first, again, other = (
        run_episode(robot(), FakeKinematics(robot()), GUIDED, 0.2, seconds=2.0, seed=seed).places
        for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_line_has_the_columns_of_the_table() -> None:
    columns = line(SPLICE, 0.1, figures(SPLICE, 0.1)).count("|")
    assert columns == HEADER[0].count("|") == HEADER[1].count("|")


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("smoothness", "path_episode", "path_flow"):
        monkeypatch.delitem(sys.modules, f"wall_oss_ros.cli.bench.{name}")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(WallOssError, match="needs torch.*make model"):
        import wall_oss_ros.cli.bench.smoothness  # noqa: F401
