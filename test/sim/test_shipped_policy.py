"""The learned policy that comes along does what it is told, and something else when told else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the learned policy needs the 'model' extra")

from wall_oss_ros.cli.shipped import policy_for, shipped_checkpoint
from wall_oss_ros.evaluation.episode import OTHER, TOLD, Case, Outcome
from wall_oss_ros.evaluation.evaluate import Candidate, evaluate

ROBOT = Path(__file__).parents[2] / "config" / "robots" / "tiago_pro_sim.yaml"
# Seeds that nobody trained on. docs/skill.md has fifty; these say whether it still works at all.
SEEDS = {TOLD: range(1000, 1008), OTHER: range(1000, 1004)}


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    folder = shipped_checkpoint("pick_cube")
    assert folder is not None
    candidate = Candidate(ROBOT, "wall_oss", str(folder))
    cases = [
        Case("pick_cube", seed, control, limit_s=8.0)
        for control, seeds in SEEDS.items()
        for seed in seeds
    ]
    return list(evaluate(candidate, cases, frozenset(), workers=1))


def test_it_lifts_the_cube_that_is_named_and_leaves_it_where_another_is(
    outcomes: list[Outcome],
) -> None:
    told, other = (
        np.mean([each.progress for each in outcomes if each.case.control == control])
        for control in SEEDS
    )
    assert told >= 60.0 and other <= 25.0


def test_no_chunk_is_missing_and_safety_revokes_nothing(outcomes: list[Outcome]) -> None:
    assert [each.failures for each in outcomes] == [0] * len(outcomes)
    assert [each.revoked for each in outcomes] == [""] * len(outcomes)


def test_it_is_what_a_demo_of_its_task_takes_and_other_tasks_have_the_script() -> None:
    chosen = policy_for("pick_cube")
    assert chosen.policy == "wall_oss" and Path(chosen.checkpoint).name == "pick_cube"
    assert policy_for("sort_cubes").policy == "scripted"
