"""``wall-oss demo``: it does the task, prints its figures, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time

import pytest

pytestmark = pytest.mark.system


def test_the_scripted_policy_picks_up_the_red_cube_and_the_figures_are_printed(
    wall_oss, left_behind, tmp_path
):
    film = tmp_path / "film.webp"
    result = wall_oss(
        "demo", "--policy", "scripted", "--headless", "--film", str(film), timeout_s=300.0
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr
    last = next(line for line in reversed(result.stdout.splitlines()) if "progress" in line)
    figures = re.search(
        r"task progress 100/100 .* observations ([\d.]+) Hz, chunks ([\d.]+) Hz "
        r"\(inference p50 \d+ ms, p95 \d+ ms\), commands ([\d.]+) Hz, real-time factor ([\d.]+)",
        last,
    )
    assert figures, last
    observations, chunks, commands, factor = map(float, figures.groups())
    # Per second of the robot's time, which waits for the pictures: every one is seen.
    assert observations == pytest.approx(10.0, abs=0.6)
    # Wide: the machine may be busy. 10 and 100 are the nominal rates.
    assert 6.0 < chunks < 11.0
    assert 70.0 < commands < 110.0
    assert 0.02 <= factor < 1.1
    assert '"pick up the red cube"' in result.stdout
    assert film.stat().st_size > 10_000
    assert left_behind() == []


def test_without_a_policy_named_the_learned_one_drives_the_robot(wall_oss, left_behind, tmp_path):
    pytest.importorskip("torch", reason="the learned policy needs the 'model' extra")
    film = tmp_path / "film.webp"
    options = ("--headless", "--seconds", "20", "--film", str(film))
    result = wall_oss("demo", *options, timeout_s=600.0)
    # Whether it gets there is judged in lockstep (test/sim); a busy machine is no judge.
    assert result.returncode in (0, 1), result.stdout[-3000:] + result.stderr
    assert "policy: small Wall-OSS, trained for 'pick_cube'" in result.stdout
    (chunks,) = re.findall(r"chunks ([\d.]+) Hz", result.stdout)
    assert float(chunks) > 2.0, result.stdout[-3000:]
    assert "approached the red cube" in result.stdout, result.stdout[-3000:]
    assert left_behind() == []


@pytest.mark.parametrize("after_s", [0.3, 3.0, 9.0])
def test_ctrl_c_at_any_moment_leaves_no_process_behind(after_s, left_behind, tmp_path):
    process = subprocess.Popen(
        ["wall-oss", "demo", "--headless", "--film", str(tmp_path / "film.webp")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    time.sleep(after_s)  # the moment is the point; nothing is waited for
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=40.0)
    assert process.returncode in (130, -signal.SIGINT), output[-3000:]
    assert "Traceback" not in output
    assert left_behind() == []


def test_a_killed_runner_takes_its_nodes_along(left_behind, tmp_path):
    process = subprocess.Popen(
        ["wall-oss", "demo", "--headless", "--film", str(tmp_path / "film.webp")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    for line in process.stdout:
        if "nodes are active" in line:
            break
    process.kill()
    process.wait(timeout=10.0)
    assert left_behind(20.0) == []
