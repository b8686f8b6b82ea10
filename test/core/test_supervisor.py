"""Pins: nothing reaches the controllers that is not finite, within limits and allowed by a person.

The supervisor is the last hop. It starts stopped, the most severe verdict wins, a stop is a smooth
halt, the e-stop holds at once and latches, and nothing resumes by itself.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import MS, SECOND, FakeKinematics, joint_sample, make_command
from supervisor_rig import DT, PERIOD, Rig, rules_of

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.safety import (
    Mode,
    Rule,
    SafetySettings,
    Severity,
    Situation,
    Verdict,
)
from wall_oss_ros.core.safety.well_formed import WellFormed

LEFT_1 = "arm_left_1_joint"
GRIPPER = "gripper_left_finger_joint"


@dataclasses.dataclass
class Says:
    """A rule that always says the same, and writes a mark into the command's base twist."""

    name: str
    severity: Severity
    mark: float = 0.0

    def check(self, command: RobotCommand, situation: Situation) -> Verdict:
        marked = command.changed(base_twist=command.base_twist + [self.mark, 0.0, 0.0])
        return Verdict(self.severity, self.name, f"because of {self.name}", marked)


@pytest.fixture
def rig(contract: RobotContract) -> Rig:
    """Motion enabled."""
    return Rig(contract).enabled()


def moving(rig: Rig, ticks: int = 60, speed: float = 0.5, twist: float = 0.3) -> RobotCommand:
    """The first left joint moves at `speed`, the base at `twist`; the last output is returned."""
    start = rig.contract.home[LEFT_1]
    for tick in range(1, ticks + 1):
        output = rig.tick(
            {LEFT_1: start + speed * tick * DT},
            velocities={LEFT_1: speed},
            base_twist=(twist, 0.0, 0.0),
        )
    assert output is not None and rig.supervisor.motion_enabled
    return output


# --- enabling --------------------------------------------------------------------------------


def test_it_starts_stopped_and_sends_nothing(contract: RobotContract) -> None:
    rig = Rig(contract)
    assert rig.state == (Mode.STOPPED, False)
    assert [rig.tick() for _ in range(10)] == [None] * 10
    assert rig.supervisor.latched_causes == ("motion was not enabled yet",)


def test_a_person_enables_it(rig: Rig) -> None:
    assert rig.state == (Mode.NOMINAL, True)
    assert rig.supervisor.latched_causes == ()
    near = rig.contract.home[LEFT_1] + 2e-5
    output = rig.tick({LEFT_1: near})
    assert output is not None and output.positions[LEFT_1] == near


@pytest.mark.parametrize(
    ("silent", "name", "words"),
    [
        (("joints",), "standing", "no joint states received"),
        (("executor",), "command", "no command received"),
        (("policy",), "heartbeat", "no heartbeat of 'policy' yet"),
    ],
)
def test_it_is_not_enabled_blindly(
    contract: RobotContract, silent: tuple[str, ...], name: str, words: str
) -> None:
    rig = Rig(contract)
    rig.tick(silent=silent)
    failing = [item for item in rig.supervisor.checks_for_enable(rig.now) if not item.ok]
    assert failing[0].name == name and words in failing[0].reason
    assert rig.enable() == failing[0].reason
    assert rig.state == (Mode.STOPPED, False)
    assert rig.tick(silent=silent) is None


def test_every_check_holds_where_enabling_succeeds(contract: RobotContract) -> None:
    rig = Rig(contract)
    rig.tick()
    checks = rig.supervisor.checks_for_enable(rig.now)
    assert [item for item in checks if not item.ok or item.reason] == []
    names = [item.name for item in checks]
    assert {"no_estop", "halted", "standing", "command", "heartbeat"} < set(names)
    assert rig.enable() is None


def test_it_is_not_enabled_on_old_input(contract: RobotContract) -> None:
    rig = Rig(contract)
    rig.tick()
    rig.now += SECOND
    assert "newest command is 1.00 s old" in str(rig.enable())


def test_it_is_not_enabled_on_a_bad_command(contract: RobotContract) -> None:
    rig = Rig(contract)
    rig.tick({LEFT_1: math.nan})
    assert rig.enable() == f"position of '{LEFT_1}' is not finite"


def test_it_is_not_enabled_while_the_robot_moves(contract: RobotContract) -> None:
    rig = Rig(contract)
    rig.velocities = {LEFT_1: -0.2}
    rig.tick()
    assert rig.enable() == f"'{LEFT_1}' still moves at 0.20; wait until the robot stands"
    rig.velocities = {LEFT_1: 0.04}
    rig.tick()
    assert rig.enable() is None


