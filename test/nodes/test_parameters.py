"""Settings become described, ranged, read-only parameters; a wrong value is one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from rclpy.node import Node
from rclpy.parameter import Parameter

from wall_oss_ros.core.assembler import AssemblerSettings
from wall_oss_ros.core.executor import ExecutorSettings
from wall_oss_ros.core.safety import SafetySettings
from wall_oss_ros.core.settings import SettingError, settings_of
from wall_oss_ros.nodes.camera_sync import CameraSync
from wall_oss_ros.nodes.chunk_executor import ChunkExecutorNode
from wall_oss_ros.nodes.chunk_visualizer import ChunkVisualizerNode
from wall_oss_ros.nodes.policy import PolicyNode
from wall_oss_ros.nodes.safety_supervisor import SafetySupervisorNode
from wall_oss_ros.nodes.web_view import WebViewNode
from wall_oss_ros.policies.wall_oss_settings import WallOssSettings
from wall_oss_ros.ros.parameters import declare, declare_settings

NODES = Path(__file__).parents[2] / "config" / "nodes"


@pytest.mark.parametrize("settings", [AssemblerSettings, ExecutorSettings, SafetySettings])
def test_every_setting_is_declared_described_and_read_only(bench, settings):
    node = bench().node
    assert declare_settings(node, settings) == settings()
    for item in settings_of(settings):
        descriptor = node.describe_parameter(item.name)
        assert descriptor.description == item.metadata["help"]
        assert descriptor.read_only
        if item.metadata["low"] is not None:
            assert descriptor.floating_point_range or descriptor.integer_range


def test_values_from_outside_replace_the_defaults(bench):
    node = bench(slop_s=0.02).node
    assert declare_settings(node, AssemblerSettings).slop_s == 0.02


@pytest.mark.parametrize(("value", "word"), [(-1.0, "slop_s"), ("wide", "expected a float")])
def test_a_value_that_cannot_be_is_one_sentence(bench, value, word):
    node = bench(slop_s=value).node
    with pytest.raises(SettingError, match=word) as caught:
        declare_settings(node, AssemblerSettings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "wall_oss.engine",
            "fast",
            "parameter wall_oss.engine: got 'fast'; expected one of 'auto'",
        ),
        ("wall_oss.stepz", 3, "'wall_oss.stepz' of tester is unknown; valid: 'wall_oss.autotune'"),
    ],
)
def test_a_name_or_a_choice_that_is_none_is_named_in_full(bench, name, value, sentence):
    node = bench(**{name: value}).node
    with pytest.raises(SettingError, match=sentence):
        declare_settings(node, WallOssSettings, "wall_oss.")


def test_a_parameter_cannot_be_changed_while_the_node_runs(bench):
    node = bench().node
    declare(node, "rate", 100.0, "commands per second [Hz]", low=10.0, high=1000.0)
    result = node.set_parameters([Parameter("rate", value=50.0)])[0]
    assert not result.successful


def flat(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Names with dots, as ROS joins what is nested in a file."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


@pytest.mark.parametrize(
    "create",
    [
        CameraSync,
        ChunkExecutorNode,
        ChunkVisualizerNode,
        PolicyNode,
        SafetySupervisorNode,
        WebViewNode,
    ],
)
def test_every_line_of_the_shipped_files_is_a_parameter_of_its_node(bench, create):
    bench()
    node: Node = create()
    try:
        document = yaml.safe_load((NODES / f"{node.get_name()}.yaml").read_text())
        ((pattern, body),) = document.items()
        assert pattern == f"/**/{node.get_name()}"
        given = body["ros__parameters"]
        assert given
        for name, value in flat(given):
            declared = node.get_parameter(name).value
            assert isinstance(declared, type(value)), name
    finally:
        node.destroy_node()


def test_there_is_no_shipped_file_without_a_node():
    assert {file.stem for file in NODES.glob("*.yaml")} == {
        "camera_sync",
        "chunk_executor",
        "chunk_visualizer",
        "episode_recorder",
        "policy",
        "safety_supervisor",
        "web_view",
    }
