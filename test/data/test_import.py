"""From a dataset back to bags: an export of them gives the same rows, and nothing is half-done."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mcap.reader import make_reader
from recorded_robot import BEGIN, CONTRACT_FILE, SECOND, RecordedRobot
from rosbags.highlevel import AnyReader

from wall_oss_ros.core import action_space
from wall_oss_ros.core.action_space import ROTATION, SIDES
from wall_oss_ros.core.contract import parse_contract
from wall_oss_ros.core.episode import EpisodeLabel, Provenance
from wall_oss_ros.core.errors import DatasetError, EpisodeError
from wall_oss_ros.core.recorded_topics import EXECUTED
from wall_oss_ros.data.chosen_episodes import chosen_episodes
from wall_oss_ros.data.dataset_format import DatasetFormat
from wall_oss_ros.data.dataset_joints import POSITION_TOLERANCE_M
from wall_oss_ros.data.dataset_reader import open_dataset
from wall_oss_ros.data.dataset_writer import write_dataset
from wall_oss_ros.data.episode_reader import open_episode
from wall_oss_ros.data.export import export
from wall_oss_ros.data.export_episode import ExportSettings
from wall_oss_ros.data.import_episode import EpisodeImporter
from wall_oss_ros.data.jpeg_comment import with_comment
from wall_oss_ros.data.norm_stats import dimension_names
from wall_oss_ros.data.recorded_actions import read_actions
from wall_oss_ros.data.shard_writer import ShardWriter
from wall_oss_ros.data.training_config import ACTION_KEY, IMAGE_PREFIX, STATE_KEY
from wall_oss_ros.messages.images import decode_image
from wall_oss_ros.messages.stamps import to_ns
from wall_oss_ros.policies.registry import make_policy

# Some time other than the recording's.
NOW = BEGIN + 123_456_789_012_345
LABELS = ("face_view", "left_wrist_view", "right_wrist_view")
NAMES = dimension_names()


@pytest.fixture(scope="module")
def robot() -> RecordedRobot:
    return RecordedRobot()


@pytest.fixture(scope="module")
def datasets(robot, tmp_path_factory) -> Path:
    """Two seconds of the robot as `absolute` and as `relative`, read only."""
    folder = tmp_path_factory.mktemp("datasets")
    bag = robot.write(folder / "bags", "one", 2.0, label=EpisodeLabel("pick it up", "failure", 0.5))
    for name in ("absolute", "relative"):
        make(bag, folder / name, relative=name == "relative")
    return folder


@pytest.fixture(scope="module")
def imported(robot, datasets, tmp_path_factory) -> Path:
    """The bag of the absolute dataset, read only."""
    return importer(datasets / "absolute", tmp_path_factory.mktemp("bags"), robot).run(0, NOW).bag


def make(bag, final: Path, fps: int = 10, **settings):
    chosen = ExportSettings(fps=fps, shortest_s=0.5, **settings)
    rng = np.random.default_rng(0)
    return export([bag], final, chosen, workers=1, validation=0.0, rng=rng)


def importer(dataset: Path, root: Path, robot: RecordedRobot, text: str = "") -> EpisodeImporter:
    text = text or CONTRACT_FILE.read_text(encoding="utf-8")
    contract = parse_contract(text, "test")
    provenance = Provenance("0.1.0", contract.name, contract.schema_hash, text)
    return EpisodeImporter(open_dataset(dataset), root, provenance, robot.types)


def state_of(robot: RecordedRobot, seconds: float) -> np.ndarray:
    """A row of the robot, for datasets that no export has written."""
    tools = robot.kinematics.tool_poses(robot.joints_at(seconds))
    row = np.zeros(action_space.ACTION_DIM)
    for side in SIDES:
        row[action_space.POSITION[side]] = tools[side].position
        row[ROTATION[side]] = tools[side].rotation[:2].ravel()
        row[action_space.GRIPPER[side]] = 0.5
    row[action_space.BASE] = (0.2, -0.1, 0.3)
    row[action_space.LIFT] = robot.contract.home["torso_lift_joint"]
    row[action_space.HEAD] = (0.1, -0.2)
    return row


def written(robot, folder: Path, change=lambda rows: rows, *, frames: int = 8, **other) -> Path:
    """A small dataset with still pictures; `change` may spoil its rows (n, 26)."""
    values = {
        "fps": 10,
        "robot_type": robot.contract.name,
        "cameras": {IMAGE_PREFIX + label: (16, 16) for label in LABELS},
        "vectors": {STATE_KEY: NAMES, ACTION_KEY: NAMES},
    }
    fmt = DatasetFormat(**{**values, **other})
    rows = np.stack([state_of(robot, place / fmt.fps) for place in range(frames)])
    rows = change(rows).astype(np.float32)
    writer = ShardWriter(folder / "shard", fmt)
    picture = np.full((16, 16, 3), 90, np.uint8)
    for row in rows:
        writer.add(
            dict.fromkeys(fmt.cameras, picture),
            {key: row[: len(names)] for key, names in fmt.vectors.items()},
        )
    writer.finish("stand still", {})
    write_dataset(folder / "set", fmt, [folder / "shard"], splits={"train": [0]})
    return folder / "set"


# -- there and back -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["absolute", "relative"])
def test_an_export_of_an_import_gives_the_rows_that_were_imported(robot, datasets, kind, tmp_path):
    made = importer(datasets / kind, tmp_path / "bags", robot).run(0, NOW)
    make(made.bag, tmp_path / "again", relative=kind == "relative")
    before, after = open_dataset(datasets / kind), open_dataset(tmp_path / "again")
    one, other = before.vectors(0), after.vectors(0)
    assert made.frames == len(one[STATE_KEY]) == len(other[STATE_KEY]) == 20
    assert made.missed == 0 and made.position_error < 1e-4
    np.testing.assert_allclose(other[STATE_KEY], one[STATE_KEY], atol=2e-4)
    # Relative rows are relative to a state that differs by what the joints miss.
    atol = 1e-6 if kind == "absolute" else 4e-4
    np.testing.assert_allclose(other[ACTION_KEY], one[ACTION_KEY], atol=atol)
    for old, new in zip(before.frames(0), after.frames(0), strict=True):
        for key, picture in old.images.items():
            assert np.abs(new.images[key].astype(int) - picture).mean() < 5.0
    assert after.tasks == ("pick it up",)


@pytest.mark.parametrize("fps", [7, 20])
def test_the_rows_come_back_at_rates_that_the_cameras_do_not_have(robot, fps, tmp_path):
    bag = robot.write(tmp_path / "bags", "one", 0.8)
    make(bag, tmp_path / "set", fps)
    made = importer(tmp_path / "set", tmp_path / "bags", robot).run(0, NOW)
    make(made.bag, tmp_path / "again", fps)
    one, other = (open_dataset(tmp_path / name).vectors(0) for name in ("set", "again"))
    np.testing.assert_allclose(other[STATE_KEY], one[STATE_KEY], atol=2e-4)
    np.testing.assert_allclose(other[ACTION_KEY], one[ACTION_KEY], atol=1e-6)


def test_delays_of_cameras_and_joints_are_those_of_the_contract(robot, datasets, tmp_path):
    text = CONTRACT_FILE.read_text(encoding="utf-8")
    text = text.replace(
        "rate: 10 Hz, frame: head", "rate: 10 Hz, capture_delay: 80 ms, frame: head"
    )
    text = text.replace("rate: 200 Hz}", "rate: 200 Hz, capture_delay: 150 ms}")
    assert text.count("capture_delay") == 2
    made = importer(datasets / "absolute", tmp_path / "bags", robot, text).run(0, NOW)
    make(made.bag, tmp_path / "again")
    one, other = (open_dataset(p).vectors(0) for p in (datasets / "absolute", tmp_path / "again"))
    np.testing.assert_allclose(other[STATE_KEY], one[STATE_KEY], atol=2e-4)
    np.testing.assert_allclose(other[ACTION_KEY], one[ACTION_KEY], atol=1e-6)


def test_a_scene_in_which_nothing_moves_is_no_camera_that_hangs(robot, tmp_path):
    dataset = written(robot, tmp_path, lambda rows: rows[[0] * 15], frames=15)
    made = importer(dataset, tmp_path / "bags", robot).run(0, NOW)
    done = make(made.bag, tmp_path / "again")
    assert done.dataset.frames == 15
    assert not any("frozen" in reason for reason in done.episodes[0].dropped)


def test_a_comment_changes_a_jpegs_bytes_and_none_of_its_pixels(robot):
    import simplejpeg

    pixels = robot.picture_at(0.0, 0)
    jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels))
    marked = with_comment(jpeg, "frame 12")
    assert marked != jpeg and b"frame 12" in marked
    np.testing.assert_array_equal(simplejpeg.decode_jpeg(marked), simplejpeg.decode_jpeg(jpeg))
    with pytest.raises(ValueError, match="no JPEG"):
        with_comment(b"\x89PNG", "frame 12")


# -- what is in a bag -----------------------------------------------------------------------------


def test_an_imported_episode_is_one_as_the_recorder_writes_it(robot, imported, datasets):
    episode = open_episode(imported)
    record = episode.record
    assert imported.name == "episode_000000"
    assert record.label.instruction == "pick it up"
    assert (record.label.outcome, record.label.progress) == ("failure", 0.5)
    assert f"{datasets / 'absolute'}, episode 0" in record.label.notes
    assert "recorded as 'one'" in record.label.notes
    assert record.provenance.contract == CONTRACT_FILE.read_text(encoding="utf-8")
    assert record.provenance.policy == ""
    assert record.begin_ns == NOW
    assert record.end_ns == NOW + 2 * SECOND
    assert all(account.written for account in record.accounts)


def test_rosbags_and_mcap_read_it_and_messages_come_in_the_order_of_their_times(robot, imported):
    with AnyReader([imported]) as reader:
        found = [
            (c.topic, at, reader.deserialize(data, c.msgtype)) for c, at, data in reader.messages()
        ]
    times = [at for _, at, _ in found]
    assert times == sorted(times)
    assert found[0][0] == "/instruction" and found[0][2].data == "pick it up"
    stamped = [(at, to_ns(message.header.stamp)) for _, at, message in found[1:]]
    assert all(0 <= at - stamp < 10_000 for at, stamp in stamped)
    pictures = [message for topic, _, message in found if topic.endswith("/compressed")]
    assert len(pictures) == 3 * 20
    assert decode_image(pictures[0]).shape == (64, 64, 3)
    with next(imported.glob("*.mcap")).open("rb") as stream:
        topics = [channel.topic for _, channel, _ in make_reader(stream).iter_messages()]
    assert topics == [topic for topic, _, _ in found]
    assert set(topics) == {
        "/instruction",
        "/joint_states",
        "/odom",
        f"/{EXECUTED}",
        *(f"/{camera.topic}/compressed" for camera in robot.contract.cameras.values()),
    }


def test_joints_are_inside_their_limits_and_move_without_jumps(robot, imported):
    episode = open_episode(imported)
    ranges = robot.contract.joint_ranges
    before = None
    for received in episode.messages(["joint_states"]):
        joints = dict(zip(received.message.name, received.message.position, strict=True))
        assert set(joints) == set(robot.contract.joint_names)
        for name, (low, high) in ranges.items():
            assert low - 1e-6 <= joints[name] <= high + 1e-6
        if before is not None:
            assert max(abs(joints[name] - before[name]) for name in joints) < 0.1
        before = joints


def test_a_base_is_where_its_speeds_have_driven_it(robot, tmp_path):
    made = importer(written(robot, tmp_path, frames=11), tmp_path / "bags", robot).run(0, NOW)
    *_, last = open_episode(made.bag).messages(["odom"])
    orientation = last.message.pose.pose.orientation
    assert 2 * np.arctan2(orientation.z, orientation.w) == pytest.approx(0.3)
    assert last.message.twist.twist.linear.y == pytest.approx(-0.1)
    place = last.message.pose.pose.position
    assert np.hypot(place.x, place.y) == pytest.approx(np.hypot(0.2, 0.1), rel=0.01)


def test_the_replay_policy_sends_a_robot_where_the_dataset_did(robot, imported, datasets):
    actions = read_actions(open_episode(imported))
    rows = open_dataset(datasets / "absolute").vectors(0)[ACTION_KEY]
    np.testing.assert_allclose(actions.rows, rows, atol=1e-6)
    assert actions.stamps_ns == tuple(NOW + (n + 1) * SECOND // 10 for n in range(20))
    assert actions.parts == robot.contract.commanded_parts
    make_policy("replay", robot.contract, str(imported)).load()


def test_a_bag_depends_on_the_dataset_and_the_time_alone(robot, datasets, imported, tmp_path):
    again = importer(datasets / "absolute", tmp_path, robot).run(0, NOW).bag
    one, other = (next(bag.glob("*.mcap")).read_bytes() for bag in (imported, again))
    assert one == other


# -- broken input ---------------------------------------------------------------------------------


def refused(robot, dataset, root: Path, match: str, error=DatasetError, text: str = ""):
    with pytest.raises(error, match=match) as caught:
        importer(dataset, root, robot, text).run(0, NOW)
    assert "\n" not in str(caught.value)
    assert not list(root.glob("*")) or list(root.glob("**/*")) == [root / ".partial"]


def vectors(names) -> dict:
    return {STATE_KEY: names, ACTION_KEY: names}


SWAPPED = (*NAMES[:3], NAMES[4], NAMES[3], *NAMES[5:])


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"vectors": vectors(NAMES[:14])}, "has 14 dimensions; expected 26"),
        ({"vectors": vectors(SWAPPED)}, f"dimension 3 is '{NAMES[4]}'; expected '{NAMES[3]}'"),
        ({"vectors": {STATE_KEY: NAMES}}, "has no float32 vector 'action'"),
        ({"cameras": {IMAGE_PREFIX + "face_view": (16, 16)}}, "lacks the cameras .*left_wrist"),
        (
            {"cameras": {IMAGE_PREFIX + label: (16, 16) for label in (*LABELS, "top")}},
            "has the cameras 'observation.images.top', which 'tiago_pro_sim' has not",
        ),
        ({"robot_type": "aloha"}, "robot_type is 'aloha'; expected 'tiago_pro_sim'"),
        ({"robot_type": ""}, "robot_type is ''"),
        ({"fps": 30}, "at most 20 frames a second"),
        ({"fps": 4}, "expected 5 or more"),
    ],
)
def test_a_dataset_of_something_else_is_refused(robot, tmp_path, other, sentence):
    dataset = written(robot, tmp_path, frames=2, **other)
    refused(robot, dataset, tmp_path / "bags", sentence)


def moved(columns, by: float):
    def change(rows):
        rows[:, columns] += by
        return rows

    return change


def scaled(rows):
    rows[:, ROTATION["left"]] *= 1.1
    return rows


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            moved(action_space.POSITION["right"], 2.0),
            "cannot reach the tool poses of 8 of 8 frames",
        ),
        (scaled, "the left tool's rotation of frame 0, .* is none"),
    ],
)
def test_poses_that_cannot_be_are_refused(robot, tmp_path, change, sentence):
    refused(robot, written(robot, tmp_path, change), tmp_path / "bags", sentence)


def test_a_few_frames_out_of_reach_are_counted_and_the_others_are_not_worse(robot, tmp_path):
    def one_far(rows):
        rows[40, action_space.POSITION["left"]] += 1.5
        return rows

    dataset = written(robot, tmp_path, one_far, frames=51)
    made = importer(dataset, tmp_path / "bags", robot).run(0, NOW)
    assert made.missed == 1
    assert made.position_error > 0.5
    make(made.bag, tmp_path / "again")
    one, other = (open_dataset(p).vectors(0)[STATE_KEY] for p in (dataset, tmp_path / "again"))
    off = np.abs(one - other).max(axis=1) > POSITION_TOLERANCE_M
    assert np.flatnonzero(off).tolist() == [40]


def test_numbers_that_are_none_are_refused(robot, tmp_path):
    dataset = written(robot, tmp_path)
    file = next((dataset / "data").rglob("*.parquet"))
    table = pq.read_table(file)
    rows = np.stack(table[STATE_KEY].to_numpy())
    rows[3, 9] = np.nan
    flat = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel(), pa.float32()), 26)
    pq.write_table(table.set_column(table.column_names.index(STATE_KEY), STATE_KEY, flat), file)
    refused(robot, dataset, tmp_path / "bags", "'follow_left_gripper' of frame 3 is nan")


def test_a_part_that_the_robot_lacks_may_not_move(robot, tmp_path):
    text = CONTRACT_FILE.read_text(encoding="utf-8")
    begin, end = text.index("\nhead:"), text.index("\nclearance:")
    refused(
        robot,
        written(robot, tmp_path),
        tmp_path / "bags",
        "'head_actions' is not 0, but 'tiago_pro_sim' has no head",
        text=text[:begin] + text[end:],
    )


def test_relative_rows_that_nobody_calls_relative_are_refused(robot, datasets, tmp_path):
    dataset = shutil.copytree(datasets / "relative", tmp_path / "set")
    (dataset / "meta" / "sources.json").unlink()
    refused(robot, dataset, tmp_path / "bags", "lie around the origin while the tools do not")


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ([], "is of 0 episodes and the dataset has 1"),
        ([{"episode_index": 0}], "is damaged: KeyError"),
        ([{"episode_index": 0, "source": {"actions": "odd"}}], "actions: got 'odd'"),
        ([{"episode_index": 0, "source": {"outcome": "odd"}}], "outcome: got 'odd'"),
        (
            [{"episode_index": 0, "source": {"contract": "0123"}}],
            "recorded with robot contract 0123",
        ),
    ],
)
def test_sources_that_make_no_sense_are_refused(robot, datasets, tmp_path, entry, sentence):
    dataset = shutil.copytree(datasets / "absolute", tmp_path / "set")
    (dataset / "meta" / "sources.json").write_text(json.dumps(entry))
    refused(robot, dataset, tmp_path / "bags", sentence)


def test_a_dataset_that_says_nothing_of_its_sources_is_unlabelled(robot, tmp_path):
    dataset = written(robot, tmp_path)
    (dataset / "meta" / "sources.json").unlink()
    label = open_episode(importer(dataset, tmp_path, robot).run(0, NOW).bag).record.label
    assert (label.outcome, label.progress) == ("unlabelled", None)


def test_a_video_that_ends_too_early_leaves_nothing_under_the_final_name(robot, tmp_path):
    dataset = written(robot, tmp_path, frames=20)
    short = written(robot, tmp_path / "short", frames=10)
    video = next(dataset.rglob("*left_wrist*/**/*.mp4"))
    shutil.copy(next(short.rglob("*left_wrist*/**/*.mp4")), video)
    refused(robot, dataset, tmp_path / "bags", "has no picture at 1.0")


def test_an_episode_with_two_tasks_is_refused(robot, tmp_path):
    data = importer(written(robot, tmp_path), tmp_path / "bags", robot)
    dataset = data._dataset
    dataset.episodes = (replace(dataset.episodes[0], tasks=("pick", "place")),)
    with pytest.raises(DatasetError, match="it has 2 tasks, 'pick', 'place'"):
        data.run(0, NOW)


def test_an_existing_bag_is_left_as_it_is(robot, datasets, tmp_path):
    mine = tmp_path / "episode_000000" / "mine"
    mine.parent.mkdir()
    mine.write_text("")
    made = importer(datasets / "absolute", tmp_path, robot)
    with pytest.raises(EpisodeError, match=r"exists already \(1 of 1 do\)"):
        made.check_free([0])
    with pytest.raises(EpisodeError, match="exists already"):
        made.run(0, NOW)
    assert list(tmp_path.rglob("*")) == [mine.parent, mine]


def test_a_target_that_cannot_be_written_to_is_said(robot, datasets, tmp_path):
    (tmp_path / "file").write_text("")
    made = importer(datasets / "absolute", tmp_path / "file" / "bags", robot)
    with pytest.raises(EpisodeError, match="cannot write to"):
        made.run(0, NOW)


def test_what_is_no_dataset_is_said(robot, tmp_path):
    with pytest.raises(DatasetError, match=r"info\.json is missing; give the folder of a whole"):
        importer(tmp_path, tmp_path / "bags", robot)


def test_episodes_are_chosen_by_numbers_and_ranges():
    assert chosen_episodes("", 3) == (0, 1, 2)
    assert chosen_episodes("0,3, 5-9,5", 10) == (0, 3, 5, 6, 7, 8, 9)


@pytest.mark.parametrize("text", ["a", "1-", "-1", "3-1", "1,,2", "1;2", "0x1", "1.5"])
def test_another_text_chooses_no_episode(text):
    with pytest.raises(DatasetError, match="expected numbers and ranges such as 0,3,5-9"):
        chosen_episodes(text, 10)


def test_an_episode_that_is_not_there_is_said():
    with pytest.raises(DatasetError, match="the dataset has 10 episodes, 0 to 9"):
        chosen_episodes("3,10", 10)
    with pytest.raises(DatasetError, match="has no episode"):
        chosen_episodes("", 0)


def test_the_command_imports_and_says_what_it_wrote(robot, datasets, tmp_path, capsys):
    main = pytest.importorskip("wall_oss_ros.cli.main").main
    pytest.importorskip("ament_index_python")
    arguments = ["import", str(datasets / "absolute"), "--output", str(tmp_path), "--quiet"]
    assert main([*arguments, "--episodes", "0"]) == 0
    said = capsys.readouterr().out
    assert "1 episodes, 20 frames, 2.0 s" in said and "mm and" in said
    assert main(arguments) == 1
    assert "exists already" in capsys.readouterr().err
    assert open_episode(tmp_path / "episode_000000").record.label.instruction == "pick it up"
