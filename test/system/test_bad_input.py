"""Bad input ends with one clear message and exit status 1, never with a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from wall_oss_ros.cli.session import session

pytestmark = pytest.mark.system

ROBOTS = Path(__file__).parents[2] / "config" / "robots"
CONTRACT = (ROBOTS / "tiago_pro_sim.yaml").read_text()


def refused(result, *words: str) -> None:
    """Check exit status 1, no traceback, and the words in what was printed."""
    output = result.stdout + result.stderr
    assert result.returncode == 1, output[-3000:]
    assert "Traceback" not in output, output[-3000:]
    for word in words:
        assert word in output, output[-3000:]


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("robot:=nobody", ("unknown robot 'nobody'", "tiago_pro_sim")),
        ("robot:=/nowhere/robot.yaml", ("/nowhere/robot.yaml", "no such robot contract")),
        ("policy:=nonsense", ("unknown policy 'nonsense'", "scripted")),
        ("task:=juggle", ("unknown task 'juggle'", "pick_cube")),
        ("colour:=pink", ("pink", "red")),
        ("seed:=first", ("seed", "first", "whole number")),
        ("image_size:=1", ("image_size", "32")),
        ("real_time_factor:=nan", ("real_time_factor", "nan", "0.02 to 1")),
        ("real_time_factor:=0.5", ("real_time_factor", "use_sim_time:=true")),
        ("sim:=perhaps", ("sim", "perhaps", "true")),
        ("robots:=two", ("unknown argument 'robots'", "robot")),
        ("robot", ("got 'robot'", "name:=value")),
        ("rviz:=true", ("rviz2", "not on this machine")),
    ],
)
def test_a_wrong_argument_is_one_sentence(wall_oss, argument, words, monkeypatch):
    result = wall_oss("bringup", argument, timeout_s=30.0)
    refused(result, *words)
    assert len((result.stdout + result.stderr).strip().splitlines()) == 1


def test_a_contract_with_a_wrong_unit_names_file_and_key(wall_oss, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(CONTRACT.replace("velocity: 0.035 m/s", "velocity: 0.035 rad/s"))
    result = wall_oss("bringup", f"robot:={path}", timeout_s=30.0)
    refused(result, str(path), "lift.joints.torso_lift_joint.velocity", "m/s")


def test_a_missing_urdf_names_the_package_and_what_to_do(wall_oss, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(CONTRACT.replace("package: example-robot-data", "package: no_such_package"))
    refused(wall_oss("bringup", f"robot:={path}", timeout_s=30.0), "no_such_package")


def test_joints_that_the_urdf_has_not_are_named(wall_oss, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(CONTRACT.replace("arm_left_3_joint", "left_elbow"))
    refused(wall_oss("bringup", f"robot:={path}", timeout_s=60.0), "left_elbow", "arm_left_3_joint")


def test_a_machine_that_cannot_draw_is_told_what_to_install(wall_oss):
    result = wall_oss(
        "bringup",
        timeout_s=90.0,
        MUJOCO_GL="egl",
        __EGL_VENDOR_LIBRARY_FILENAMES="/nowhere/vendor.json",
        __EGL_VENDOR_LIBRARY_DIRS="/nowhere",
    )
    refused(result, "libegl1")


def test_a_display_that_does_not_answer_is_named(wall_oss):
    result = wall_oss("bringup", "window:=true", timeout_s=90.0, DISPLAY=":9876")
    refused(result, "no window can be opened on display ':9876'", "HEADLESS=1")


def test_a_second_graph_in_the_same_domain_is_refused_and_the_first_goes_on(
    wall_oss, no_process_left
):
    with session({"image_size": "64"}) as first:
        first.conductor.wait_until_active(first.runner.managed, 60.0)
        second = wall_oss("bringup", "image_size:=64", timeout_s=90.0)
        refused(second, "exist twice", "ROS_DOMAIN_ID")
        first.conductor.seen.heartbeats.clear()
        first.conductor.wait_until_active(first.runner.managed, 20.0)
