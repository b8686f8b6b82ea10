"""``wall-oss evaluate --nodes``: one episode after the other in the full graph; nothing is left."""

from __future__ import annotations

import csv

import pytest

pytestmark = pytest.mark.system


def test_the_graph_does_one_scene_after_the_other_and_a_wrong_colour_is_no_progress(
    wall_oss, left_behind, tmp_path
):
    result = wall_oss(
        *("evaluate", "--policy", "scripted", "--nodes", "--task", "pick_cube", "--control"),
        *("--episodes", "2", "--limit", "7", "--output", str(tmp_path), "--quiet"),
        timeout_s=600.0,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr
    with (tmp_path / "episodes.csv").open(encoding="utf-8") as file:
        episodes = list(csv.DictReader(file))
    assert [(each["control"], each["seed"]) for each in episodes] == [
        ("as asked", "1000"),
        ("as asked", "1001"),
        ("wrong colour named", "1000"),
        ("wrong colour named", "1001"),
    ]
    for each in episodes:
        assert int(each["chunks"]) > 5 and float(each["thinking_ms_p50"]) > 0.0
        assert int(each["unanswered"]) == 0
    # Wide: a busy machine is slow, and safety may stop the robot for it.
    told, other = (
        max(float(each["progress"]) for each in episodes if each["control"] == control)
        for control in ("as asked", "wrong colour named")
    )
    assert told >= 50.0 and other == 0.0
    assert left_behind() == []


def test_a_film_of_one_episode_is_refused_in_the_graph(wall_oss, tmp_path):
    result = wall_oss(
        "evaluate", "--policy", "scripted", "--nodes", "--film", "1000", "--output", str(tmp_path)
    )
    assert result.returncode == 1
    assert "--film: not with --nodes" in result.stderr
