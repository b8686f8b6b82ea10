"""wall-oss doctor on this machine, and beside a running graph."""

from __future__ import annotations

import pytest

from wall_oss_ros.cli.session import session
from wall_oss_ros.ros.locations import robots_folder

pytestmark = pytest.mark.system


def test_this_machine_and_the_simulated_robot_are_well(wall_oss, no_process_left):
    arguments = {"image_size": "64", "policy": "exercise", "log_level": "error"}
    with session(arguments, lambda name, line: None) as running:
        running.conductor.begin(running.runner.managed)
        seen = wall_oss("doctor", "--robot", "tiago_pro_sim", "--live", "5")
    assert seen.returncode == 0, seen.stdout + seen.stderr
    lines = [line.split() for line in seen.stdout.splitlines()]
    # On a busy machine some pictures are lost, which is a note.
    assert [words[0] in ("ok", "note") for words in lines if words[1:2] == ["camera"]] == [True] * 3
    assert sum(words[-2:] == ["it", "listens"] for words in lines) >= 5
    assert lines[-1][-2:] == ["0", "bad"]


def test_a_robot_that_is_not_there_is_bad_line_by_line(wall_oss, no_process_left):
    seen = wall_oss("doctor", "--robot", "tiago_pro_sim", "--live", "1", "--namespace", "nowhere")
    assert seen.returncode == 1
    assert seen.stdout.count("nobody publishes; start the driver") == 5
    assert seen.stdout.count("nobody listens; start and activate the controller") >= 5
    assert "Traceback" not in seen.stdout + seen.stderr


def test_what_is_wrong_with_contract_checkpoint_and_options_is_told(wall_oss, tmp_path):
    broken = tmp_path / "robot.yaml"
    text = (robots_folder() / "tiago_pro_sim.yaml").read_text()
    broken.write_text(text.replace("base_frame: base_footprint", "base_frames: base_footprint"))
    seen = wall_oss("doctor", "--robot", str(broken), "--checkpoint", "/nowhere")
    assert seen.returncode == 1
    assert "base_frames" in seen.stdout
    assert "no such folder" in seen.stdout
    assert "Traceback" not in seen.stdout + seen.stderr
    wrong = wall_oss("doctor", "--live", "1")
    assert wrong.returncode == 1
    assert "--live SECONDS needs --robot" in wrong.stderr
