"""A robot's topics against its contract: each thing that can be wrong is named, with what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wall_oss_ros.core.finding import Finding, Health
from wall_oss_ros.core.stream_check import (
    StreamSeen,
    check_camera,
    check_controllers,
    check_joints,
    check_odometry,
)


def pictures(camera, **changes) -> StreamSeen:
    good = {
        "seconds": 2.0,
        "count": round(2.0 * camera.rate),
        "publishers": 1,
        "frames": {camera.frame},
        "ages_s": [0.005 + camera.capture_delay] * 10,
        "encodings": {"rgb8"},
        "sizes": {(640, 480)},
    }
    return StreamSeen(**{**good, **changes})


@pytest.fixture
def camera(contract):
    return next(iter(contract.cameras.values()))


def test_a_camera_as_the_contract_says_is_well(camera):
    found = check_camera("head", camera, pictures(camera))
    assert found.health is Health.OK
    assert "640 x 480, rgb8" in found.said
    assert str(found).startswith("ok    camera head")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"count": 0, "publishers": 0}, "nobody publishes"),
        ({"count": 0, "publishers": 2}, "2 publishers, and no message came"),
        ({"publishers": 2}, "2 publishers"),
        ({"frames": {"other"}}, "frame 'other'; expected"),
        ({"ages_s": [-1.0]}, "s in the future"),
        ({"ages_s": [3.0]}, "s old when they arrive"),
        ({"sizes": {(1, 1), (2, 2)}}, "pictures of 2 sizes"),
        ({"troubles": {"encoding 'bayer'"}}, "encoding 'bayer'"),
        ({"count": 2}, "the contract expects"),
    ],
)
def test_what_is_wrong_with_a_camera_is_named(camera, changes, words):
    found = check_camera("head", camera, pictures(camera, **changes))
    assert found.health is Health.BAD
    assert words in found.said
    assert found.todo


def test_a_few_lost_pictures_are_a_note(camera):
    found = check_camera("head", camera, pictures(camera, count=round(1.4 * camera.rate)))
    assert found.health is Health.NOTE


def test_a_delay_that_the_contract_knows_is_no_age(camera):
    slow = replace(camera, capture_delay=0.5)
    assert check_camera("head", slow, pictures(slow)).health is Health.OK


def test_missing_joints_are_named(contract):
    names = tuple(contract.joint_names)
    stream = contract.joint_states
    ages_s = [0.001 + stream.capture_delay]
    seen = StreamSeen(1.0, round(stream.rate), 1, set(), ages_s, names=names)
    assert check_joints(contract, seen).health is Health.OK
    seen.names = names[2:]
    found = check_joints(contract, seen)
    assert found.health is Health.BAD
    assert names[0] in found.said


def test_odometry_is_looked_at_where_there_is_some(contract):
    found = check_odometry(contract, StreamSeen())
    assert isinstance(found, Finding)
    assert found.health is Health.BAD


def test_a_controller_that_is_deaf_or_shared_is_bad():
    found = check_controllers({"a": 1, "b": 0, "c": 1}, {"a": [], "b": [], "c": ["teleop"]})
    assert [finding.health for finding in found] == [Health.OK, Health.BAD, Health.BAD]
    assert "teleop" in found[2].said