@pytest.mark.parametrize(
    ("strangers", "deaf", "words"),
    [(("cmd_vel: teleop",), (), "cmd_vel: teleop"), ((), ("head/joint_trajectory",), "head/joint")],
)
def test_it_is_not_enabled_unless_it_alone_is_heard_by_every_controller(
    contract: RobotContract, strangers: tuple[str, ...], deaf: tuple[str, ...], words: str
) -> None:
    rig = Rig(contract)
    rig.supervisor.see(strangers, deaf)
    rig.tick()
    assert words in str(rig.enable())
    rig.supervisor.see((), ())
    assert rig.enable() is None


def test_motion_starts_at_the_measured_pose_and_from_rest(contract: RobotContract) -> None:
    rig = Rig(contract)
    start = contract.home[LEFT_1] - 0.3
    rig.positions = {LEFT_1: start}  # the executor asks for home
    rig.enabled()
    path = [start] * 3
    for _ in range(60):
        output = rig.tick()
        assert output is not None
        path.append(output.positions[LEFT_1])
        assert rig.supervisor.mode is Mode.LIMITED
    assert rig.supervisor.last_verdict is not None
    assert rig.supervisor.last_verdict.rule == "joint_limits"
    jerk = np.diff(path, 3) / DT**3
    assert np.abs(jerk).max() <= contract.limited_joints[LEFT_1].jerk * (1 + 1e-6)
    assert path[-1] == pytest.approx(contract.home[LEFT_1], abs=1e-9)


def test_enabling_twice_changes_nothing(rig: Rig) -> None:
    rig.tick(base_twist=(0.01, 0.0, 0.0))
    assert rig.enable() is None
    output = rig.tick(base_twist=(0.02, 0.0, 0.0))
    assert output is not None and output.base_twist[0] == pytest.approx(0.02)


# --- folding ---------------------------------------------------------------------------------


def with_rules(contract: RobotContract, *rules: Rule, shaping: tuple[Rule, ...] = ()) -> Rig:
    standard = rules_of(contract)
    replaced = dataclasses.replace(standard, rules=rules, shaping=shaping)
    return Rig(contract, rules=replaced).enabled()


severities = st.lists(st.sampled_from(list(Severity)), min_size=1, max_size=5)


@given(severities)
def test_the_most_severe_verdict_wins_and_keeps_its_reason(
    contract: RobotContract, said: list[Severity]
) -> None:
    rig = with_rules(contract, *(Says(f"rule {i}", severity) for i, severity in enumerate(said)))
    rig.tick()
    worst = max(said)
    assert rig.supervisor.mode.value == worst.value
    assert rig.supervisor.motion_enabled == (worst < Severity.STOP)
    if worst is Severity.PASS:
        assert rig.supervisor.last_verdict is None
        return
    decisive = said.index(worst)  # among equals the first speaks
    verdict = rig.supervisor.last_verdict
    assert verdict is not None
    assert verdict.reason == f"because of rule {decisive}"
    if worst >= Severity.STOP:
        assert rig.supervisor.latched_causes == (f"rule {decisive}: because of rule {decisive}",)


def test_an_estop_is_heard_after_a_stop_in_the_same_tick(contract: RobotContract) -> None:
    stop, estop = Says("first", Severity.STOP), Says("second", Severity.ESTOP)
    rig = with_rules(contract, stop, shaping=(estop,))
    output = rig.tick()
    assert rig.state == (Mode.ESTOP, False)
    assert rig.supervisor.latched_causes == ("second: because of second",)
    assert output is not None and not any(output.velocities.values())


def test_a_command_without_form_is_shown_only_to_rules_that_do_not_compute_with_it(
    contract: RobotContract,
) -> None:
    computing = Says("computing", Severity.PASS)
    watching = Says("watching", Severity.PASS)
    rig = with_rules(contract, watching, shaping=(computing,))
    computing.severity = watching.severity = Severity.LIMIT
    rig.tick({LEFT_1: math.nan})
    assert rig.counted("computing") == (0, 0)
    assert rig.counted("watching") == (1, 0)
    assert rig.counted(WellFormed.name) == (0, 1)
    assert rig.state == (Mode.STOPPED, False)


def test_rules_see_what_the_rules_before_them_made(contract: RobotContract) -> None:
    rig = with_rules(
        contract,
        shaping=(
            Says("a", Severity.LIMIT, mark=0.1),
            Says("b", Severity.PASS, mark=0.02),
            Says("c", Severity.LIMIT, mark=0.003),
        ),
    )
    output = rig.tick()
    assert output is not None and output.base_twist[0] == pytest.approx(0.123)
    assert rig.supervisor.mode is Mode.LIMITED


