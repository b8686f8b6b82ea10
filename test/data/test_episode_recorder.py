"""What is recorded is whole, or says what is missing; nothing half-done has a final name."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from rosbags.rosbag2 import Reader
from rosbags.typesys.store import Typestore

from wall_oss_ros.core.episode import EpisodeLabel, EpisodeRecord, Mark, Provenance
from wall_oss_ros.core.errors import EpisodeError
from wall_oss_ros.core.recorded_topics import RecordedTopic
from wall_oss_ros.core.recorder_settings import RecorderSettings
from wall_oss_ros.data import recorder as recorder_module
from wall_oss_ros.data.bag_metadata import read_record, relabel, write_record
from wall_oss_ros.data.episode_repair import repair, unfinished
from wall_oss_ros.data.intake import Arrival
from wall_oss_ros.data.message_types import suite_types
from wall_oss_ros.data.recorder import EpisodeRecorder

MSG_FOLDER = Path(__file__).parents[2] / "msg"
SECOND = 1_000_000_000
WHO = b"publisher"
CONTRACT = (Path(__file__).parents[2] / "config/robots/tiago_pro_sim.yaml").read_text()
PROVENANCE = Provenance("0.1.0", "robot", "1234", CONTRACT, parameters={"policy.policy": "x"})
TOPICS = (
    RecordedTopic("camera", "sensor_msgs/msg/Image", 30.0, camera="camera"),
    RecordedTopic("joint_states", "sensor_msgs/msg/JointState", 100.0),
    RecordedTopic("instruction", "std_msgs/msg/String", latched=True),
)
CAMERA, JOINTS, INSTRUCTION = range(3)


@pytest.fixture(scope="module")
def types() -> Typestore:
    return suite_types(MSG_FOLDER)


@pytest.fixture
def make(tmp_path: Path, types: Typestore):
    def build(prefix: str = "/", **values: float) -> EpisodeRecorder:
        chosen = RecorderSettings(min_free_mb=1, **values)
        return EpisodeRecorder(tmp_path / "episodes", TOPICS, prefix, types, chosen)

    return build


def joints(types: Typestore, stamp_ns: int, value: float = 0.0) -> bytes:
    kinds = types.types
    header = kinds["std_msgs/msg/Header"](
        stamp=kinds["builtin_interfaces/msg/Time"](stamp_ns // SECOND, stamp_ns % SECOND),
        frame_id="",
    )
    message = kinds["sensor_msgs/msg/JointState"](
        header=header,
        name=["a"],
        position=np.array([value]),
        velocity=np.array([0.0]),
        effort=np.array([]),
    )
    return bytes(types.serialize_cdr(message, "sensor_msgs/msg/JointState"))


def picture(types: Typestore, pixels: np.ndarray, encoding: str = "rgb8") -> bytes:
    kinds = types.types
    header = kinds["std_msgs/msg/Header"](
        stamp=kinds["builtin_interfaces/msg/Time"](7, 8), frame_id="optical"
    )
    message = kinds["sensor_msgs/msg/Image"](
        header=header,
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=pixels.shape[1] * 3,
        data=pixels.reshape(-1),
    )
    return bytes(types.serialize_cdr(message, "sensor_msgs/msg/Image"))


def text(types: Typestore, words: str) -> bytes:
    message = types.types["std_msgs/msg/String"](data=words)
    return bytes(types.serialize_cdr(message, "std_msgs/msg/String"))


def offer(recorder: EpisodeRecorder, channel: int, stamp_ns: int, data: bytes, number: int = 1):
    recorder.intake.offer(Arrival(channel, stamp_ns, data), WHO, number)


def messages(bag: Path) -> list[tuple[str, int, bytes]]:
    with Reader(bag) as reader:
        return [(c.topic, stamp, bytes(data)) for c, stamp, data in reader.messages()]


def test_what_was_offered_is_in_the_bag_byte_for_byte_and_both_libraries_open_it(make, types):
    recorder = make(prefix="/left/")
    recorder.start("one", EpisodeLabel("pick"), PROVENANCE, 0)
    sent = [(10 * i, joints(types, i, i)) for i in range(50)]
    for number, (stamp, data) in enumerate(sent, 1):
        offer(recorder, JOINTS, stamp, data, number)
        if number % 7 == 0:
            recorder.step(stamp)
    bag = recorder.stop(EpisodeLabel("pick", "success", 1.0), "stopped by a person", 500)
    assert messages(bag) == [("/left/joint_states", stamp, data) for stamp, data in sent]
    with next(bag.glob("*.mcap")).open("rb") as stream:
        by_mcap = [(channel.topic, m.data) for _, channel, m in make_reader(stream).iter_messages()]
    assert by_mcap == [("/left/joint_states", data) for _, data in sent]
    assert {path.name for path in bag.parent.iterdir()} == {".partial", "one"}
    assert not list((bag.parent / ".partial").iterdir())


def test_everything_known_about_an_episode_is_in_its_metadata(make, types):
    recorder = make()
    recorder.start("one", EpisodeLabel("pick", notes="first"), PROVENANCE, 100)
    offer(recorder, JOINTS, 101, joints(types, 101))
    recorder.mark("the supervisor stopped the robot: e-stop", 150)
    label = EpisodeLabel("pick", "failure", 0.5, "first; dropped it")
    bag = recorder.stop(label, "stopped by a person", 200)
    record = read_record(bag)
    assert record.label == label
    assert record.provenance == PROVENANCE
    assert (record.begin_ns, record.end_ns, record.ending) == (100, 200, "stopped by a person")
    assert record.marks == (Mark(150, "the supervisor stopped the robot: e-stop"),)
    assert {a.topic: a.written for a in record.accounts} == {
        "/camera/compressed": 0,
        "/joint_states": 1,
        "/instruction": 0,
    }


def test_raw_pictures_become_jpeg_with_the_same_header(make, types):
    y, x = np.mgrid[0:48, 0:64]
    pixels = np.stack([x * 4, y * 5, (x + y) * 2], axis=2).astype(np.uint8)
    recorder = make(jpeg_quality=95)
    recorder.start("one", EpisodeLabel(), PROVENANCE, 0)
    offer(recorder, CAMERA, 1, picture(types, pixels))
    bag = recorder.stop(EpisodeLabel(), "", 2)
    ((topic, _, data),) = messages(bag)
    message = types.deserialize_cdr(data, "sensor_msgs/msg/CompressedImage")
    assert topic == "/camera/compressed"
    assert (message.header.stamp.sec, message.header.frame_id) == (7, "optical")
    decoded = simplejpeg.decode_jpeg(message.data.tobytes(), colorspace="RGB")
    assert np.abs(decoded.astype(int) - pixels).mean() < 2.0


def test_with_quality_0_pictures_are_recorded_as_they_are(make, types):
    data = picture(types, np.zeros((4, 4, 3), np.uint8))
    recorder = make(jpeg_quality=0)
    recorder.start("one", EpisodeLabel(), PROVENANCE, 0)
    offer(recorder, CAMERA, 1, data)
    assert messages(recorder.stop(EpisodeLabel(), "", 2)) == [("/camera", 1, data)]


def test_a_picture_that_cannot_be_encoded_is_counted_and_named(make, types):
    recorder = make()
    recorder.start("one", EpisodeLabel(), PROVENANCE, 0)
    offer(recorder, CAMERA, 1, picture(types, np.zeros((4, 4, 3), np.uint8), "yuv422"))
    recorder.step(2)
    report = recorder.report(3)
    assert report.accounts[CAMERA].dropped == 1
    assert any("'yuv422' cannot be recorded as JPEG" in warning for warning in report.warnings)


def test_what_is_latched_is_in_every_episode(make, types):
    recorder = make()
    offer(recorder, INSTRUCTION, 5, text(types, "pick up the cube"))
    recorder.step(6)
    for name in ("one", "two"):
        recorder.start(name, EpisodeLabel(), PROVENANCE, 10)
        bag = recorder.stop(EpisodeLabel(), "", 11)
        assert messages(bag) == [("/instruction", 10, text(types, "pick up the cube"))]


def test_a_gap_in_a_publishers_numbers_is_counted_as_lost_for_each_publisher(make, types):
    recorder = make()
    recorder.start("one", EpisodeLabel(), PROVENANCE, 0)
    for who, number in ((b"a", 1), (b"b", 1), (b"a", 2), (b"b", 4), (b"a", 5), (b"b", 5)):
        recorder.intake.offer(Arrival(JOINTS, 1, joints(types, 1)), who, number)
    recorder.step(2)
    account = recorder.report(3).accounts[JOINTS]
    assert (account.written, account.lost, account.dropped) == (6, 4, 0)


def test_more_than_may_wait_is_dropped_counted_and_warned_of(make, types):
    recorder = make(queue_mb=1)
    recorder.start("one", EpisodeLabel(), PROVENANCE, 0)
    data = bytes(300_000)
    for number in range(1, 6):
        offer(recorder, JOINTS, number, data, number)
    recorder.step(9)
    report = recorder.report(10)
    assert (report.accounts[JOINTS].written, report.accounts[JOINTS].dropped) == (3, 2)
    assert any("2 dropped" in warning for warning in report.warnings)


def test_a_stream_below_its_rate_is_warned_of_during_the_episode(make, types):
    recorder = make()
    recorder.start("one", EpisodeLabel(), PROVENANCE, 0)
    number = 0
    for tick in range(100):  # joints at 50 of 100 Hz, no camera at all
        now = tick * SECOND // 10
        for _ in range(5):
            number += 1
            offer(recorder, JOINTS, now, joints(types, now), number)
        recorder.step(now)
    warnings = recorder.report(10 * SECOND).warnings
    assert any("joint_states: 50.0 Hz, expected 100.0" in warning for warning in warnings)
    assert any("camera: 0.0 Hz, expected 30.0" in warning for warning in warnings)


def test_the_time_before_a_stop_is_kept_though_nothing_was_recorded(make, types):
    recorder = make(ring_s=2.0)
    for tick in range(50):
        now = tick * SECOND // 10
        offer(recorder, JOINTS, now, joints(types, now, tick), tick + 1)
        recorder.step(now)
    recorder.keep("stop", PROVENANCE, "e-stop", 5 * SECOND)
    assert recorder.step(5 * SECOND - 1) == ""
    assert "the robot was stopped: e-stop" in recorder.step(5 * SECOND)
    bag = recorder.root / "stop"
    stamps = [stamp for _, stamp, _ in messages(bag)]
    assert stamps == [tick * SECOND // 10 for tick in range(29, 50)]
    assert read_record(bag).ending == "e-stop"


def test_the_ring_never_holds_more_than_it_may(make):
    recorder = make(ring_s=100.0, ring_mb=1)
    for tick in range(20):
        offer(recorder, JOINTS, tick, bytes(100_000), tick + 1)
        recorder.step(tick)
    recorder.keep("stop", PROVENANCE, "", 30)
    recorder.step(30)
    bag = recorder.root / "stop"
    assert [stamp for _, stamp, _ in messages(bag)] == list(range(10, 20))


def test_a_disk_that_is_nearly_full_ends_the_episode_whole_and_refuses_the_next(
    make, types, monkeypatch
):
    usage = namedtuple("usage", "total used free")
    recorder = make()
    recorder.start("one", EpisodeLabel(), PROVENANCE, 0)
    offer(recorder, JOINTS, 1, joints(types, 1))
    monkeypatch.setattr(recorder_module.shutil, "disk_usage", lambda path: usage(100, 100, 1000))
    recorder.step(SECOND)
    assert not recorder.recording
    assert "nearly full" in recorder.trouble
    bag = next(path for path in recorder.root.iterdir() if path.name == "one")
    assert len(messages(bag)) == 1
    assert "nearly full" in read_record(bag).ending
    with pytest.raises(EpisodeError, match="nearly full: 0 MiB left"):
        recorder.start("two", EpisodeLabel(), PROVENANCE, 0)


def test_a_discarded_episode_leaves_nothing(make, types):
    recorder = make()
    bag = recorder.start("one", EpisodeLabel(), PROVENANCE, 0)
    offer(recorder, JOINTS, 1, joints(types, 1))
    recorder.step(1)
    recorder.discard()
    assert not bag.exists()
    assert not list((bag.parent / ".partial").iterdir())
    recorder.start("one", EpisodeLabel(), PROVENANCE, 0)


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../up", "x" * 300])
def test_names_that_are_no_folder_names_are_refused(make, name):
    with pytest.raises(EpisodeError, match="expected a folder name"):
        make().start(name, EpisodeLabel(), PROVENANCE, 0)


def test_a_name_is_not_taken_twice_and_what_has_it_stays(make, types):
    recorder = make()
    recorder.start("one", EpisodeLabel(), PROVENANCE, 0)
    with pytest.raises(EpisodeError, match="'one' is being recorded; stop it first"):
        recorder.start("two", EpisodeLabel(), PROVENANCE, 0)
    bag = recorder.stop(EpisodeLabel(), "", 1)
    with pytest.raises(EpisodeError, match="exists already"):
        recorder.start("one", EpisodeLabel(), PROVENANCE, 0)
    assert bag.is_dir()
    with pytest.raises(EpisodeError, match="no episode is being recorded"):
        recorder.stop(EpisodeLabel(), "", 1)


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path, types):
    (tmp_path / "file").write_text("")
    recorder = EpisodeRecorder(
        tmp_path / "file", TOPICS, "/", types, RecorderSettings(min_free_mb=1)
    )
    with pytest.raises(EpisodeError, match="cannot write to .*file"):
        recorder.start("one", EpisodeLabel(), PROVENANCE, 0)


def test_a_label_can_be_changed_afterwards_and_the_rest_stays(make, types):
    recorder = make()
    recorder.start("one", EpisodeLabel("pick"), PROVENANCE, 100)
    offer(recorder, JOINTS, 101, joints(types, 101))
    bag = recorder.stop(EpisodeLabel("pick"), "stopped", 200)
    before = read_record(bag)
    label = EpisodeLabel("pick it up", "success", 1.0, "größer")
    assert relabel(bag, label) == before.labelled(label)
    assert read_record(bag) == before.labelled(label)
    assert len(messages(bag)) == 1


@given(notes=st.text(max_size=400))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_person_notes_reads_as_it_was_written(tmp_path, notes):
    (tmp_path / "metadata.yaml").write_text("rosbag2_bagfile_information:\n  version: 9\n")
    record = EpisodeRecord(0, EpisodeLabel("pick", notes=notes), PROVENANCE)
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record


@pytest.mark.parametrize("values", [{"outcome": "great"}, {"progress": 1.5}, {"progress": -0.1}])
def test_a_label_that_makes_no_sense_is_refused(values):
    with pytest.raises(EpisodeError, match="expected 0 to 1|valid: "):
        EpisodeLabel(**values)


WRITER = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from wall_oss_ros.core.episode import EpisodeLabel
from wall_oss_ros.core.recorder_settings import RecorderSettings
from wall_oss_ros.data.intake import Arrival
from wall_oss_ros.data.message_types import suite_types
from wall_oss_ros.data.recorder import EpisodeRecorder
from test_episode_recorder import JOINTS, MSG_FOLDER, PROVENANCE, TOPICS, joints

types = suite_types(MSG_FOLDER)
settings = RecorderSettings(min_free_mb=1)
recorder = EpisodeRecorder(Path(sys.argv[1]), TOPICS, "/", types, settings)
for name in ("whole", "open"):
    recorder.start(name, EpisodeLabel("pick"), PROVENANCE, time.time_ns())
    end = time.monotonic() + (0.2 if name == "whole" else float(sys.argv[2]))
    number = 0
    while time.monotonic() < end:
        number += 1
        now = time.time_ns()
        recorder.intake.offer(Arrival(JOINTS, now, joints(types, now)), b"x", number)
        recorder.step(now)
        time.sleep(0.001)
    if name == "whole":
        recorder.stop(EpisodeLabel("pick"), "", time.time_ns())
print(time.time_ns(), flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("seconds", [0.03, 0.7, 1.6])
def test_a_kill_leaves_finished_episodes_whole_and_the_open_one_readable_to_its_last_second(
    tmp_path, types, seconds
):
    root = tmp_path / "episodes"
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WRITER), root, str(seconds), Path(__file__).parent],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(messages(root / "whole")) > 10
    (left,) = unfinished(root)
    if seconds < 0.5:  # nothing was flushed yet: said, and nothing is lost without a word
        try:
            repair(left, root, types)
        except EpisodeError as error:
            assert "no message that can be read" in str(error)
            assert left.exists()
        return
    done = repair(left, root, types)
    stamps = [stamp for _, stamp, _ in messages(done.path)]
    assert len(stamps) == done.messages
    assert int(killed.stdout) - max(stamps) < SECOND
    assert read_record(done.path).label.instruction == "pick"
    assert "ended without finishing" in read_record(done.path).ending
    assert unfinished(root) == ()


def test_every_truncation_of_a_bag_can_be_repaired_or_is_refused(make, types, tmp_path):
    recorder = make()
    recorder.start("one", EpisodeLabel(), PROVENANCE, 0)
    for number in range(200):
        offer(recorder, JOINTS, number, joints(types, number), number + 1)
        if number % 20 == 19:
            recorder.step(number * SECOND)
    whole = recorder.stop(EpisodeLabel(), "", 200 * SECOND)
    file = next(whole.glob("*.mcap"))
    data = file.read_bytes()
    record = EpisodeRecord(0, EpisodeLabel(), PROVENANCE)
    found = []
    for part in np.linspace(0, len(data), 23).astype(int):
        root = tmp_path / f"cut{part}"
        partial = root / ".partial" / "one"
        partial.mkdir(parents=True)
        (partial / "one.mcap").write_bytes(data[:part])
        (partial / "episode.json").write_text(json.dumps(record.to_custom_data()))
        try:
            found.append(repair(partial, root, types).messages)
        except EpisodeError:
            found.append(0)
            assert not [path for path in root.iterdir() if path.name != ".partial"]
    assert found == sorted(found)
    assert found[0] == 0
    assert found[-1] == 200
    shutil.rmtree(whole)


def test_repair_says_what_it_cannot_read(tmp_path, types):
    partial = tmp_path / ".partial" / "one"
    partial.mkdir(parents=True)
    with pytest.raises(EpisodeError, match=r"episode\.json cannot be read"):
        repair(partial, tmp_path, types)
    record = EpisodeRecord(0, EpisodeLabel(), PROVENANCE)
    (partial / "episode.json").write_text(json.dumps(record.to_custom_data()))
    with pytest.raises(EpisodeError, match=r"holds no \.mcap file"):
        repair(partial, tmp_path, types)


def test_metadata_of_another_bag_is_no_episode(tmp_path):
    (tmp_path / "metadata.yaml").write_text("rosbag2_bagfile_information:\n  custom_data: {}\n")
    with pytest.raises(EpisodeError, match="holds no episode"):
        read_record(tmp_path)
    (tmp_path / "metadata.yaml").write_text("[")
    with pytest.raises(EpisodeError, match="damaged"):
        read_record(tmp_path)
    os.remove(tmp_path / "metadata.yaml")
    with pytest.raises(EpisodeError, match="expected the folder of a bag"):
        read_record(tmp_path)
