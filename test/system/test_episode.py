"""A simulated run from the demo to a dataset, and back into the simulator, as a user does it."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from wall_oss_ros.data.bag_metadata import read_record

pytestmark = pytest.mark.system


def test_a_recorded_demo_becomes_a_dataset_and_can_be_replayed(wall_oss, left_behind, tmp_path):
    episodes, film = tmp_path / "episodes", str(tmp_path / "film.webp")
    small = ("--headless", "--film", film, "--image-size", "64", "--seconds", "60")
    shown = wall_oss(
        "demo", *small, "--policy", "scripted", "--record", str(episodes), timeout_s=300.0
    )
    assert shown.returncode == 0, shown.stdout[-3000:] + shown.stderr
    (bag,) = (path for path in episodes.iterdir() if path.name != ".partial")
    record = read_record(bag)
    assert (record.label.instruction, record.label.outcome) == ("pick up the red cube", "success")
    assert record.label.progress == 1.0
    assert record.provenance.policy == "scripted"
    assert "safety_supervisor.rate" in record.provenance.parameters
    written = {account.topic: account for account in record.accounts}
    for topic in ("/safety/command", "/command", "/action_chunk", "/chunk_verdict"):
        assert written[topic].written > 20, topic
    assert sum(account.dropped for account in record.accounts) == 0

    # Two episodes, which are exported by two processes.
    shutil.copytree(bag, episodes / "the_same_again")
    dataset = tmp_path / "dataset"
    options = ("--output", str(dataset), "--quiet", "--workers", "2")
    done = wall_oss("export", str(episodes), *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ episodes \(train 0 to \d+\), \d{2,} frames, 1 tasks", done.stdout)
    info = json.loads((dataset / "meta" / "info.json").read_text())
    assert info["total_frames"] > 40
    assert info["robot_type"] == "tiago_pro_sim"
    again = wall_oss("export", str(episodes), *options)
    assert again.returncode == 1
    assert "exists already" in again.stderr
    assert "Traceback" not in again.stderr

    replayed = wall_oss(
        "demo", *small, "--policy", "replay", "--checkpoint", str(bag), timeout_s=300.0
    )
    assert "progress" in replayed.stdout, replayed.stdout[-3000:] + replayed.stderr
    assert replayed.returncode == 0, replayed.stdout[-2000:] + replayed.stderr
    assert left_behind() == []