def test_every_rule_counts_what_it_did(contract: RobotContract) -> None:
    rig = with_rules(contract, Says("slow", Severity.LIMIT), Says("hold", Severity.HOLD))
    for _ in range(3):
        rig.tick()
    assert (rig.counted("slow"), rig.counted("hold")) == ((3, 0), (0, 3))


def test_limited_is_shown_for_half_a_second_after_the_last_limit(contract: RobotContract) -> None:
    rule = Says("slow", Severity.LIMIT)
    rig = with_rules(contract, rule)
    rig.tick()
    rule.severity = Severity.PASS
    shown = 0
    while rig.tick() is not None and rig.state == (Mode.LIMITED, True):
        shown += 1
    assert shown == 49
    assert rig.state == (Mode.NOMINAL, True)


# --- following -------------------------------------------------------------------------------


def test_only_the_newest_command_counts_however_many_come(rig: Rig) -> None:
    goal = rig.contract.home[LEFT_1] + 2e-5
    rig.live()
    for wanted in (9.9, math.nan, -3.0, goal):
        rig.supervisor.propose(make_command(rig.contract, rig.now, {LEFT_1: wanted}))
    output = rig.step()
    assert output is not None and output.positions[LEFT_1] == goal
    assert rig.state == (Mode.NOMINAL, True)


def test_the_source_of_a_command_stays_with_it(rig: Rig) -> None:
    rig.live()
    command = make_command(rig.contract, rig.now)
    rig.supervisor.propose(
        dataclasses.replace(command, source_seq=7, source_epoch=3, source_stamp_ns=123)
    )
    output = rig.step()
    assert output is not None
    assert (output.source_seq, output.source_epoch, output.source_stamp_ns) == (7, 3, 123)


def test_tool_poses_are_those_of_the_joints_that_are_sent(rig: Rig) -> None:
    output = rig.tick({LEFT_1: rig.contract.home[LEFT_1] + 0.1})
    assert output is not None
    realised = FakeKinematics(rig.contract).tool_poses({**rig.contract.home, **output.positions})
    assert output.tools["left"].position.tolist() == realised["left"].position.tolist()


def test_a_part_that_is_left_out_while_it_moves_is_brought_to_rest_and_then_left_alone(
    rig: Rig,
) -> None:
    moving(rig, twist=0.0)
    sent = []
    for _ in range(60):
        output = rig.tick(parts=["lift"])
        assert output is not None
        sent.append("left_arm" in output.parts)
    assert sent[0] and not sent[-1] and sorted(sent, reverse=True) == sent


def test_a_base_that_the_executor_leaves_out_is_brought_to_rest(rig: Rig) -> None:
    for _ in range(20):
        rig.tick(base_twist=(0.2, 0.0, 0.0))
    speeds = []
    for _ in range(30):
        output = rig.tick(parts=[])
        assert output is not None
        speeds.append(output.base_twist[0] if "base" in output.parts else None)
    assert [speed for speed in speeds if speed is not None] == pytest.approx(
        np.linspace(0.19, 0.0, 20), abs=1e-9
    )
    assert speeds[20:] == [None] * 10


def test_a_late_command_slows_the_robot_down_before_it_stops_it(rig: Rig) -> None:
    moving(rig)
    speeds, twists = [], []
    for _ in range(19):
        output = rig.tick(silent=("executor",))
        assert output is not None
        speeds.append(output.velocities[LEFT_1])
        twists.append(output.base_twist[0])
    assert speeds[:2] == pytest.approx([0.5, 0.5])  # carried on
    assert speeds[-1] == 0.0 and twists[-1] < twists[2] < 0.3
    assert rig.counted("command_age") == (17, 0)
    assert rig.state == (Mode.LIMITED, True)


def test_a_tick_whose_deadline_was_before_motion_was_enabled_limits_nothing(
    contract: RobotContract,
) -> None:
    rig = Rig(contract)
    rig.tick()
    assert rig.supervisor.enable_motion(True, rig.now + 15 * MS) is None
    rig.tick()
    assert rig.state == (Mode.NOMINAL, True)


def test_after_a_pause_of_its_own_loop_nothing_of_the_old_motion_is_played(
    contract: RobotContract,
) -> None:
    rig = Rig(contract).enabled()
    moving(rig)
    rig.now += SECOND
    rig.steady += SECOND
    output = rig.tick({LEFT_1: 2.5}, base_twist=(0.3, 0.0, 0.0))
    assert output is not None and output.parts == {"base"} and not output.base_twist.any()
    assert rig.state == (Mode.STOPPED, False)
    assert "stood still for 1.0" in rig.supervisor.latched_causes[0]


