"""Pins: random and adversarial commands through the real kinematics break nothing.

`wall-oss bench attack` does the same a million times; here are a few thousand, and what its checks
are worth.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from wall_oss_ros.cli.bench.attack_checks import zone_distance
from wall_oss_ros.cli.bench.attack_episode import Arena, Episode, Outcome
from wall_oss_ros.core.contract import RobotContract, Zone
from wall_oss_ros.core.contract.shapes import Box, HalfSpace, Sphere
from wall_oss_ros.core.safety import motion_guard
from wall_oss_ros.core.safety.joint_governor import JointGovernor

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def arena(contract: RobotContract) -> Arena:
    return Arena(contract)


@pytest.mark.parametrize("seed", range(4))
def test_no_command_breaks_a_limit_or_enters_a_zone(arena: Arena, seed: int) -> None:
    outcome = arena.episode(seed, 500)
    assert outcome.violations == []
    counts = outcome.counts
    assert counts["judged with motion enabled"] > 200 and counts["joint commands sent"] > 200
    assert outcome.worst["share of jerk"] > 0.99  # it was driven to its limits


def attacked(arena: Arena) -> Outcome:
    total = Outcome()
    for seed in range(5):
        total.add(arena.episode(seed, 300))
    return total


def test_the_attack_notices_a_governor_without_limits(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    def straight_there(
        self: JointGovernor, target: Array, velocity: Array, dt: float, commanded: Array
    ) -> object:
        reached = np.clip(target, self._low, self._high)
        return dataclasses.replace(self.state, positions=reached, rest=reached)

    monkeypatch.setattr(JointGovernor, "toward", straight_there)
    said = " ".join(attacked(arena).violations)
    assert "velocity" in said and "jerk" in said


def test_the_attack_notices_a_guard_that_looks_at_nothing(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(motion_guard.MotionGuard, "_entered", lambda *args: None)
    said = " ".join(attacked(arena).violations)
    assert "deeper into a workspace or zone" in said


def test_an_episode_is_repeatable(arena: Arena) -> None:
    first, second = (arena.episode(11, 150) for _ in range(2))
    assert first.counts == second.counts and first.worst == second.worst
    assert Episode(arena, np.random.default_rng(12), "other").run(150).counts != first.counts


def test_its_own_arithmetic_finds_the_tools_where_kinematics_does(arena: Arena) -> None:
    random = np.random.default_rng(0)
    postures = random.uniform(arena.limits.low, arena.limits.high, (20, len(arena.names)))
    for side in ("left", "right"):
        places = arena.chains.tool(side, postures)
        for place, row in zip(places, postures.tolist(), strict=True):
            survey = arena.checking.survey(dict(zip(arena.names, row, strict=True)))
            assert place == pytest.approx(survey.tools_in_base[side].position, abs=1e-9)


@pytest.mark.parametrize(
    "shape",
    [
        {"box": Box((0.0, -1.0, 0.5), (0.5, 1.0, 1.0))},
        {"sphere": Sphere((0.1, 0.2, 0.3), 0.4)},
        {"half_space": HalfSpace((0.1, 0.2, 0.3), (1.0, -2.0, 0.5))},
    ],
)
@pytest.mark.parametrize("keep", ["in", "out"])
def test_its_own_arithmetic_finds_zones_where_the_contract_does(
    shape: dict[str, object], keep: str
) -> None:
    zone = Zone(keep, ("left_arm",), "base", 0.1, **shape)  # type: ignore[arg-type]
    points = np.random.default_rng(1).normal(0.0, 1.0, (50, 3))
    distances = zone_distance(zone, points)
    assert distances == pytest.approx([zone.distance(tuple(point)) for point in points.tolist()])
