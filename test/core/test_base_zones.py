"""Pins: the base never crosses the border of a zone, slows down near it, and may always leave it.

The base is simulated as one that does what it is told, so what is pinned is the prediction.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import MS, T0, FakeKinematics, joint_sample, make_command

from wall_oss_ros.core.contract import Base, Box, HalfSpace, RobotContract, Sphere, Zone
from wall_oss_ros.core.errors import ContractError
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.rotation import Array, matrix_from_rpy
from wall_oss_ros.core.safety import Severity, Situation, Verdict
from wall_oss_ros.core.safety.base_speed import BaseSpeed
from wall_oss_ros.core.safety.base_zones import BaseZones, braking_path
from wall_oss_ros.core.safety.boundaries import Boundaries

DT = 0.01
REACTION_S = 0.1
# The border is 1 m ahead of the odometry's origin; the robot's radius is 0.35 m.
WALL = Zone("out", ("base",), "odom", 0.3, half_space=HalfSpace((1.0, 0.0, 0.0), (-1.0, 0.0, 0.0)))
ROOM = Zone("in", ("base",), "odom", 0.2, box=Box((-1.0, -1.0, 0.0), (1.0, 1.5, 2.0)))
POST = Zone("out", ("base",), "odom", 0.2, sphere=Sphere((0.9, 0.3, 0.0), 0.1))

speeds = st.floats(-0.6, 0.6)
twists = st.tuples(speeds, speeds, st.floats(-1.0, 1.0))


def base_of(contract: RobotContract) -> Base:
    assert contract.base is not None
    return contract.base


def at(x: float, y: float = 0.0, yaw: float = 0.0) -> Pose:
    return Pose(np.array([x, y, 0.0]), matrix_from_rpy((0.0, 0.0, yaw)))


def rule(contract: RobotContract, **zones: Zone) -> BaseZones:
    boundaries = Boundaries(contract, FakeKinematics(contract), 0.03)
    boundaries.replace(zones)
    return BaseZones(base_of(contract), boundaries, REACTION_S, pose_max_age_s=0.3)


def situation(
    contract: RobotContract, pose: Pose | None, last: Array, pose_ns: int = T0
) -> Situation:
    sent = make_command(contract, T0, base_twist=last)
    return Situation(T0, DT, joint_sample(contract, T0), sent, {}, pose, pose_ns)


def judge(
    contract: RobotContract, judging: BaseZones, pose: Pose | None, twist: tuple[float, ...]
) -> Verdict:
    """A command to go on at the twist the base already has."""
    command = make_command(contract, T0, base_twist=twist)
    return judging.check(command, situation(contract, pose, np.array(twist)))


def moved(pose: Pose, twist: Array) -> Pose:
    """Where an ideal base is one tick later."""
    turn = matrix_from_rpy((0.0, 0.0, twist[2] * DT / 2))
    step = np.array([twist[0], twist[1], 0.0]) * DT
    ahead = pose.rotation @ turn
    return Pose(pose.position + ahead @ step, ahead @ turn)


@pytest.mark.parametrize("zone", [WALL, ROOM, POST], ids=["wall", "room", "post"])
@given(wanted=st.lists(twists, min_size=1, max_size=8), yaw=st.floats(-3.0, 3.0))
def test_whatever_is_commanded_no_border_is_crossed(
    contract: RobotContract, zone: Zone, wanted: list[tuple[float, ...]], yaw: float
) -> None:
    judging, speed = rule(contract, zone=zone), BaseSpeed(base_of(contract))
    pose, twist = at(0.0, 0.0, yaw), np.zeros(3)
    for target in wanted:
        for _ in range(60):
            here = situation(contract, pose, twist)
            command = speed.check(make_command(contract, T0, base_twist=target), here).command
            twist = judging.check(command, here).command.base_twist
            pose = moved(pose, twist)
            x, y = pose.position[:2].tolist()
            assert zone.distance((x, y)) - base_of(contract).radius > 0.0


def test_towards_a_border_the_base_gets_slower_and_comes_to_rest(contract: RobotContract) -> None:
    judging, speed = rule(contract, wall=WALL), BaseSpeed(base_of(contract))
    pose, twist, drove = at(0.0), np.zeros(3), []
    for _ in range(1500):
        here = situation(contract, pose, twist)
        command = make_command(contract, T0, base_twist=(0.5, 0.0, 0.0))
        twist = judging.check(speed.check(command, here).command, here).command.base_twist
        pose = moved(pose, twist)
        drove.append(float(twist[0]))
    assert max(drove) > 0.4 and drove[-1] < 0.01
    fastest = int(np.argmax(drove))
    assert np.all(np.diff(drove[fastest:]) < 1e-6)
    assert np.all(np.abs(np.diff(drove)) <= base_of(contract).linear_acceleration * DT + 1e-9)
    assert 0.0 < 1.0 - 0.35 - pose.position[0] < 0.15


@pytest.mark.parametrize("x", [0.4, 0.64, 0.7, 1.5])
def test_away_from_a_border_and_along_it_the_base_is_free(
    contract: RobotContract, x: float
) -> None:
    judging = rule(contract, wall=WALL)
    for twist in ((-0.5, 0.0, 0.0), (-0.01, 0.4, 0.0), (0.0, 0.5, 0.0), (0.0, 0.0, 0.8)):
        assert judge(contract, judging, at(x), twist).severity is Severity.PASS
    toward = judge(contract, judging, at(x), (0.3, 0.0, 0.0))
    assert toward.severity is Severity.LIMIT and toward.command.base_twist[0] < 0.3


def test_the_heading_decides_what_is_toward(contract: RobotContract) -> None:
    judging = rule(contract, wall=WALL)
    for yaw, passes in ((0.0, False), (math.pi, True), (math.pi / 2, True)):
        verdict = judge(contract, judging, at(0.5, yaw=yaw), (0.3, 0.0, 0.0))
        assert (verdict.severity is Severity.PASS) == passes
    sideways = judge(contract, judging, at(0.5, yaw=-math.pi / 2), (0.0, 0.3, 0.0))
    assert sideways.severity is Severity.LIMIT
    assert "base 0.145 m from zone 'wall'" in sideways.reason


@pytest.mark.parametrize(
    ("pose", "age_ms", "said"),
    [
        (None, 0, "no odometry received"),
        (at(-5.0), 301, "its odometry is 0.30 s old, limit 0.30 s"),
    ],
)
def test_where_the_base_is_unknown_it_stands(
    contract: RobotContract, pose: Pose | None, age_ms: int, said: str
) -> None:
    judging = rule(contract, wall=WALL)
    command = make_command(contract, T0, base_twist=(0.01, 0.0, 0.01))
    here = situation(contract, pose, np.zeros(3), T0 - age_ms * MS)
    verdict = judging.check(command, here)
    assert verdict.severity is Severity.LIMIT and said in verdict.reason
    assert not verdict.command.base_twist.any()
    assert verdict.command.positions == command.positions  # the arms go on


def test_without_zones_of_the_base_nothing_needs_to_be_known(contract: RobotContract) -> None:
    arms = Zone("out", ("left_arm",), "base_footprint", 0.1, sphere=Sphere((0.0, 0.0, 0.0), 0.1))
    for zones in ({}, {"arms": arms}):
        verdict = judge(contract, rule(contract, **zones), None, (0.5, 0.0, 0.0))
        assert verdict.severity is Severity.PASS


def test_zones_that_are_replaced_count_at_once(contract: RobotContract) -> None:
    boundaries = Boundaries(contract, FakeKinematics(contract), 0.03)
    judging = BaseZones(base_of(contract), boundaries, REACTION_S, pose_max_age_s=0.3)
    assert judge(contract, judging, at(0.6), (0.3, 0.0, 0.0)).severity is Severity.PASS
    boundaries.replace({"wall": WALL})
    assert judge(contract, judging, at(0.6), (0.3, 0.0, 0.0)).severity is Severity.LIMIT


# --- the predicted path ----------------------------------------------------------------------


@given(twists, st.floats(-3.0, 3.0), st.floats(0.0, 0.3))
def test_the_predicted_path_is_that_of_a_base_that_brakes(
    contract: RobotContract, twist: tuple[float, ...], yaw: float, reaction_s: float
) -> None:
    base, step = base_of(contract), 1e-4
    path = np.array(list(braking_path(at(0.2, 0.1, yaw), np.array(twist), base, reaction_s)))
    x, y, heading, time_s = 0.2, 0.1, yaw, 0.0
    speed, turning = math.hypot(*twist[:2]), twist[2]
    direction = math.atan2(twist[1], twist[0])
    while speed > 0.0:
        x += speed * step * math.cos(heading + direction)
        y += speed * step * math.sin(heading + direction)
        heading += turning * step
        time_s += step
        if time_s > reaction_s:
            speed = max(speed - base.linear_acceleration * step, 0.0)
            slower = max(abs(turning) - base.angular_acceleration * step, 0.0)
            turning = math.copysign(slower, turning)
    assert path[-1] == pytest.approx([x, y], abs=2e-3)
    assert np.linalg.norm(np.diff(path, axis=0), axis=1).max(initial=0.0) <= 0.01 + 1e-9


def test_a_robot_without_a_radius_of_its_own_has_no_zones_of_the_base(
    contract: RobotContract,
) -> None:
    base = dataclasses.replace(base_of(contract), radius=0.0)
    pointlike = dataclasses.replace(contract, base=base)
    with pytest.raises(ContractError, match=r"base\.radius is not given"):
        rule(pointlike, wall=WALL)
