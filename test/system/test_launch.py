"""With launch_ros installed, ``ros2 launch`` brings up the same graph as the runner.

launch_ros is not on PyPI, so this file runs on an installed ROS 2 only; docs/ros2.md tells where it
was run.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess

import pytest

from wall_oss_ros.bringup.arguments import ARGUMENTS
from wall_oss_ros.bringup.graph import make_graph
from wall_oss_ros.ros.conductor import Conductor

pytestmark = pytest.mark.system
pytest.importorskip("launch_ros", reason="comes with ROS 2, not with the PyPI wheels")

LAUNCH = ["ros2", "launch", "wall_oss_ros", "bimanual.launch.py"]


def ros2(*arguments: str) -> str:
    """Return what a ros2 command prints."""
    done = subprocess.run(["ros2", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_argument_is_described():
    shown = ros2("launch", "wall_oss_ros", "bimanual.launch.py", "--show-args")
    for argument in ARGUMENTS:
        assert f"'{argument.name}'" in shown
        assert argument.help in re.sub(r"\s+", " ", shown)


def test_the_message_is_shown_with_its_comments():
    assert "row-major" in ros2("interface", "show", "wall_oss_ros/msg/ActionChunk")


def test_the_same_graph_comes_up_and_ctrl_c_ends_it(left_behind):
    graph = make_graph({"image_size": "224"})
    os.environ.update(graph.environment)
    process = subprocess.Popen(
        [*LAUNCH, "image_size:=224"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    conductor = Conductor()
    try:
        managed = tuple(node.executable for node in graph.nodes if node.managed)
        conductor.wait_until_active(managed, 90.0)
        # Without the daemon, which would outlive the test, and with time to discover.
        alone = ("--no-daemon", "--spin-time", "5")
        assert set(ros2("lifecycle", "nodes", *alone).split()) >= {f"/{name}" for name in managed}
        topics = set(ros2("topic", "list", *alone).split())
        assert {"/action_chunk", "/command", "/safety/state", "/observation"} <= topics
        assert {f"/{topic}" for topic in graph.contract.controller_topics} <= topics
    finally:
        conductor.close()
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=40.0)
    assert process.returncode in (0, -signal.SIGINT), output[-3000:]
    assert "Traceback" not in output
    assert left_behind() == []


def test_an_unknown_robot_is_one_sentence_and_status_1():
    done = subprocess.run([*LAUNCH, "robot:=nobody"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "unknown robot 'nobody'" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
