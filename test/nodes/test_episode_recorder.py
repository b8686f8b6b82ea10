"""episode_recorder: services start and end a bag; everything a robot says is in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from rosbags.rosbag2 import Reader
from std_msgs.msg import String
from std_srvs.srv import Trigger

from wall_oss_ros.data.bag_metadata import read_record
from wall_oss_ros.msg import EpisodeState, SafetyState
from wall_oss_ros.nodes.episode_recorder import EpisodeRecorderNode
from wall_oss_ros.ros import qos
from wall_oss_ros.srv import LabelEpisode, StartEpisode, StopEpisode

ME = "episode_recorder"


@pytest.fixture
def recording(bench, tmp_path, contract, fake_drivers):
    """Return a bench with an active recorder beside drivers, its states and its folder."""
    folder = tmp_path / "episodes"
    table = bench(folder=str(folder), ring_s=3.0, ring_after_s=0.3, min_free_mb=1)
    fake_drivers(table, contract)
    states = table.collect(EpisodeState, "recorder/state", qos.STATE)
    instruct = table.node.create_publisher(String, "instruction", qos.STATE)
    instruct.publish(String(data="pick up the red cube"))
    table.add(EpisodeRecorderNode())
    table.spin_for(0.5)
    return table, states, folder


def counts(bag: Path) -> dict[str, int]:
    with Reader(bag) as reader:
        return {connection.topic: connection.msgcount for connection in reader.connections}


def test_an_episode_holds_what_was_said_between_start_and_stop(recording):
    bench, states, folder = recording
    started = bench.call(StartEpisode, f"{ME}/start", StartEpisode.Request(name="one"))
    assert started.success, started.message
    assert started.episode == str(folder / "one")
    bench.spin_for(1.0)
    request = StopEpisode.Request(outcome="success", progress=1.0, notes="well done")
    stopped = bench.call(StopEpisode, f"{ME}/stop", request)
    assert stopped.success, stopped.message
    found = counts(folder / "one")
    assert found["/joint_states"] > 30
    assert sum(number for topic, number in found.items() if topic.endswith("/compressed")) > 15
    assert found["/instruction"] == 1
    record = read_record(folder / "one")
    assert record.label.instruction == "pick up the red cube"
    assert (record.label.outcome, record.label.progress) == ("success", 1.0)
    assert all(account.lost == account.dropped == 0 for account in record.accounts)
    assert states[-1].episode == "one"


def test_it_says_while_it_records_what_it_has(recording):
    bench, states, _ = recording
    bench.call(StartEpisode, f"{ME}/start", StartEpisode.Request(name="one"))
    bench.spin_until(lambda: states[-1].messages > 50, "a state with messages")
    state = states[-1]
    assert state.state == EpisodeState.RECORDING
    assert state.instruction == "pick up the red cube"
    assert len(state.topics) == len(state.topic_messages) == len(state.topic_rates)
    discarded = bench.call(Trigger, f"{ME}/discard", Trigger.Request())
    assert discarded.success, discarded.message


def test_what_cannot_be_done_is_answered_with_the_reason(recording):
    bench, _, folder = recording
    stop = bench.call(StopEpisode, f"{ME}/stop", StopEpisode.Request())
    assert (stop.success, stop.message) == (
        False,
        "no episode is being recorded; start one first",
    )
    label = bench.call(LabelEpisode, f"{ME}/label", LabelEpisode.Request(progress=-1.0))
    assert (label.success, label.message) == (False, "no episode was recorded yet; name one")
    for name in ("a/b", "../up"):
        start = bench.call(StartEpisode, f"{ME}/start", StartEpisode.Request(name=name))
        assert not start.success
        assert "expected a folder name" in start.message
    bench.call(StartEpisode, f"{ME}/start", StartEpisode.Request(name="one"))
    bad = bench.call(StopEpisode, f"{ME}/stop", StopEpisode.Request(outcome="great"))
    assert not bad.success
    assert "valid: " in bad.message
    assert not (folder / "one").exists()


def test_a_label_can_be_changed_later(recording):
    bench, _, folder = recording
    bench.call(StartEpisode, f"{ME}/start", StartEpisode.Request(name="one", notes="first try"))
    bench.spin_for(0.2)
    bench.call(StopEpisode, f"{ME}/stop", StopEpisode.Request(progress=-1.0))
    request = LabelEpisode.Request(outcome="failure", progress=0.25, instruction="pick it up")
    answer = bench.call(LabelEpisode, f"{ME}/label", request)
    assert answer.success, answer.message
    label = read_record(folder / "one").label
    assert (label.outcome, label.progress, label.instruction, label.notes) == (
        "failure",
        0.25,
        "pick it up",
        "first try",
    )


def test_a_stop_of_the_supervisor_keeps_the_time_before_it(recording):
    bench, _, folder = recording
    safety = bench.node.create_publisher(SafetyState, "safety/state", qos.STATE)
    safety.publish(SafetyState(mode=SafetyState.NOMINAL, motion_enabled=True))
    bench.spin_for(0.5)
    safety.publish(SafetyState(mode=SafetyState.ESTOP, latched_causes=["e-stop: pressed"]))
    bench.spin_until(lambda: list(folder.glob("*_stop")), "an episode of the stop")
    (bag,) = folder.glob("*_stop")
    assert read_record(bag).ending == "e-stop: pressed"
    assert counts(bag)["/joint_states"] > 20


def test_the_end_of_the_node_is_the_end_of_the_episode(recording):
    bench, _, folder = recording
    bench.call(StartEpisode, f"{ME}/start", StartEpisode.Request(name="one"))
    bench.spin_for(0.3)
    bench.under_test[0].halt()
    assert "the recorder was stopped" in read_record(folder / "one").ending
    assert counts(folder / "one")["/joint_states"] > 5


def test_what_a_crash_left_is_said_at_the_next_start(bench, tmp_path, capfd):
    (tmp_path / ".partial" / "lost").mkdir(parents=True)
    table = bench(folder=str(tmp_path))
    table.add(EpisodeRecorderNode())
    table.spin_for(0.2)
    shown = capfd.readouterr()
    assert "lost was never finished" in shown.err + shown.out
    assert "wall-oss repair" in shown.err + shown.out
