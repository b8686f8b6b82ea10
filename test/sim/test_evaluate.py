"""Pins: an evaluation tells what a policy does, how sure that is, and whether words matter."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="an evaluation needs the 'data' extra")

from wall_oss_ros.core.errors import PolicyError
from wall_oss_ros.evaluation.episode import OTHER, Case, Outcome, with_other_colour
from wall_oss_ros.evaluation.evaluate import Candidate, evaluate
from wall_oss_ros.evaluation.interval import bootstrap, wilson
from wall_oss_ros.evaluation.report import plot, rows, table, write_episodes

ROBOT = Path(__file__).parents[2] / "config" / "robots" / "tiago_pro_sim.yaml"
EXPERT = Candidate(robot=ROBOT, policy="scripted", image_size=0)


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    cases = [Case("pick_cube", 1000), Case("pick_cube", 1000, OTHER, limit_s=6.0)]
    cases.append(Case("pick_cube", 1000, speed=0.5))
    return list(evaluate(EXPERT, cases, frozenset(), workers=1))


def test_the_expert_does_what_it_is_told(outcomes: list[Outcome]) -> None:
    told, other, slow = outcomes
    assert told.success and told.progress == 100.0 and not told.revoked and told.failures == 0
    assert slow.success
    assert not other.success and other.progress <= 25.0
    assert other.instruction != told.instruction


def test_a_slow_episode_takes_longer(outcomes: list[Outcome]) -> None:
    assert outcomes[2].seconds > 1.2 * outcomes[0].seconds


def test_what_the_policy_costs_and_what_safety_does_is_in_the_outcome(
    outcomes: list[Outcome], tmp_path: Path
) -> None:
    told = outcomes[0]
    assert told.chunks > 20 and 0.0 < told.thinking_ms[0] <= told.thinking_ms[1]
    write_episodes(outcomes, tmp_path / "out" / "episodes.csv")
    with (tmp_path / "out" / "episodes.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [line["success"] for line in lines] == ["1", "1", "0"]
    assert lines[0]["chunks"] == str(told.chunks)


def test_the_table_has_a_row_per_task_control_and_speed(
    outcomes: list[Outcome], tmp_path: Path
) -> None:
    found = rows(outcomes, np.random.default_rng(0))
    assert [(row.control, row.speed, row.successes) for row in found] == [
        ("as asked", 0.5, 1),
        ("as asked", 1.0, 1),
        ("wrong colour named", 1.0, 0),
    ]
    text = table(found)
    assert len(text.splitlines()) == 4 and "1/1" in text and "wrong colour" in text
    plot(found, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000


def test_an_interval_of_a_share_is_wilsons() -> None:
    # The textbook's case: nothing of ten is 0 to 27.8 %.
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    low, high = wilson(40, 50)
    assert low < 0.8 < high and (1 - high, 1 - low) == pytest.approx(wilson(10, 50))


def test_an_interval_of_a_mean_holds_it_and_shrinks_with_more_episodes() -> None:
    rng = np.random.default_rng(1)
    few, many = ([0.0, 25.0, 100.0, 100.0] * times for times in (2, 20))
    (low, high), (lower, higher) = bootstrap(few, rng), bootstrap(many, rng)
    assert low < lower < np.mean(few) < higher < high
    assert bootstrap([100.0] * 5, rng) == (100.0, 100.0)


def test_another_colour_is_named_and_only_where_one_was() -> None:
    named = {with_other_colour("pick up the red cube", seed) for seed in range(4)}
    assert named == {"pick up the blue cube", "pick up the green cube"}
    with pytest.raises(PolicyError, match="names 2 colours"):
        with_other_colour("put the red cube and the blue cube into the tray", 0)
