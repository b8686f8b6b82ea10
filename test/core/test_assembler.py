"""Pins: an observation is one instant that was really seen, or there is none and it is said why.

Nothing is ever filled in: no black frame, no old joint angle, no zero velocity.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sample_robot import MS, SECOND, T0, FakeKinematics, joint_sample

from wall_oss_ros.core.assembler import AssemblerSettings, ObservationAssembler
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.observation import Observation

CAMERAS = ("head", "wrist_left", "wrist_right")
STATES = ("joint_states", "odometry")


def picture(message: object) -> NDArray[np.uint8]:
    """A message is the brightness of its picture, or (brightness, width, height); "broken" cannot
    be decoded."""
    if message == "broken":
        raise MessageError("JPEG data ends early")
    if isinstance(message, tuple):
        brightness, width, height = message
        return np.full((height, width, 3), brightness, np.uint8)
    return np.full((2, 2, 3), message, np.uint8)


class Robot:
    """Feeds an assembler; every stream speaks unless it is told not to."""

    def __init__(self, contract: RobotContract, **settings: float) -> None:
        self.contract = contract
        self.kinematics = FakeKinematics(contract)
        self.assembler = ObservationAssembler(
            contract, self.kinematics, picture, AssemblerSettings(**settings)
        )
        self.fingerprint = 0

    def see(self, name: str, stamp_ns: int, now_ns: int | None = None, message: object = 7) -> None:
        self.fingerprint += 1
        now_ns = stamp_ns if now_ns is None else now_ns
        self.assembler.push_image(name, stamp_ns, now_ns, message, self.fingerprint)

    def feel(self, stamp_ns: int, now_ns: int | None = None, lift: float = 0.3) -> None:
        now_ns = stamp_ns if now_ns is None else now_ns
        sample = joint_sample(self.contract, stamp_ns, {"torso_lift_joint": lift})
        self.assembler.push_joints(sample, now_ns)

    def roll(self, stamp_ns: int, now_ns: int | None = None, vx: float = 0.1) -> None:
        now_ns = stamp_ns if now_ns is None else now_ns
        self.assembler.push_twist(stamp_ns, now_ns, np.array([vx, 0.0, 0.0]))

    def live(self, stamp_ns: int, silent: tuple[str, ...] = ()) -> None:
        """One message of every stream but the silent ones, all of one instant."""
        if "joint_states" not in silent:
            self.feel(stamp_ns)
        if "odometry" not in silent:
            self.roll(stamp_ns)
        for name in CAMERAS:
            if name not in silent:
                self.see(name, stamp_ns)

    def faults(self, now_ns: int) -> dict[str, str]:
        return {fault.stream: fault.reason for fault in self.assembler.faults(now_ns)}


@pytest.fixture
def robot(contract: RobotContract) -> Robot:
    return Robot(contract)


def stream_of(name: str) -> str:
    return f"camera {name}" if name in CAMERAS else name


# --- what an observation is ------------------------------------------------------------------


def test_one_instant_is_one_observation(robot: Robot) -> None:
    robot.live(T0)
    seen = robot.assembler.assemble(T0 + 10 * MS)
    assert seen is not None
    assert (seen.stamp_ns, seen.seq, seen.skew_s, seen.joint_age_s) == (T0, 1, 0.0, 0.0)
    assert [(c.name, c.label) for c in seen.cameras] == [
        ("head", "face_view"),
        ("wrist_left", "left_wrist_view"),
        ("wrist_right", "right_wrist_view"),
    ]
    assert [c.age_s for c in seen.cameras] == [0.01] * 3
    assert seen.schema == robot.contract.schema_hash
    assert robot.faults(T0 + 10 * MS) == {}


def test_the_state_is_that_of_the_measurements(robot: Robot) -> None:
    robot.live(T0)
    robot.feel(T0 + MS, lift=0.1)  # after the pictures
    robot.see("head", T0 + 100 * MS)
    seen = robot.assembler.assemble(T0 + 100 * MS)
    assert seen is not None
    assert seen.state[23] == 0.3
    assert seen.state[20:23].tolist() == seen.base_twist.tolist() == [0.1, 0.0, 0.0]
    middle = robot.kinematics.tool_poses(robot.contract.home)["left"].position
    assert seen.state[0:3] == pytest.approx(middle)
    assert seen.tools["left"].position == pytest.approx(middle)


def test_a_set_is_given_once(robot: Robot) -> None:
    robot.live(T0)
    assert robot.assembler.assemble(T0) is not None
    assert robot.assembler.assemble(T0) is None
    assert robot.assembler.assemble(T0 + 50 * MS) is None
    assert robot.faults(T0 + 50 * MS) == {}  # nothing is wrong, there is just nothing new
    robot.live(T0 + 100 * MS)
    second = robot.assembler.assemble(T0 + 100 * MS)
    assert second is not None and (second.seq, second.stamp_ns) == (2, T0 + 100 * MS)


def test_cameras_that_stamp_a_little_apart_make_one_observation_per_set(robot: Robot) -> None:
    given_out = []
    for period in range(5):
        for apart, name in enumerate(CAMERAS):
            stamp = T0 + (100 * period + 2 * apart) * MS
            robot.feel(stamp)
            robot.roll(stamp)
            robot.see(name, stamp)
            given_out.append(robot.assembler.assemble(stamp))
    seen = [each for each in given_out if each is not None]
    # Each when its last picture comes, and never again a period later, one picture at a time.
    assert [each.stamp_ns for each in seen] == [T0 + 100 * period * MS for period in range(5)]
    assert given_out[2::3] == seen


def test_the_nearest_pictures_make_a_set_not_the_first_that_fit(robot: Robot) -> None:
    for offset in (0, 2, 4):
        robot.feel(T0 + offset * 10 * MS)
        robot.roll(T0 + offset * 10 * MS)
        robot.see("head", T0 + offset * 10 * MS, message=offset)
        robot.see("wrist_left", T0 + offset * 10 * MS + 3 * MS, message=offset)
    robot.see("wrist_right", T0 + 22 * MS)
    seen = robot.assembler.assemble(T0 + 50 * MS)
    assert seen is not None
    assert seen.stamp_ns == T0 + 22 * MS  # the camera that lags most decides the instant
    assert [c.stamp_ns - T0 for c in seen.cameras] == [20 * MS, 23 * MS, 22 * MS]
    assert seen.skew_s == pytest.approx(0.003)


def test_capture_delay_shifts_the_stamp(contract: RobotContract) -> None:
    delayed = dataclasses.replace(contract.cameras["head"], capture_delay=0.03)
    robot = Robot(dataclasses.replace(contract, cameras={**contract.cameras, "head": delayed}))
    robot.live(T0, silent=("head",))
    robot.see("head", T0 + 30 * MS)
    seen = robot.assembler.assemble(T0 + 30 * MS)
    assert seen is not None
    assert (seen.stamp_ns, seen.skew_s) == (T0, 0.0)
    assert seen.cameras[0].age_s == pytest.approx(0.03)


def test_pictures_are_decoded_only_for_an_observation(contract: RobotContract) -> None:
    decoded: list[object] = []

    def count(message: object) -> NDArray[np.uint8]:
        decoded.append(message)
        return picture(message)

    robot = Robot(contract)
    robot.assembler = ObservationAssembler(contract, robot.kinematics, count, AssemblerSettings())
    for i in range(5):
        robot.live(T0 + i * 20 * MS)
    assert robot.assembler.assemble(T0 + 80 * MS) is not None
    assert len(decoded) == 3


def test_a_contract_without_a_base_needs_no_odometry(contract: RobotContract) -> None:
    robot = Robot(dataclasses.replace(contract, base=None, odometry=None))
    robot.live(T0, silent=("odometry",))
    seen = robot.assembler.assemble(T0)
    assert seen is not None and seen.state[20:23].tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="no odometry"):
        robot.roll(T0)


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize("name", CAMERAS + STATES)
def test_a_stream_that_never_spoke_is_named(robot: Robot, name: str) -> None:
    robot.live(T0, silent=(name,))
    assert robot.assembler.assemble(T0) is None
    assert robot.faults(T0) == {stream_of(name): "nothing received yet"}


@pytest.mark.parametrize("name", CAMERAS + STATES)
def test_a_stream_that_fell_silent_is_named_with_its_age(robot: Robot, name: str) -> None:
    robot.live(T0)
    assert robot.assembler.assemble(T0) is not None
    for i in range(1, 8):
        robot.live(T0 + i * 100 * MS, silent=(name,))
        robot.assembler.assemble(T0 + i * 100 * MS)
    now = T0 + 700 * MS
    assert robot.assembler.assemble(now) is None
    assert robot.faults(now) == {stream_of(name): "newest sample is 0.70 s old, limit 0.50 s"}


@pytest.mark.parametrize("name", STATES)
def test_a_state_older_than_the_pictures_allow_is_refused_before_it_is_stale(
    robot: Robot, name: str
) -> None:
    robot.live(T0)
    robot.live(T0 + 150 * MS, silent=(name,))
    assert robot.assembler.assemble(T0 + 150 * MS) is None
    reason = robot.faults(T0 + 150 * MS)[name]
    assert "150 ms older than they are, limit 100 ms" in reason


@pytest.mark.parametrize("name", STATES)
def test_a_state_is_never_taken_from_after_the_pictures(robot: Robot, name: str) -> None:
    robot.live(T0, silent=(name,))
    (robot.feel if name == "joint_states" else robot.roll)(T0 + MS)
    assert robot.assembler.assemble(T0 + MS) is None
    assert robot.faults(T0 + MS) == {name: "no sample as old as the pictures; the clocks differ"}


def test_pictures_too_far_apart_are_refused_by_camera(robot: Robot) -> None:
    for name, offset in (("head", 0), ("wrist_left", 60), ("wrist_right", 10)):
        robot.see(name, T0 + offset * MS)
    robot.feel(T0)
    robot.roll(T0)
    now = T0 + 60 * MS
    assert robot.assembler.assemble(now) is None
    faults = robot.faults(now)
    assert list(faults) == ["camera wrist_left"]
    assert "60 ms away, slop 50 ms" in faults["camera wrist_left"]


def test_the_slop_itself_is_allowed(robot: Robot) -> None:
    robot.live(T0, silent=("wrist_left",))
    robot.see("wrist_left", T0 + 50 * MS)
    assert robot.assembler.assemble(T0 + 50 * MS) is not None


def test_a_frozen_picture_is_refused_although_messages_come(robot: Robot) -> None:
    for i in range(8):
        now = T0 + i * 100 * MS
        robot.live(now, silent=("head",))
        robot.assembler.push_image("head", now, now, 7, fingerprint=-1)
        seen = robot.assembler.assemble(now)
        assert (seen is None) == (i >= 6)
    reason = robot.faults(T0 + 700 * MS)["camera head"]
    assert reason == "frozen: stamps advance but the picture does not change for 0.7 s"
    robot.live(T0 + 800 * MS)
    assert robot.assembler.assemble(T0 + 800 * MS) is not None  # it moves again


def test_a_stamp_that_stands_still_is_refused(contract: RobotContract) -> None:
    robot = Robot(contract, max_age_s=5.0)
    for i in range(8):
        now = T0 + i * 100 * MS
        robot.live(now, silent=("head",))
        robot.see("head", T0, now_ns=now)
        robot.assembler.assemble(now)
    assert "their stamp does not advance" in robot.faults(T0 + 700 * MS)["camera head"]


@pytest.mark.parametrize("name", CAMERAS + STATES)
def test_stamps_from_the_future_are_refused(robot: Robot, name: str) -> None:
    robot.live(T0, silent=(name,))
    ahead = T0 + 2 * SECOND
    {
        "joint_states": lambda: robot.feel(ahead, now_ns=T0),
        "odometry": lambda: robot.roll(ahead, now_ns=T0),
    }.get(name, lambda: robot.see(name, ahead, now_ns=T0))()
    assert robot.assembler.assemble(T0) is None
    assert robot.faults(T0) == {
        stream_of(name): "stamps are 2.00 s in the future; synchronise the clocks"
    }


def test_a_picture_that_cannot_be_decoded_is_refused_by_camera(robot: Robot) -> None:
    robot.live(T0, silent=("head",))
    robot.see("head", T0, message="broken")
    assert robot.assembler.assemble(T0) is None
    assert robot.faults(T0) == {"camera head": "JPEG data ends early"}
    robot.live(T0 + 100 * MS)
    assert robot.assembler.assemble(T0 + 100 * MS) is not None
    assert robot.faults(T0 + 100 * MS) == {}


def test_pictures_of_another_size_than_the_first_are_refused_until_they_are_as_before(
    robot: Robot,
) -> None:
    robot.live(T0)
    assert robot.assembler.assemble(T0) is not None
    for i in (1, 2):
        now = T0 + i * 100 * MS
        robot.live(now, silent=("head",))
        robot.see("head", now, message=(7, 4, 3))
        assert robot.assembler.assemble(now) is None
        reason = robot.faults(now)["camera head"]
        assert reason.startswith("pictures are 4 x 3 px, but began as 2 x 2")
    robot.live(T0 + 300 * MS)
    assert robot.assembler.assemble(T0 + 300 * MS) is not None
    assert robot.faults(T0 + 300 * MS) == {}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_twist_that_is_not_finite_is_refused(robot: Robot, bad: float) -> None:
    robot.live(T0)
    robot.roll(T0 + MS, vx=bad)
    assert robot.assembler.assemble(T0 + MS) is None
    assert robot.faults(T0 + MS) == {"odometry": "twist is not finite"}


def test_after_a_clock_jump_nothing_of_the_old_clock_is_mixed_in(robot: Robot) -> None:
    robot.live(T0)
    assert robot.assembler.assemble(T0) is not None
    early = 5 * SECOND  # a bag starts over
    robot.live(early, silent=("wrist_left",))
    assert robot.assembler.assemble(early) is None
    assert list(robot.faults(early)) == ["camera wrist_left"]
    robot.live(early + 100 * MS)
    seen = robot.assembler.assemble(early + 100 * MS)
    assert seen is not None and seen.stamp_ns == early + 100 * MS


streams = st.lists(st.sampled_from(CAMERAS + STATES), max_size=3, unique=True)


@given(streams, streams, st.integers(0, 3))
def test_with_any_stream_missing_or_stale_there_is_none_and_each_is_named(
    contract: RobotContract, missing: list[str], stale: list[str], seen_before: int
) -> None:
    robot = Robot(contract)
    silent = tuple({*missing, *stale})
    for i in range(seen_before):
        robot.live(T0 + i * 100 * MS, silent=tuple(missing))
        robot.assembler.assemble(T0 + i * 100 * MS)
    now = T0 + 5 * SECOND
    robot.live(now, silent=silent)
    seen = robot.assembler.assemble(now)
    assert (seen is None) == bool(silent)
    assert set(robot.faults(now)) == {stream_of(name) for name in silent}


@st.composite
def scripts(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """Messages (stream, delay of the stamp, pause before it) [ms], in any order and at any pace."""
    message = st.tuples(
        st.sampled_from(CAMERAS + STATES), st.integers(-150, 200), st.integers(0, 150)
    )
    return draw(st.lists(message, max_size=40))


@given(scripts())
def test_whatever_comes_an_observation_keeps_its_promises(
    contract: RobotContract, script: list[tuple[str, int, int]]
) -> None:
    robot = Robot(contract)
    settings = AssemblerSettings()
    now, last = T0, None
    robot.live(now)
    given_out: list[Observation] = []
    for name, delay, pause in script:
        now += pause * MS
        stamp = now - delay * MS
        if name == "joint_states":
            robot.feel(stamp, now)
        elif name == "odometry":
            robot.roll(stamp, now)
        else:
            robot.see(name, stamp, now)
        seen = robot.assembler.assemble(now)
        if seen is None:
            continue
        stamps = [camera.stamp_ns for camera in seen.cameras]
        assert max(stamps) - min(stamps) <= settings.slop_s * SECOND
        assert seen.stamp_ns in stamps
        assert now - min(stamps) <= (settings.max_age_s + settings.slop_s) * SECOND
        assert 0 <= seen.joint_age_s <= settings.state_max_age_s
        assert seen.joints.stamp_ns <= seen.stamp_ns
        assert seen.stamp_ns != last
        last = seen.stamp_ns
        given_out.append(seen)
    assert [seen.seq for seen in given_out] == list(range(1, len(given_out) + 1))


# --- what is reported ------------------------------------------------------------------------


def test_a_stream_that_was_never_usable_is_a_misfit_after_a_while(robot: Robot) -> None:
    for i in range(25):
        now = T0 + i * 100 * MS
        robot.live(now, silent=("head",))
        robot.assembler.refuse("head", "encoding 'bayer' cannot be used", now)
        misfits = [str(fault) for fault in robot.assembler.misfits(now)]
        expected = ["camera head: encoding 'bayer' cannot be used"] if i >= 20 else []
        assert misfits == expected


def test_a_camera_whose_pictures_never_decode_is_a_misfit_after_a_while(robot: Robot) -> None:
    for i in range(25):
        now = T0 + i * 100 * MS
        robot.live(now, silent=("head",))
        robot.see("head", now, message="broken")
        assert robot.assembler.assemble(now) is None
    misfits = [str(fault) for fault in robot.assembler.misfits(now)]
    assert misfits == ["camera head: JPEG data ends early"]


def test_a_clock_that_was_wrong_for_a_moment_is_no_misfit(robot: Robot) -> None:
    robot.see("head", T0 + 60 * SECOND, now_ns=T0)  # stamped a minute ahead
    for i in range(1, 40):
        robot.see("head", T0 + i * 100 * MS)  # right since, and nothing else speaks
    assert robot.assembler.misfits(T0 + 4 * SECOND) == ()


def test_a_stream_that_once_worked_is_no_misfit(robot: Robot) -> None:
    robot.live(T0)
    for i in range(1, 50):
        robot.assembler.refuse("joint_states", "a joint is missing", T0 + i * 100 * MS)
    now = T0 + 5 * SECOND
    assert robot.assembler.misfits(now) == ()
    assert robot.faults(now)["joint_states"] == "a joint is missing"


def test_a_stream_that_is_only_silent_is_no_misfit(robot: Robot) -> None:
    robot.live(T0, silent=CAMERAS)
    assert robot.assembler.misfits(T0 + 100 * SECOND) == ()


def test_reports_tell_rate_age_and_counts_of_every_stream(robot: Robot) -> None:
    for i in range(11):
        robot.live(T0 + i * 100 * MS)
    robot.feel(T0 + 950 * MS, now_ns=T0 + SECOND)  # late
    reports = {report.stream: report for report in robot.assembler.reports(T0 + SECOND)}
    assert list(reports) == [stream_of(name) for name in CAMERAS + STATES]
    head = reports["camera head"]
    assert (head.expected_hz, head.received, head.late, head.fault) == (10.0, 11, 0, "")
    assert head.rate_hz == pytest.approx(10.0)
    assert head.age_s == 0.0
    assert (reports["joint_states"].received, reports["joint_states"].late) == (12, 1)


def test_a_report_of_a_silent_stream_has_an_endless_age(robot: Robot) -> None:
    report = robot.assembler.reports(T0)[0]
    assert (report.age_s, report.rate_hz) == (float("inf"), 0.0)
    assert report.fault == "nothing received yet"
