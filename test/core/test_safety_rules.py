"""Pins: each safety rule by itself: what passes, what is limited, held or stopped, and why.

A rule sees one command and one situation; time is in the situation.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import MS, T0, joint_sample, make_command
from supervisor_rig import rules_of

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.observation import JointSample
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.safety import Rule, SafetySettings, Severity, Situation, Verdict
from wall_oss_ros.core.safety.base_speed import BaseSpeed
from wall_oss_ros.core.safety.clock_jump import ClockJump
from wall_oss_ros.core.safety.command_line import ControllersListen, SoleCommander
from wall_oss_ros.core.safety.dead_man import DeadMan
from wall_oss_ros.core.safety.freshness import CommandAge, HeartbeatAge, StateAge
from wall_oss_ros.core.safety.gripper_range import GripperRange
from wall_oss_ros.core.safety.source_epoch import SourceEpoch
from wall_oss_ros.core.safety.tracking import TrackingError
from wall_oss_ros.core.safety.well_formed import WellFormed

DT = 0.01
NOT_NUMBERS = [math.nan, math.inf, -math.inf]
LEFT_1, GRIPPER = "arm_left_1_joint", "gripper_left_finger_joint"


def situation(
    contract: RobotContract,
    *,
    sent: RobotCommand | None = None,
    measured: JointSample | None = None,
    heartbeats: Mapping[str, int] | None = None,
) -> Situation:
    """At T0, at home, having been sent home, unless told otherwise."""
    return Situation(
        now_ns=T0,
        dt=DT,
        measured=measured or joint_sample(contract, T0),
        sent=sent or make_command(contract, T0),
        heartbeats=heartbeats or {},
    )


def assert_passes(verdict: Verdict, command: RobotCommand) -> None:
    assert (verdict.severity, verdict.reason) == (Severity.PASS, "")
    assert verdict.command.positions == command.positions
    assert verdict.command.base_twist.tolist() == command.base_twist.tolist()


def assert_stops(verdict: Verdict, words: str) -> None:
    assert verdict.severity is Severity.STOP
    assert words in verdict.reason


# --- well formed -----------------------------------------------------------------------------


def test_a_complete_command_is_well_formed(contract: RobotContract) -> None:
    command = make_command(contract, T0)
    assert_passes(WellFormed(contract).check(command, situation(contract)), command)


def test_a_command_without_parts_is_well_formed(contract: RobotContract) -> None:
    nothing = RobotCommand(T0, 0, 0, frozenset(), {}, {}, {}, {}, np.zeros(3))
    assert_passes(WellFormed(contract).check(nothing, situation(contract)), nothing)


@pytest.mark.parametrize("bad", NOT_NUMBERS)
def test_one_number_that_is_not_finite_refuses_the_whole_command(
    contract: RobotContract, bad: float
) -> None:
    turn = np.eye(3)
    turn[1, 1] = bad
    good = make_command(contract, T0)
    for words, command in {
        f"position of '{LEFT_1}'": make_command(contract, T0, {LEFT_1: bad}),
        f"velocity of '{LEFT_1}'": make_command(contract, T0, velocities={LEFT_1: bad}),
        "base twist": make_command(contract, T0, base_twist=(0, bad, 0)),
        "left gripper": dataclasses.replace(good, grippers={"left": bad}),
        "right tool": dataclasses.replace(good, tools={"right": Pose(np.zeros(3), turn)}),
    }.items():
        verdict = WellFormed(contract).check(command, situation(contract))
        assert_stops(verdict, words)
        assert verdict.reason.endswith("is not finite")


def test_names_must_be_this_robots(contract: RobotContract) -> None:
    rule, here = WellFormed(contract), situation(contract)
    unknown = make_command(contract, T0, {"elbow": 0.1})
    assert_stops(rule.check(unknown, here), "names unknown joints 'elbow'")
    part = make_command(contract, T0, parts=["left_arm", "tail"])
    assert_stops(rule.check(part, here), "commands parts 'tail'")


def test_a_commanded_part_must_name_all_its_joints(contract: RobotContract) -> None:
    command = make_command(contract, T0)
    positions = {name: value for name, value in command.positions.items() if name != LEFT_1}
    lacking = dataclasses.replace(command, positions=positions)
    verdict = WellFormed(contract).check(lacking, situation(contract))
    assert_stops(verdict, f"lacks joints '{LEFT_1}'")
    right_only = dataclasses.replace(
        lacking, parts=frozenset({"right_arm"}), velocities=dict.fromkeys(positions, 0.0)
    )
    assert_passes(WellFormed(contract).check(right_only, situation(contract)), right_only)


def test_every_position_needs_a_velocity(contract: RobotContract) -> None:
    command = dataclasses.replace(make_command(contract, T0), velocities={})
    verdict = WellFormed(contract).check(command, situation(contract))
    assert_stops(verdict, "positions and velocities name different joints")


# --- freshness -------------------------------------------------------------------------------


@pytest.mark.parametrize("age_ms", [-400, 0, 150])
def test_fresh_input_passes(contract: RobotContract, age_ms: int) -> None:
    stamp = T0 - age_ms * MS
    command = make_command(contract, stamp)
    here = situation(contract, measured=joint_sample(contract, stamp), heartbeats={"policy": stamp})
    for rule in (CommandAge(0.15), StateAge(0.15), HeartbeatAge(("policy",), 0.15)):
        assert_passes(rule.check(command, here), command)


@pytest.mark.parametrize(
    ("age_ms", "words"),
    [(151, "0.15 s old, limit 0.15 s"), (5_000, "5.00 s old"), (-501, "0.50 s in the future")],
)
def test_input_that_is_old_or_from_the_future_stops(
    contract: RobotContract, age_ms: int, words: str
) -> None:
    stamp = T0 - age_ms * MS
    command = make_command(contract, stamp)
    here = situation(contract, measured=joint_sample(contract, stamp), heartbeats={"policy": stamp})
    for rule, what in (
        (CommandAge(0.15), "newest command is"),
        (StateAge(0.15), "joint states are"),
        (HeartbeatAge(("policy",), 0.15), "last heartbeat of 'policy' is"),
    ):
        assert_stops(rule.check(command, here), f"{what} ")
        assert words in rule.check(command, here).reason


def test_missing_joint_states_stop(contract: RobotContract) -> None:
    unknown = dataclasses.replace(situation(contract), measured=None)
    verdict = StateAge(0.15).check(make_command(contract, T0), unknown)
    assert_stops(verdict, "no joint states received")


def test_every_named_node_must_have_spoken(contract: RobotContract) -> None:
    rule = HeartbeatAge(("camera_sync", "policy"), 0.6)
    here = situation(contract, heartbeats={"camera_sync": T0, "rviz": T0})
    assert_stops(rule.check(make_command(contract, T0), here), "no heartbeat of 'policy' yet")


# --- tracking --------------------------------------------------------------------------------


def test_a_joint_that_does_not_follow_stops(contract: RobotContract) -> None:
    sent = make_command(contract, T0, {LEFT_1: contract.home[LEFT_1] + 0.36})
    verdict = TrackingError(contract, 0.35).check(sent, situation(contract, sent=sent))
    assert_stops(verdict, f"'{LEFT_1}' is 0.360 from where it was sent, limit 0.350")


def test_a_joint_that_follows_within_the_limit_passes(contract: RobotContract) -> None:
    sent = make_command(contract, T0, {LEFT_1: contract.home[LEFT_1] + 0.34})
    assert_passes(TrackingError(contract, 0.35).check(sent, situation(contract, sent=sent)), sent)


def test_a_gripper_that_holds_something_is_no_tracking_error(contract: RobotContract) -> None:
    closed = make_command(contract, T0, {GRIPPER: 0.8})
    rule = TrackingError(contract, 0.35)
    assert_passes(rule.check(closed, situation(contract, sent=closed)), closed)


# --- grippers --------------------------------------------------------------------------------


def test_a_gripper_goal_is_clipped_but_not_slowed(contract: RobotContract) -> None:
    rule, here = GripperRange(contract), situation(contract)
    shut = make_command(contract, T0, {GRIPPER: 0.8})
    assert_passes(rule.check(shut, here), shut)
    verdict = rule.check(make_command(contract, T0, {GRIPPER: 1.2}), here)
    assert verdict.severity is Severity.LIMIT
    assert verdict.command.positions[GRIPPER] == 0.8
    assert verdict.reason == f"'{GRIPPER}' at 1.200, range 0.000 .. 0.800"


def test_gripper_speeds_and_openings_are_clipped_too(contract: RobotContract) -> None:
    command = make_command(contract, T0, velocities={GRIPPER: -9.0, LEFT_1: 9.0})
    command = dataclasses.replace(command, grippers={"left": 1.5, "right": 0.5})
    limited = GripperRange(contract).check(command, situation(contract)).command
    assert limited.velocities[GRIPPER] == -2.0 and limited.velocities[LEFT_1] == 9.0
    assert limited.grippers == {"left": 1.0, "right": 0.5}


# --- who commands, and when ------------------------------------------------------------------


@pytest.mark.parametrize("jump_s", [-0.4, 0.0, 0.5])
def test_a_clock_that_drifts_passes(contract: RobotContract, jump_s: float) -> None:
    command = make_command(contract, T0)
    here = dataclasses.replace(situation(contract), clock_jump_s=jump_s)
    assert_passes(ClockJump(0.5).check(command, here), command)


def test_a_clock_that_jumps_stops(contract: RobotContract) -> None:
    for jump_s, words in ((-3.0, "-3.00 s"), (0.51, "+0.51 s")):
        here = dataclasses.replace(situation(contract), clock_jump_s=jump_s)
        verdict = ClockJump(0.5).check(make_command(contract, T0), here)
        assert_stops(verdict, f"the clock jumped by {words}")


def test_a_dead_man_switch_is_held_now_or_not_at_all(contract: RobotContract) -> None:
    rule, command = DeadMan(0.5), make_command(contract, T0)
    held = dataclasses.replace(situation(contract), dead_man_ns=T0 - 500 * MS)
    assert_passes(rule.check(command, held), command)
    stale = dataclasses.replace(held, dead_man_ns=T0 - 501 * MS)
    assert_stops(rule.check(command, stale), "the last word of the dead-man switch is 0.50 s old")
    ahead = dataclasses.replace(held, dead_man_ns=T0 + 2_000 * MS)
    assert_stops(rule.check(command, ahead), "in the future")
    assert_stops(rule.check(command, situation(contract)), "is not held")


def test_strangers_and_deaf_controllers_are_named(contract: RobotContract) -> None:
    command = make_command(contract, T0)
    alone = situation(contract)
    assert_passes(SoleCommander().check(command, alone), command)
    assert_passes(ControllersListen().check(command, alone), command)
    crowd = dataclasses.replace(alone, strangers=("cmd_vel: teleop", "head: rviz"), deaf=("lift",))
    assert_stops(SoleCommander().check(command, crowd), "cmd_vel: teleop, head: rviz")
    assert_stops(ControllersListen().check(command, crowd), "nobody listens to lift")


@pytest.mark.parametrize(("epoch", "seq", "passes"), [(4, 1, False), (5, 1, True), (4, 0, True)])
def test_no_epoch_follows_a_newer_one(
    contract: RobotContract, epoch: int, seq: int, passes: bool
) -> None:
    command = make_command(contract, T0)
    sent = dataclasses.replace(command, source_epoch=5)
    command = dataclasses.replace(command, source_epoch=epoch, source_seq=seq)
    verdict = SourceEpoch().check(command, situation(contract, sent=sent))
    assert (verdict.severity is Severity.PASS) == passes


# --- base ------------------------------------------------------------------------------------


def drive(
    contract: RobotContract,
    last: tuple[float, float, float],
    wanted: tuple[float, float, float],
    *,
    holonomic: bool = True,
    parts: tuple[str, ...] = ("base",),
) -> Verdict:
    assert contract.base is not None
    rule = BaseSpeed(dataclasses.replace(contract.base, holonomic=holonomic))
    sent = make_command(contract, T0, base_twist=last)
    command = make_command(contract, T0, base_twist=wanted, parts=parts)
    return rule.check(command, situation(contract, sent=sent))


def test_a_twist_within_the_limits_passes(contract: RobotContract) -> None:
    verdict = drive(contract, (0.3, 0.1, 0.5), (0.305, 0.105, 0.51))
    assert verdict.severity is Severity.PASS
    assert verdict.command.base_twist.tolist() == [0.305, 0.105, 0.51]


def test_planar_speed_is_limited_as_a_vector(contract: RobotContract) -> None:
    verdict = drive(contract, (0.3, 0.4, 0.0), (3.0, 4.0, 0.0))
    assert verdict.severity is Severity.LIMIT
    assert verdict.command.base_twist == pytest.approx([0.3, 0.4, 0.0])  # 0.5 m/s, same direction


def test_acceleration_is_limited_as_a_vector(contract: RobotContract) -> None:
    twist = drive(contract, (0.0, 0.0, 0.0), (0.3, 0.4, 0.8)).command.base_twist
    assert twist == pytest.approx([0.006, 0.008, 0.02])  # 1 m/s^2 and 2 rad/s^2 for 10 ms


def test_braking_is_limited_like_speeding_up(contract: RobotContract) -> None:
    twist = drive(contract, (0.5, 0.0, -0.8), (0.0, 0.0, 0.0)).command.base_twist
    assert twist == pytest.approx([0.49, 0.0, -0.78])


def test_a_base_that_cannot_move_sideways_is_not_asked_to(contract: RobotContract) -> None:
    verdict = drive(contract, (0.0, 0.0, 0.0), (0.005, 0.004, 0.0), holonomic=False)
    assert verdict.severity is Severity.LIMIT
    assert verdict.command.base_twist == pytest.approx([0.005, 0.0, 0.0])


def test_a_moving_base_that_is_left_out_is_brought_to_rest(contract: RobotContract) -> None:
    verdict = drive(contract, (0.3, 0.0, 0.0), (0.4, 0.0, 0.0), parts=("left_arm",))
    assert verdict.command.parts == {"left_arm", "base"}
    assert verdict.command.base_twist == pytest.approx([0.29, 0.0, 0.0])
    standing = drive(contract, (0.0, 0.0, 0.0), (0.4, 0.0, 0.0), parts=("left_arm",))
    assert standing.command.parts == {"left_arm"}
    assert not standing.command.base_twist.any()


twists = st.tuples(*[st.floats(-2.0, 2.0)] * 3)


@given(st.lists(twists, min_size=1, max_size=20))
def test_from_rest_on_speed_and_acceleration_keep_their_limits(
    contract: RobotContract, wanted: list[tuple[float, float, float]]
) -> None:
    last = np.zeros(3)
    slack = 1 + 1e-9
    for twist in wanted:
        got = drive(contract, tuple(last), twist).command.base_twist
        assert math.hypot(*got[:2]) <= 0.5 * slack and abs(got[2]) <= 0.8 * slack
        assert math.hypot(*(got - last)[:2]) <= 1.0 * DT * slack
        assert abs(got[2] - last[2]) <= 2.0 * DT * slack
        assert math.hypot(*got[:2]) <= max(math.hypot(*twist[:2]), math.hypot(*last[:2])) + 1e-9
        last = got


# --- the set ---------------------------------------------------------------------------------


def names(rules: Iterable[Rule]) -> list[str]:
    return [rule.name for rule in rules]


def test_causes_are_judged_before_what_follows_from_them(contract: RobotContract) -> None:
    rules = rules_of(contract)
    assert rules.form.name == "well_formed"
    assert names(rules.rules)[:4] == ["clock_jump", "command_age", "state_age", "heartbeat"]
    assert len(set(rules.names)) == len(rules.names)


def test_what_enabling_needs_is_what_can_be_known_before_motion(contract: RobotContract) -> None:
    rules = rules_of(contract, SafetySettings(dead_man_required=True))
    fresh = ["well_formed", "command_age", "state_age", "heartbeat"]
    alone = ["dead_man", "sole_commander", "controllers_listen"]
    assert names(rules.preconditions) == fresh + alone


def test_a_shadow_neither_is_followed_nor_commands_alone(contract: RobotContract) -> None:
    shadow = rules_of(contract, SafetySettings(shadow=True))
    missing = set(rules_of(contract).names) - set(shadow.names)
    assert missing == {"tracking_error", "sole_commander", "controllers_listen"}


def test_a_robot_without_a_base_has_no_rule_for_one(contract: RobotContract) -> None:
    arms = dataclasses.replace(contract, base=None, odometry=None)
    assert not {"base_speed", "base_zones"} & set(rules_of(arms).names)