# --- holding ---------------------------------------------------------------------------------


def test_a_hold_brakes_within_the_limits_and_motion_may_go_on(contract: RobotContract) -> None:
    rule = Says("wall", Severity.PASS)
    rig = with_rules(contract, rule)
    path = [moving(rig, twist=0.0).positions[LEFT_1]]
    rule.severity = Severity.HOLD
    for _ in range(60):
        held = rig.tick({LEFT_1: 9.9, GRIPPER: 0.8}, base_twist=(0.4, 0.0, 0.0))
        assert held is not None and held.stamp_ns == rig.now
        assert "left_gripper" not in held.parts and GRIPPER not in held.positions
        path.append(held.positions[LEFT_1])
        assert rig.state == (Mode.HOLD, True)
    assert not any(held.velocities.values()) and not held.base_twist.any()
    steps = np.diff(path)
    assert steps[-10:].tolist() == [0.0] * 10
    assert (np.diff(steps) <= 1e-9).all() and steps[0] > 0.004  # slower and slower
    assert np.abs(np.diff(path, 2)).max() / DT**2 <= 12.0 * (1 + 1e-6)
    rule.severity = Severity.PASS
    near = path[-1] + 2e-5
    after = rig.tick({LEFT_1: near})
    assert after is not None and after.positions[LEFT_1] == near
    assert rig.state == (Mode.LIMITED, True)


# --- stopping --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("silent", "cause"),
    [
        (("executor",), "command_age: newest command is"),
        (("joints",), "state_age: joint states are"),
        (("policy",), "heartbeat: last heartbeat of 'policy'"),
        (("camera_sync",), "heartbeat: last heartbeat of 'camera_sync'"),
    ],
)
def test_silence_stops_the_robot_and_says_whose(
    rig: Rig, silent: tuple[str, ...], cause: str
) -> None:
    rig.tick()
    for _ in range(70):
        rig.tick(silent=silent)
    assert rig.state == (Mode.STOPPED, False)
    assert rig.supervisor.latched_causes[0].startswith(cause)


@pytest.mark.parametrize("jump_s", [10.0, -10.0, 0.6])
def test_a_clock_that_jumps_stops_the_robot(rig: Rig, jump_s: float) -> None:
    rig.tick()
    rig.now += round(jump_s * SECOND)
    rig.tick()
    assert rig.state == (Mode.STOPPED, False)
    assert f"the clock jumped by {jump_s:+.2f} s" in rig.supervisor.latched_causes[0]


def test_a_stranger_or_a_deaf_controller_stops_the_robot(rig: Rig) -> None:
    rig.supervisor.see(("cmd_vel: teleop",), ())
    rig.tick()
    assert rig.supervisor.latched_causes == (
        "sole_commander: another publisher commands the robot: cmd_vel: teleop; stop it",
    )
    rig.supervisor.see((), ())
    for _ in range(3):
        rig.tick()
    assert rig.enable() is None
    rig.supervisor.see((), ("head_controller/joint_trajectory",))
    rig.tick()
    assert rig.supervisor.latched_causes[0].startswith("controllers_listen: nobody listens to head")


def test_commands_of_an_older_epoch_stop_the_robot_and_enabling_accepts_them(rig: Rig) -> None:
    def propose(epoch: int, seq: int = 1) -> None:
        rig.live()
        command = make_command(rig.contract, rig.now)
        rig.supervisor.propose(dataclasses.replace(command, source_seq=seq, source_epoch=epoch))
        rig.step()

    for epoch, seq in ((5, 1), (6, 2), (0, 0), (6, 3)):  # seq 0: from no chunk
        propose(epoch, seq)
        assert rig.state == (Mode.NOMINAL, True)
    propose(5)
    assert rig.state == (Mode.STOPPED, False)
    assert "command of epoch 5 after one of epoch 6" in rig.supervisor.latched_causes[0]
    propose(5)
    assert rig.enable() is None
    propose(5)
    assert rig.state == (Mode.NOMINAL, True)


def test_a_required_dead_man_switch_must_be_held_all_the_time(contract: RobotContract) -> None:
    rig = Rig(contract, settings=SafetySettings(dead_man_required=True))
    rig.tick()
    assert rig.enable() == "the dead-man switch is not held"
    rig.supervisor.dead_man(True, rig.now)
    assert rig.enable() is None
    for _ in range(49):
        rig.tick()
    assert rig.state == (Mode.NOMINAL, True)
    for _ in range(3):
        rig.tick()  # nobody says it is still held
    assert rig.state == (Mode.STOPPED, False)
    rig.supervisor.dead_man(True, rig.now)
    assert rig.enable() is None
    rig.supervisor.dead_man(False, rig.now)
    rig.tick()
    assert rig.supervisor.latched_causes == ("dead_man: the dead-man switch is not held",)


