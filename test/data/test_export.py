"""From bags to a dataset: nothing from the future, nothing filled in, nothing half-done."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from recorded_robot import BEGIN, LATENCY, SECOND, RecordedRobot

from wall_oss_ros.core import action_space
from wall_oss_ros.core.assembler import AssemblerSettings, ObservationAssembler
from wall_oss_ros.core.episode import EpisodeLabel
from wall_oss_ros.core.errors import DatasetError, EpisodeError
from wall_oss_ros.core.joints import JointSelector
from wall_oss_ros.core.observation import state_vector
from wall_oss_ros.core.recorded_topics import EXECUTED
from wall_oss_ros.core.relative import relative_actions
from wall_oss_ros.data.chosen_bags import chosen_bags
from wall_oss_ros.data.dataset_reader import open_dataset
from wall_oss_ros.data.episode_reader import open_episode
from wall_oss_ros.data.export import export
from wall_oss_ros.data.export_episode import ExportSettings, export_episode
from wall_oss_ros.data.norm_stats import norm_stats
from wall_oss_ros.data.recorded_actions import read_actions
from wall_oss_ros.data.recorded_observations import Observer, input_topics, observations
from wall_oss_ros.data.resampling import Dropped, Grid, frames
from wall_oss_ros.messages.geometry import twist_from
from wall_oss_ros.messages.images import decode_image, fingerprint
from wall_oss_ros.messages.joint_states import joint_sample
from wall_oss_ros.messages.stamps import to_ns

TEN = ExportSettings(fps=10, shortest_s=0.5)


@pytest.fixture(scope="module")
def robot() -> RecordedRobot:
    return RecordedRobot()


@pytest.fixture(scope="module")
def bag(robot, tmp_path_factory) -> Path:
    """Three seconds, read only."""
    return robot.write(tmp_path_factory.mktemp("episodes"), "one", 3.0)


def make(bags, final, settings=TEN, **options):
    chosen = {"workers": 1, "validation": 0.0, "rng": np.random.default_rng(0), **options}
    return export(bags, final, settings, **chosen)


def seen(robot, bag) -> list:
    episode = open_episode(bag)
    observer = Observer(robot.contract, robot.kinematics, AssemblerSettings(), "test")
    return list(observations(episode.messages(input_topics(robot.contract)), observer))


def test_exported_observations_are_those_that_the_policy_saw(robot, bag):
    """Parity: live messages through the assembler as camera_sync uses it, against the bag."""
    contract = robot.contract
    assembler = ObservationAssembler(contract, robot.kinematics, decode_image, AssemblerSettings())
    selector = JointSelector(contract.joint_names)
    cameras = {camera.topic: name for name, camera in contract.cameras.items()}
    live = []
    for topic, now, message in sorted(robot.messages(3.0), key=lambda one: one[1]):
        if topic in cameras:
            stamp = to_ns(message.header.stamp)
            assembler.push_image(cameras[topic], stamp, now, message, fingerprint(message))
            if (observation := assembler.assemble(now)) is not None:
                live.append(observation)
        elif topic == contract.joint_states.topic:
            assembler.push_joints(joint_sample(message, selector), now)
        elif topic == contract.odometry.topic:
            stamp = to_ns(message.header.stamp)
            assembler.push_twist(stamp, now, twist_from(message.twist.twist))
    recorded = seen(robot, bag)
    assert len(live) == len(recorded) == 30
    for ours, theirs in zip(recorded, live, strict=True):
        assert (ours.stamp_ns, ours.seq, ours.schema) == (
            theirs.stamp_ns,
            theirs.seq,
            theirs.schema,
        )
        np.testing.assert_array_equal(ours.state, theirs.state)
        for one, other in zip(ours.cameras, theirs.cameras, strict=True):
            assert (one.name, one.stamp_ns) == (other.name, other.stamp_ns)
            assert np.abs(one.pixels.astype(int) - other.pixels).mean() < 2.0  # JPEG


@pytest.mark.parametrize("fps", [3, 10, 20, 30])
def test_a_frame_shows_the_newest_observation_not_later_and_is_sent_where_it_was_by_the_next(
    robot, bag, fps
):
    every = seen(robot, bag)
    actions = read_actions(open_episode(bag))
    made = list(frames(every, actions, Grid(fps, 0.2, 0.2, 0, 2**62), Dropped()))
    assert len(made) >= 3.0 * fps - 2 - fps / 10
    stamps = np.array([observation.stamp_ns for observation in every])
    for place, frame in enumerate(made):
        assert frame.time_ns == stamps[0] + round(place * SECOND / fps)
        assert frame.observation.stamp_ns == stamps[stamps <= frame.time_ns].max()
        due = np.array([s for s in actions.stamps_ns if s <= frame.time_ns + round(SECOND / fps)])
        joints = robot.joints_at((due.max() - BEGIN) / SECOND + 0.05)
        target = state_vector(
            robot.contract, joints, robot.kinematics.tool_poses(joints), np.array([0.1, 0, 0])
        )
        for part in ("left_arm", "right_arm", "base", "lift", "head"):
            columns = action_space.part_columns(part)
            np.testing.assert_allclose(frame.action[columns], target[columns], atol=1e-7)


def test_what_was_never_commanded_keeps_its_measured_value(robot, bag):
    actions = read_actions(open_episode(bag))
    assert "right_gripper" not in actions.parts
    assert "left_gripper" in actions.parts
    every = seen(robot, bag)
    column = action_space.GRIPPER["right"]
    for frame in frames(every, actions, Grid(10, 0.2, 0.2, 0, 2**62), Dropped()):
        assert frame.action[column] == frame.observation.state[column]


def test_the_dataset_holds_the_frames_statistics_and_a_configuration(robot, bag, tmp_path):
    done = make([bag], tmp_path / "set")
    data = open_dataset(tmp_path / "set")
    assert done.dataset.frames == len(data.vectors(0)["action"])
    every = seen(robot, bag)
    shown = list(data.frames(0))
    assert len(shown) >= 28
    for place, frame in enumerate(shown):
        stamps = [observation.stamp_ns for observation in every]
        newest = max(s for s in stamps if s <= stamps[0] + place * SECOND // 10)
        observation = every[stamps.index(newest)]
        np.testing.assert_allclose(
            frame.vectors["observation.state"], observation.state, rtol=1e-6, atol=1e-6
        )
        for camera in observation.cameras:
            picture = frame.images[f"observation.images.{camera.label}"]
            assert np.abs(picture.astype(int) - camera.pixels).mean() < 6.0
    stats = json.loads((tmp_path / "set" / "norm_stats.json").read_text())
    assert len(stats["norm_stats"]["action"]["q01"]) == 26
    config = yaml.safe_load((tmp_path / "set" / "wall_oss.yml").read_text())
    assert sum(config["task"]["dof_config"].values()) == 26
    assert sum(config["task"]["agent_pos_config"].values()) == 26
    keys = {field.action_key for field in action_space.FIELDS}
    assert set(config["task"]["dof_config"]) <= keys | {"action_padding"}
    assert list(config["data"]["key_mappings"]["camera"].values()) == [
        "face_view",
        "left_wrist_view",
        "right_wrist_view",
    ]
    assert "follow_right_gripper" in done.still


def test_statistics_are_those_of_whole_chunks_relative_to_their_first_state():
    rng = np.random.default_rng(0)
    states = rng.normal(size=(40, 26))
    actions = states + 0.1 * rng.normal(size=(40, 26))
    stats = norm_stats([(states, actions)], horizon=8)["norm_stats"]
    rows = np.concatenate([relative_actions(actions[k : k + 8], states[k]) for k in range(40)])
    np.testing.assert_allclose(stats["action"]["q01"], np.quantile(rows, 0.01, axis=0))
    np.testing.assert_allclose(stats["action"]["q99"], np.quantile(rows, 0.99, axis=0))
    np.testing.assert_allclose(stats["observation.state"]["max"], states.max(axis=0))


def test_our_own_model_reads_the_statistics(robot, bag, tmp_path):
    pytest.importorskip("torch")
    from wall_oss_ros.model.normalizer import Statistics

    make([bag], tmp_path / "set")
    stats = json.loads((tmp_path / "set" / "norm_stats.json").read_text())["norm_stats"]
    for kind in ("action", "observation.state"):
        low, high = np.array(stats[kind]["q01"]), np.array(stats[kind]["q99"])
        assert len(Statistics.of(low, high - low, kind)) == 26


def test_relative_actions_are_relative_to_their_own_frames_state(robot, bag, tmp_path):
    make([bag], tmp_path / "absolute")
    make([bag], tmp_path / "relative", ExportSettings(fps=10, shortest_s=0.5, relative=True))
    vectors = open_dataset(tmp_path / "absolute").vectors(0)
    wanted = [
        relative_actions(action[None], state)[0]
        for action, state in zip(vectors["action"], vectors["observation.state"], strict=True)
    ]
    found = open_dataset(tmp_path / "relative").vectors(0)["action"]
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    one, other = (
        json.loads((tmp_path / name / "norm_stats.json").read_text())
        for name in ("absolute", "relative")
    )
    np.testing.assert_allclose(
        one["norm_stats"]["action"]["q99"], other["norm_stats"]["action"]["q99"], atol=1e-5
    )


def test_a_pause_of_a_camera_drops_frames_and_begins_another_run(robot, tmp_path):
    head = robot.contract.cameras["head"].topic

    def pause(sent):
        topic, received, _ = sent
        paused = topic == head and 1.0 < (received - BEGIN) / SECOND < 1.6
        return None if paused else sent

    bag = robot.write(tmp_path, "pause", 3.0, change=pause)
    done = export_episode(bag, tmp_path / "shards", TEN)
    assert len(done.shards) == 2
    assert done.dropped["no observation so new"] > 2
    assert done.frames + done.dropped["no observation so new"] >= 28


def test_frames_before_anything_was_executed_are_left_out_and_counted(robot, tmp_path):
    def later(sent):
        topic, received, _ = sent
        return None if topic == EXECUTED and received - BEGIN < SECOND else sent

    bag = robot.write(tmp_path, "later", 3.0, change=later)
    done = export_episode(bag, tmp_path / "shards", TEN)
    assert done.dropped["nothing was executed"] == pytest.approx(9, abs=1)


def test_idle_time_is_left_out_if_that_is_wanted(robot, tmp_path):
    def still(sent):
        topic, received, message = sent
        at = (received - BEGIN) / SECOND
        if topic != EXECUTED:
            return sent
        moving = min(max(at, 1.0), 2.0)
        return topic, received, robot.command(received - LATENCY["command"], moving)

    bag = robot.write(tmp_path, "idle", 3.0, change=still)
    whole = export_episode(bag, tmp_path / "whole", TEN)
    trimmed = export_episode(
        bag, tmp_path / "trim", ExportSettings(fps=10, shortest_s=0.5, trim_idle=True)
    )
    assert whole.frames >= 28
    assert 12 <= trimmed.frames <= 17


def test_several_bags_are_exported_in_parallel_to_the_same_dataset_as_one_by_one(robot, tmp_path):
    bags = [
        robot.write(tmp_path / "bags", name, 1.5, label=EpisodeLabel(f"task {name}", "success"))
        for name in ("a", "b", "c")
    ]
    make(bags, tmp_path / "one", workers=1, validation=0.34)
    make(bags, tmp_path / "two", workers=2, validation=0.34)
    one, two = open_dataset(tmp_path / "one"), open_dataset(tmp_path / "two")
    assert one.splits == two.splits
    assert set(one.splits) == {"train", "val"}
    for episode in range(3):
        for key, values in one.vectors(episode).items():
            np.testing.assert_array_equal(values, two.vectors(episode)[key])
    assert not list(tmp_path.glob(".*"))


def test_an_interrupted_export_goes_on_with_what_it_has(robot, tmp_path):
    bags = [robot.write(tmp_path / "bags", name, 1.5) for name in ("a", "b")]
    broken = tmp_path / "bags" / "broken"
    broken.mkdir()
    (broken / "metadata.yaml").write_text("rosbag2_bagfile_information: {}\n")
    with pytest.raises(EpisodeError):
        make([*bags, broken], tmp_path / "set")
    assert not (tmp_path / "set").exists()
    made = {path: path.stat().st_mtime_ns for path in tmp_path.glob(".set.shards/*/run_000/*")}
    assert made
    seen_frames = []
    make(bags, tmp_path / "set", progress=lambda frames, episodes: seen_frames.append(frames))
    assert open_dataset(tmp_path / "set").episodes
    assert max(seen_frames) < 30  # at least one of both was not made again


# -- broken input ---------------------------------------------------------------------------------


def refused(bags, tmp_path, match, error=EpisodeError):
    with pytest.raises(error, match=match):
        make(bags, tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_a_truncated_bag_is_refused(robot, tmp_path):
    bag = robot.write(tmp_path, "cut", 1.5)
    file = next(bag.glob("*.mcap"))
    os.truncate(file, file.stat().st_size // 2)
    refused([bag], tmp_path, "damaged or truncated")


def test_a_bag_without_a_camera_is_refused_and_the_camera_named(robot, tmp_path):
    head = robot.contract.cameras["head"].topic
    bag = robot.write(tmp_path, "blind", 1.5, change=lambda s: None if s[0] == head else s)
    refused([bag], tmp_path, f"nothing was recorded of .*{head}")


def test_a_clock_that_goes_back_is_refused(robot, tmp_path):
    topic = robot.contract.joint_states.topic

    def back(sent):
        name, received, message = sent
        at = (received - BEGIN) / SECOND
        if name != topic or at < 1.0:
            return sent
        return name, received, robot.joint_states(received - 5 * SECOND, at)

    bag = robot.write(tmp_path, "back", 2.0, change=back)
    refused([bag], tmp_path, "the clock of joint_states goes back by 4.")


def test_pictures_of_another_size_are_refused(robot, tmp_path):
    head = robot.contract.cameras["head"].topic

    def grow(sent):
        name, received, message = sent
        if name == head and received - BEGIN > 0.3 * SECOND:
            pixels = np.zeros((32, 32, 3), np.uint8)
            pixels += np.uint8((received // 1_000_000) % 200)
            return name, received, robot.picture(to_ns(message.header.stamp), pixels)
        return sent

    bag = robot.write(tmp_path, "grows", 2.0, change=grow)
    refused([bag], tmp_path, "pictures are 32 x 32 px, but began as 64 x 64")


def test_two_episodes_in_one_bag_are_refused(robot, tmp_path):
    one, longer = robot.write(tmp_path, "one", 0.5), robot.write(tmp_path, "longer", 1.0)
    next(one.glob("*.mcap")).write_bytes(next(longer.glob("*.mcap")).read_bytes())
    refused([one], tmp_path, "more than one episode")


def test_an_episode_without_instruction_is_refused(robot, tmp_path):
    bag = robot.write(tmp_path, "mute", 1.5, label=EpisodeLabel(""))
    refused([bag], tmp_path, "nobody said what the robot was told")


def test_an_episode_in_which_nothing_was_executed_is_refused(robot, tmp_path):
    bag = robot.write(tmp_path, "idle", 1.5, change=lambda s: None if s[0] == EXECUTED else s)
    refused([bag], tmp_path, "nothing was executed")


def test_an_existing_target_is_left_as_it_is(robot, bag, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine").write_text("")
    with pytest.raises(DatasetError, match="exists already"):
        make([bag], tmp_path / "set")
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["mine"]


def test_a_target_that_cannot_be_written_to_is_said(robot, bag, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot write to"):
        make([bag], tmp_path / "file" / "set")


def test_what_is_no_bag_is_said(tmp_path):
    with pytest.raises(EpisodeError, match="no folder"):
        chosen_bags([tmp_path / "none"], [])
    with pytest.raises(EpisodeError, match="is no bag and holds none"):
        chosen_bags([tmp_path], [])


def test_episodes_are_chosen_by_their_outcome(robot, tmp_path):
    for name, outcome in (("a", "success"), ("b", "failure")):
        robot.write(tmp_path, name, 0.3, label=EpisodeLabel("pick", outcome))
    assert [bag.name for bag in chosen_bags([tmp_path], [])] == ["a", "b"]
    assert [bag.name for bag in chosen_bags([tmp_path], ["failure"])] == ["b"]
    with pytest.raises(EpisodeError, match="none of 2 episodes has outcome aborted; they have"):
        chosen_bags([tmp_path], ["aborted"])
