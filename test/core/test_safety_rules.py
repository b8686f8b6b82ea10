"""Pins: each safety rule by itself: what passes, what is limited, held or stopped, and why.

A rule sees one command and one situation; time is in the situation.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import MS, T0, FakeKinematics, joint_sample, make_command

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.observation import JointSample
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.safety import SafetySettings, Severity, Situation, Verdict, rule_set
from wall_oss_ros.core.safety.base_speed import BaseSpeed
from wall_oss_ros.core.safety.freshness import CommandAge, HeartbeatAge, StateAge
from wall_oss_ros.core.safety.joint_limits import JointLimits
from wall_oss_ros.core.safety.tracking import TrackingError
from wall_oss_ros.core.safety.well_formed import WellFormed
from wall_oss_ros.core.safety.workspace import Workspace

DT = 0.01
NOT_NUMBERS = [math.nan, math.inf, -math.inf]
LEFT_1, LEFT_3 = "arm_left_1_joint", "arm_left_3_joint"


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
    closed = make_command(contract, T0, {"gripper_left_finger_joint": 0.8})
    rule = TrackingError(contract, 0.35)
    assert_passes(rule.check(closed, situation(contract, sent=closed)), closed)


# --- joint limits ----------------------------------------------------------------------------


@pytest.mark.parametrize("direction", [-1.0, 1.0])
def test_a_step_is_cut_to_the_joints_speed(contract: RobotContract, direction: float) -> None:
    home = contract.home[LEFT_1]
    command = make_command(contract, T0, {LEFT_1: home + direction * 0.1})
    verdict = JointLimits(contract).check(command, situation(contract))
    assert verdict.severity is Severity.LIMIT
    assert verdict.command.positions[LEFT_1] == pytest.approx(home + direction * 2.5 * DT)
    assert verdict.reason == f"'{LEFT_1}' at speed 10.00, limit 2.50"


def test_a_step_within_speed_and_range_is_not_touched(contract: RobotContract) -> None:
    command = make_command(contract, T0, {LEFT_1: contract.home[LEFT_1] + 0.024})
    assert_passes(JointLimits(contract).check(command, situation(contract)), command)


def test_a_position_is_clipped_to_its_range(contract: RobotContract) -> None:
    sent = make_command(contract, T0, {LEFT_1: 4.71})
    command = make_command(contract, T0, {LEFT_1: 4.73})
    verdict = JointLimits(contract).check(command, situation(contract, sent=sent))
    assert verdict.severity is Severity.LIMIT
    assert verdict.command.positions[LEFT_1] == 4.7123
    assert verdict.reason == f"'{LEFT_1}' at 4.730, range -0.523 .. 4.712"


def test_a_joint_outside_its_range_may_come_back_at_its_speed(contract: RobotContract) -> None:
    sent = make_command(contract, T0, {LEFT_1: 5.0})
    command = make_command(contract, T0, {LEFT_1: 4.0})
    verdict = JointLimits(contract).check(command, situation(contract, sent=sent))
    assert verdict.command.positions[LEFT_1] == pytest.approx(5.0 - 2.5 * DT)


def test_velocities_are_cut_too(contract: RobotContract) -> None:
    command = make_command(contract, T0, velocities={LEFT_1: -9.0, "torso_lift_joint": 0.01})
    limited = JointLimits(contract).check(command, situation(contract)).command
    assert limited.velocities[LEFT_1] == -2.5
    assert limited.velocities["torso_lift_joint"] == 0.01


def test_a_gripper_goal_is_clipped_but_not_slowed(contract: RobotContract) -> None:
    joint = "gripper_left_finger_joint"
    shut = make_command(contract, T0, {joint: 0.8})
    assert_passes(JointLimits(contract).check(shut, situation(contract)), shut)
    beyond = make_command(contract, T0, {joint: 1.2})
    limited = JointLimits(contract).check(beyond, situation(contract)).command
    assert limited.positions[joint] == 0.8


@given(st.integers(0, 2**32 - 1))
def test_a_limited_step_goes_towards_what_was_wanted_and_never_beyond(
    contract: RobotContract, seed: int
) -> None:
    random = np.random.default_rng(seed)
    joints = contract.limited_joints

    def anywhere(scale: float) -> dict[str, float]:
        return {
            name: float(random.uniform(*(scale * np.array(joint.position))))
            for name, joint in joints.items()
        }

    sent, wanted = (
        make_command(contract, T0, anywhere(1.0)),
        make_command(contract, T0, anywhere(2)),
    )
    limited = JointLimits(contract).check(wanted, situation(contract, sent=sent)).command
    for name, joint in joints.items():
        start, end, got = (c.positions[name] for c in (sent, wanted, limited))
        low, high = joint.position
        assert low <= got <= high
        assert abs(got - start) <= joint.velocity * DT * (1 + 1e-9)
        assert min(start, end) - 1e-12 <= got <= max(start, end) + 1e-12


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
    slack = 1 + 1e-4  # a difference of rounding is passed unchanged
    for twist in wanted:
        got = drive(contract, tuple(last), twist).command.base_twist
        assert math.hypot(*got[:2]) <= 0.5 * slack and abs(got[2]) <= 0.8 * slack
        assert math.hypot(*(got - last)[:2]) <= 1.0 * DT * slack + 2e-5
        assert abs(got[2] - last[2]) <= 2.0 * DT * slack + 2e-5
        assert math.hypot(*got[:2]) <= max(math.hypot(*twist[:2]), math.hypot(*last[:2])) + 1e-9
        last = got


# --- workspace -------------------------------------------------------------------------------


def reach(
    contract: RobotContract, before: float, after: float, parts: tuple[str, ...] = ("left_arm",)
) -> Verdict:
    """Move the left tool upwards; the arguments are its distances to the upper face [m]."""
    box = contract.arms["left"].workspace
    half = (box.max[2] - box.min[2]) / 2
    sent, command = (
        make_command(contract, T0, {LEFT_3: contract.home[LEFT_3] + half - distance}, parts=parts)
        for distance in (before, after)
    )
    command = command.changed(velocities={LEFT_3: 1.0})
    rule = Workspace(contract, FakeKinematics(contract), margin_m=0.03)
    return rule.check(command, situation(contract, sent=sent))


def step_of(contract: RobotContract, verdict: Verdict, before: float) -> float:
    """How far the verdict lets the tool go up [m]."""
    box = contract.arms["left"].workspace
    half = (box.max[2] - box.min[2]) / 2
    return verdict.command.positions[LEFT_3] - (contract.home[LEFT_3] + half - before)


def test_far_from_the_faces_a_step_is_free(contract: RobotContract) -> None:
    verdict = reach(contract, before=0.10, after=0.05)
    assert verdict.severity is Severity.PASS
    assert step_of(contract, verdict, 0.10) == pytest.approx(0.05)


def test_near_a_face_a_step_towards_it_shrinks_with_the_distance_left(
    contract: RobotContract,
) -> None:
    verdict = reach(contract, before=0.02, after=0.015)
    assert verdict.severity is Severity.LIMIT
    assert step_of(contract, verdict, 0.02) == pytest.approx(0.5 * 0.005)
    assert verdict.command.velocities[LEFT_3] == pytest.approx(0.5)
    assert "left tool" in verdict.reason and "slowed" in verdict.reason


def test_a_step_out_of_the_box_is_held(contract: RobotContract) -> None:
    verdict = reach(contract, before=0.005, after=-0.002)
    assert verdict.severity is Severity.HOLD
    assert "0.002 m outside its box" in verdict.reason


@pytest.mark.parametrize(("before", "after"), [(0.01, 0.02), (-0.05, -0.04), (-0.05, 0.10)])
def test_a_step_back_inside_is_free(contract: RobotContract, before: float, after: float) -> None:
    assert reach(contract, before, after).severity is Severity.PASS


def test_outside_a_step_further_out_is_held(contract: RobotContract) -> None:
    assert reach(contract, before=-0.05, after=-0.06).severity is Severity.HOLD


def test_an_arm_that_is_not_commanded_is_not_judged(contract: RobotContract) -> None:
    verdict = reach(contract, before=0.005, after=-0.002, parts=("right_arm",))
    assert verdict.severity is Severity.PASS


def test_the_worse_arm_decides(contract: RobotContract) -> None:
    box = contract.arms["right"].workspace
    half = (box.max[2] - box.min[2]) / 2
    home = contract.home
    near = {LEFT_3: home[LEFT_3] + half - 0.02, "arm_right_3_joint": home["arm_right_3_joint"]}
    sent = make_command(contract, T0, near)
    further = {
        LEFT_3: home[LEFT_3] + half - 0.015,
        "arm_right_3_joint": home["arm_right_3_joint"] + half + 0.1,
    }
    rule = Workspace(contract, FakeKinematics(contract), margin_m=0.03)
    verdict = rule.check(make_command(contract, T0, further), situation(contract, sent=sent))
    assert verdict.severity is Severity.HOLD and verdict.reason.startswith("right tool")


# --- the set ---------------------------------------------------------------------------------


def test_form_and_freshness_are_judged_before_anything_is_computed(
    contract: RobotContract, kinematics: FakeKinematics
) -> None:
    rules = rule_set(contract, kinematics, SafetySettings())
    names = [rule.name for rule in rules.rules]
    assert names[:4] == ["well_formed", "command_age", "state_age", "heartbeat"]
    assert len(set(names)) == len(names)
    assert [rule.name for rule in rules.preconditions] == names[:4]


def test_the_workspace_judges_the_step_that_the_joint_limits_leave(
    contract: RobotContract, kinematics: FakeKinematics
) -> None:
    names = [rule.name for rule in rule_set(contract, kinematics, SafetySettings()).rules]
    assert names.index("joint_limits") < names.index("workspace")


def test_a_robot_without_a_base_has_no_rule_for_one(
    contract: RobotContract, kinematics: FakeKinematics
) -> None:
    arms = dataclasses.replace(contract, base=None, odometry=None)
    names = [rule.name for rule in rule_set(arms, kinematics, SafetySettings()).rules]
    assert "base_speed" not in names