def test_without_the_setting_no_dead_man_switch_is_needed(rig: Rig) -> None:
    rig.supervisor.dead_man(False, rig.now)
    rig.tick()
    assert rig.state == (Mode.NOMINAL, True)


def test_a_stop_is_a_smooth_halt_then_a_standing_base_then_silence(rig: Rig) -> None:
    before = moving(rig)
    path = [before.positions[LEFT_1]]
    twists = [before.base_twist[0]]
    assert rig.supervisor.enable_motion(False, rig.now) is None
    assert rig.state == (Mode.STOPPED, False)
    while (output := rig.tick({LEFT_1: 9.9}, base_twist=(0.5, 0.0, 0.0))) and output.positions:
        assert not {"left_gripper", "right_gripper"} & output.parts
        path.append(output.positions[LEFT_1])
        twists.append(output.base_twist[0])
    assert np.diff(path)[-1] == 0.0 and twists[-1] == 0.0
    assert np.abs(np.diff(path, 2)).max() / DT**2 <= 12.0 * (1 + 1e-6)
    assert np.abs(np.diff(path, 3)).max() / DT**3 <= 300.0 * (1 + 1e-6)
    assert np.diff(twists).min() >= -1.0 * DT - 1e-9
    halted = rig.now
    while rig.now - halted < SECOND - PERIOD:
        output = rig.tick(base_twist=(0.5, 0.0, 0.0))
        assert output is not None and output.stamp_ns == rig.now
        assert output.parts == {"base"} and not output.base_twist.any() and not output.positions
    assert [rig.tick() for _ in range(10)] == [None] * 10


def test_a_robot_without_a_base_comes_to_rest_whatever_twist_it_is_told(
    contract: RobotContract,
) -> None:
    rig = Rig(dataclasses.replace(contract, base=None, odometry=None)).enabled()
    for _ in range(5):
        output = rig.tick(base_twist=(3.0, 0.0, 0.0))
        assert output is not None and not output.base_twist.any() and "base" not in output.parts
    rig.supervisor.enable_motion(False, rig.now)
    for _ in range(5):
        rig.tick()
    assert rig.enable() is None


def test_every_moving_part_is_sent_its_rest(rig: Rig) -> None:
    moving(rig, twist=0.0)
    rig.supervisor.enable_motion(False, rig.now)
    last = None
    while (output := rig.tick()) and output.positions:
        if "left_arm" in output.parts:
            last = output
    assert last is not None and last.velocities[LEFT_1] == 0.0


def test_it_is_not_enabled_again_before_it_came_to_rest(rig: Rig) -> None:
    moving(rig)
    rig.supervisor.enable_motion(False, rig.now)
    rig.tick()
    assert rig.enable() == "the robot still comes to rest; try again"
    for _ in range(60):
        rig.tick()
    assert rig.enable() is None


def test_a_stop_is_not_left_without_a_person(rig: Rig) -> None:
    rig.tick({LEFT_1: math.nan})
    assert rig.state == (Mode.STOPPED, False)
    for _ in range(200):
        output = rig.tick({LEFT_1: rig.contract.home[LEFT_1] + 0.01})
        assert output is None or not output.positions
    assert rig.state == (Mode.STOPPED, False)
    assert rig.supervisor.latched_causes == (f"well_formed: position of '{LEFT_1}' is not finite",)
    assert rig.enable() is None
    output = rig.tick({LEFT_1: rig.contract.home[LEFT_1] + 0.01})
    assert output is not None and output.positions


def test_stopping_again_does_not_make_the_base_stand_again(rig: Rig) -> None:
    rig.supervisor.enable_motion(False, rig.now)
    for _ in range(150):
        rig.tick()
    rig.supervisor.enable_motion(False, rig.now)
    assert rig.tick() is None
    assert rig.supervisor.latched_causes == ("disabled by a person",)


# --- e-stop ----------------------------------------------------------------------------------


def test_an_estop_stops_a_gripper_that_moves_and_lets_one_that_holds_hold(rig: Rig) -> None:
    rig.enabled()
    right = rig.contract.grippers["right"].joint
    closed = {GRIPPER: 0.8, right: 0.8}
    rig.tick(closed)
    rig.positions |= {GRIPPER: 0.3, right: 0.5}  # the right one is kept apart by what it holds
    rig.velocities = {GRIPPER: 1.0, right: 0.0}
    rig.live()
    hold = rig.supervisor.estop("a person pressed it", rig.now)
    assert hold is not None
    assert hold.positions[GRIPPER] == 0.3 and hold.positions[right] == 0.8
    rig.velocities = {}
    later = rig.tick(closed)  # standing now: where it was stopped counts, not the old goal
    assert later is not None and later.positions[GRIPPER] == 0.3


def test_an_estop_leaves_a_gripper_alone_that_was_never_commanded_and_stands(rig: Rig) -> None:
    parts = rig.contract.commanded_parts - {"left_gripper"}
    rig.tick(parts=parts)
    assert rig.enable() is None
    rig.tick(parts=parts)
    hold = rig.supervisor.estop("a person pressed it", rig.now)
    assert hold is not None
    assert "left_gripper" not in hold.parts and GRIPPER not in hold.positions
    assert "right_gripper" in hold.parts


def test_an_estop_holds_the_measured_pose_at_once_as_long_as_it_is_latched(rig: Rig) -> None:
    moving(rig)
    rig.positions = {LEFT_1: 2.20}
    rig.live()
    outputs = [rig.supervisor.estop("a person pressed it", rig.now)]  # not with the next tick
    for _ in range(300):
        rig.positions = {LEFT_1: 2.10}  # it sags; the hold does not follow
        outputs.append(rig.tick({LEFT_1: 3.0}, base_twist=(0.5, 0.0, 0.0)))
        assert outputs[-1] is not None and outputs[-1].stamp_ns == rig.now
    for output in outputs:
        assert output is not None
        assert output.parts == rig.contract.commanded_parts
        assert output.positions[LEFT_1] == 2.20
        assert set(output.positions) == set(rig.contract.joint_names)
        assert not any(output.velocities.values()) and not output.base_twist.any()
        assert set(output.tools) == {"left", "right"}
    assert rig.state == (Mode.ESTOP, False)


def test_an_estop_on_old_joint_states_holds_what_was_sent_last(rig: Rig) -> None:
    for _ in range(30):
        moving(rig, ticks=1)
    sent = moving(rig, ticks=60)
    for _ in range(23):
        sent = rig.tick({LEFT_1: sent.positions[LEFT_1]}, silent=("joints",))
        assert sent is not None
    rig.now += 30 * MS
    hold = rig.supervisor.estop("pressed", rig.now)
    assert hold is not None and hold.positions[LEFT_1] == sent.positions[LEFT_1]


def test_an_estop_ends_a_halt(rig: Rig) -> None:
    moving(rig)
    rig.supervisor.enable_motion(False, rig.now)
    rig.tick()
    rig.supervisor.estop("pressed", rig.now)
    output = rig.tick()
    assert output is not None
    assert not any(output.velocities.values()) and not output.base_twist.any()
    assert rig.supervisor.reset(rig.now) is None
    assert [rig.tick() for _ in range(5)] == [None] * 5


def test_causes_of_an_estop_are_collected_once_each(rig: Rig) -> None:
    for cause in ("first", "second", "first"):
        rig.supervisor.estop(cause, rig.now)
    assert rig.supervisor.latched_causes == ("first", "second")


def test_an_estop_from_a_stop_forgets_the_stops_cause(rig: Rig) -> None:
    rig.supervisor.enable_motion(False, rig.now)
    rig.supervisor.estop("pressed", rig.now)
    assert rig.supervisor.latched_causes == ("pressed",)


def test_an_estop_cannot_be_enabled_or_stopped_away(rig: Rig) -> None:
    rig.supervisor.estop("pressed", rig.now)
    assert rig.enable() == "e-stop is latched (pressed); reset it first"
    rig.supervisor.enable_motion(False, rig.now)
    rig.tick({LEFT_1: math.nan})
    assert rig.state == (Mode.ESTOP, False)
    assert rig.supervisor.latched_causes == ("pressed",)


def test_a_reset_leads_to_stopped_and_motion_must_be_enabled(rig: Rig) -> None:
    rig.supervisor.estop("pressed", rig.now)
    rig.tick()
    assert rig.supervisor.reset(rig.now) is None
    assert rig.state == (Mode.STOPPED, False)
    assert rig.supervisor.latched_causes == ("reset after an e-stop; motion must be enabled",)
    assert [rig.tick() for _ in range(10)] == [None] * 10
    assert rig.enable() is None
    assert rig.tick() is not None


def test_a_reset_is_refused_while_an_input_is_pressed(rig: Rig) -> None:
    assert rig.supervisor.estop_input("button", True, rig.now) is not None
    rig.tick()
    assert rig.state == (Mode.ESTOP, False)
    assert rig.supervisor.pressed_inputs == ("button",)
    assert rig.supervisor.latched_causes == ("e-stop input 'button' is pressed",)
    assert rig.supervisor.reset(rig.now) == "e-stop input 'button' is still pressed; release it"
    assert rig.supervisor.estop_input("button", False, rig.now) is None
    rig.tick()
    assert rig.state == (Mode.ESTOP, False)  # released only permits a reset
    assert rig.supervisor.reset(rig.now) is None


def test_a_reset_is_refused_while_the_robot_moves(rig: Rig) -> None:
    rig.supervisor.estop("pressed", rig.now)
    rig.velocities = {LEFT_1: 0.5}
    rig.tick()
    checks = {item.name: item for item in rig.supervisor.checks_for_reset(rig.now)}
    assert [name for name, item in checks.items() if not item.ok] == ["standing"]
    assert rig.supervisor.reset_blocker(rig.now) == checks["standing"].reason
    assert rig.supervisor.reset(rig.now) == (
        f"'{LEFT_1}' still moves at 0.50; wait until the robot stands"
    )
    assert rig.state == (Mode.ESTOP, False)


def test_a_reset_is_refused_without_joint_states(contract: RobotContract) -> None:
    rig = Rig(contract)
    assert rig.supervisor.estop("pressed", rig.now) is None  # it knows no pose to hold
    assert rig.tick(silent=("joints",)) is None
    assert rig.supervisor.reset(rig.now) == "no joint states received"
    output = rig.tick()  # the first joint states
    assert output is not None and output.positions == {
        name: contract.home[name] for name in contract.limited_joints
    }


def test_a_reset_is_refused_on_old_joint_states(rig: Rig) -> None:
    rig.supervisor.estop("pressed", rig.now)
    for _ in range(60):
        rig.tick(silent=("joints",))
    blocker = rig.supervisor.reset(rig.now)
    assert blocker is not None and "s old; is the driver running?" in blocker
    rig.tick()
    assert rig.supervisor.reset(rig.now) is None


def test_there_is_nothing_to_reset_without_an_estop(rig: Rig) -> None:
    assert rig.supervisor.reset(rig.now) == "there is no e-stop to reset"
    assert rig.state == (Mode.NOMINAL, True)


def test_a_second_estop_holds_the_new_pose(rig: Rig) -> None:
    for position in (2.0, 2.4):
        rig.positions = {LEFT_1: position}
        rig.live()
        rig.supervisor.estop("pressed", rig.now)
        output = rig.tick()
        assert output is not None and output.positions[LEFT_1] == position
        assert rig.supervisor.reset(rig.now) is None


# --- shadow ----------------------------------------------------------------------------------


def test_a_shadow_judges_and_sends_nothing(contract: RobotContract) -> None:
    rig = Rig(contract, settings=SafetySettings(shadow=True))
    rig.supervisor.see(("cmd_vel: the robot's own driver",), ())
    assert rig.enabled().supervisor.shadow
    far = contract.home[LEFT_1] + 0.3
    assert [rig.tick({LEFT_1: far}) for _ in range(200)] == [None] * 200  # nor does it follow
    assert rig.state == (Mode.NOMINAL, True)
    assert rig.counted("joint_limits")[0] > 10
    assert rig.supervisor.estop("pressed", rig.now) is None
    assert rig.tick() is None
    assert rig.state == (Mode.ESTOP, False)


# --- laws over whatever is proposed ----------------------------------------------------------

WEIRD = (math.nan, math.inf, -math.inf, 1e300, -1e300)


def garbage(contract: RobotContract, random: np.random.Generator, now: int) -> RobotCommand:
    """A command that is wrong in some ways, or in none."""
    command = make_command(contract, now)
    positions, velocities = dict(command.positions), dict(command.velocities)
    twist = random.normal(0.0, 1.0, 3)
    parts, stamp = command.parts, now
    grippers, tools = {"left": 0.5}, {"left": Pose(np.zeros(3), np.eye(3))}
    joints = list(positions)
    for _ in range(random.integers(0, 3)):
        joint, weird = random.choice(joints), float(random.choice(WEIRD))
        match random.integers(0, 9):
            case 0:
                positions[joint] = weird
            case 1:
                velocities[joint] = weird
            case 2:
                twist[random.integers(0, 3)] = weird
            case 3:
                positions["tail"] = 0.1
            case 4:
                positions.pop(joint, None)
            case 5:
                parts = parts | {"tail"}
            case 6:
                stamp = now + int(random.integers(-5, 5)) * SECOND
            case 7:
                grippers["left"] = weird
            case 8:
                tools["left"] = Pose(np.full(3, weird), np.eye(3))
    return RobotCommand(stamp, 1, 1, parts, positions, velocities, tools, grippers, twist)


def numbers_of(command: RobotCommand) -> list[float]:
    poses = [np.append(tool.rotation, tool.position) for tool in command.tools.values()]
    return [
        *command.positions.values(),
        *command.velocities.values(),
        *command.grippers.values(),
        *command.base_twist,
        *np.ravel(poses),
    ]


@given(st.integers(0, 2**32 - 1))
def test_whatever_is_proposed_only_finite_known_joints_come_out(
    contract: RobotContract, seed: int
) -> None:
    random = np.random.default_rng(seed)
    rig = Rig(contract)
    rig.tick()
    rig.enable()
    for _ in range(12):
        rig.live()
        rig.supervisor.propose(garbage(contract, random, rig.now))
        output = rig.step()
        if output is not None:
            assert np.all(np.isfinite(numbers_of(output)))
            assert set(output.positions) == set(output.velocities) <= set(contract.joint_names)
            assert output.parts <= contract.commanded_parts
            assert all(0.0 <= opening <= 1.0 for opening in output.grippers.values())
        if not rig.supervisor.motion_enabled:
            rig.tick()
            rig.enable()


class SwingingTool(FakeKinematics):
    """The first left joint swings its tool over the top of the workspace, from side to side."""

    def tool_poses(self, positions: dict[str, float]) -> dict[str, Pose]:
        swing = positions[LEFT_1] - self._contract.home[LEFT_1]
        way = [0.3 * math.cos(swing), 0.0, 0.5 * math.sin(swing)]
        left = Pose(self._middle("left") + way, np.eye(3))
        return {**super().tool_poses(positions), "left": left}


def test_the_way_to_a_far_goal_stays_in_the_workspace_too(contract: RobotContract) -> None:
    kinematics = SwingingTool(contract)
    rig = Rig(contract, kinematics=kinematics).enabled()
    box = contract.arms["left"].workspace
    goal = {LEFT_1: contract.home[LEFT_1] + 2.4}
    there = kinematics.tool_poses({**contract.home, **goal})["left"].position
    assert np.all(there > np.array(box.min) + 0.03) and np.all(there < np.array(box.max) - 0.03)
    for _ in range(200):
        output = rig.tick(goal)
        assert output is not None
        tool = kinematics.tool_poses({**contract.home, **output.positions})["left"].position
        assert np.all(tool >= box.min) and np.all(tool <= box.max)
    assert rig.supervisor.mode in (Mode.LIMITED, Mode.HOLD)  # before the face in its way


@given(st.integers(0, 2**32 - 1))
def test_while_motion_is_not_enabled_nothing_moves(contract: RobotContract, seed: int) -> None:
    random = np.random.default_rng(seed)
    rig = Rig(contract)
    for _ in range(20):
        action = random.integers(0, 4)
        if action == 0:
            rig.supervisor.estop("pressed", rig.now)
        elif action == 1:
            rig.supervisor.reset(rig.now)
        elif action == 2:
            rig.supervisor.enable_motion(False, rig.now)
        else:
            rig.supervisor.estop_input("button", bool(random.integers(0, 2)), rig.now)
        output = rig.tick({LEFT_1: float(random.uniform(0.0, 4.0))}, base_twist=(0.3, 0.0, 0.0))
        assert not rig.supervisor.motion_enabled
        if output is not None:
            assert not output.base_twist.any() and not any(output.velocities.values())
            assert output.positions.get(LEFT_1, contract.home[LEFT_1]) == contract.home[LEFT_1]


# --- what it tells ---------------------------------------------------------------------------


def test_gaps_are_those_of_the_measured_posture_nearest_first(contract: RobotContract) -> None:
    rig = Rig(contract)
    assert rig.supervisor.gaps() == () and rig.supervisor.survey() is None
    rig.positions = {"arm_left_3_joint": contract.home["arm_left_3_joint"] + 0.3}
    rig.live()
    gaps = rig.supervisor.gaps()
    assert gaps[0].what.startswith("left tool")
    assert gaps[0].distance == pytest.approx(0.08)
    assert [gap.distance for gap in gaps] == sorted(gap.distance for gap in gaps)


def test_the_sample_robot_at_home_is_the_measured_survey(rig: Rig) -> None:
    survey = rig.supervisor.survey()
    assert survey is not None
    home = joint_sample(rig.contract, 0).position_of()
    tools = FakeKinematics(rig.contract).tool_poses(home)
    assert survey.tools["right"].position.tolist() == tools["right"].position.tolist()
