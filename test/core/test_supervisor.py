"""Pins: nothing reaches the controllers that is not finite, within limits and allowed by a person.

The supervisor is the last hop. It starts stopped, the most severe verdict wins, the e-stop latches,
and nothing resumes by itself.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import MS, SECOND, T0, FakeKinematics, joint_sample, make_command

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.safety import (
    Mode,
    Rule,
    SafetySettings,
    SafetySupervisor,
    Severity,
    Situation,
    Verdict,
    rule_set,
)

DT = 0.01
PERIOD = 10 * MS
NODES = ("camera_sync", "policy", "chunk_executor")
LEFT_1 = "arm_left_1_joint"


class Rig:
    """A supervisor in a live graph: nodes beat, joints are measured, the robot follows at once."""

    def __init__(
        self,
        contract: RobotContract,
        rules: Sequence[Rule] | None = None,
        kinematics: FakeKinematics | None = None,
    ) -> None:
        self.contract = contract
        kinematics = kinematics or FakeKinematics(contract)
        standard = rule_set(contract, kinematics, SafetySettings())
        if rules is not None:
            standard = dataclasses.replace(standard, rules=tuple(rules))
        self.supervisor = SafetySupervisor(contract, kinematics, standard, SafetySettings())
        self.now = T0
        self.positions: dict[str, float] = {}
        self.velocities: dict[str, float] = {}

    def live(self, silent: tuple[str, ...] = ()) -> None:
        """One period passes in which everything but the silent speaks."""
        self.now += PERIOD
        for node in NODES:
            if node not in silent:
                self.supervisor.heartbeat(node, self.now)
        if "joints" not in silent:
            sample = joint_sample(self.contract, self.now, self.positions, self.velocities)
            self.supervisor.measure(sample)

    def tick(
        self,
        positions: Mapping[str, float] | None = None,
        *,
        base_twist: tuple[float, float, float] = (0.0, 0.0, 0.0),
        silent: tuple[str, ...] = (),
        parts: Sequence[str] | None = None,
    ) -> RobotCommand | None:
        """Propose home, but for what is given, and step."""
        self.live(silent)
        if "executor" not in silent:
            self.supervisor.propose(
                make_command(self.contract, self.now, positions, base_twist=base_twist, parts=parts)
            )
        return self.step()

    def step(self) -> RobotCommand | None:
        output = self.supervisor.step(self.now, DT, self.now)
        if output is not None:
            self.positions = {**self.positions, **output.positions}
        return output

    def enable(self) -> str | None:
        return self.supervisor.enable_motion(True, self.now)

    @property
    def state(self) -> tuple[Mode, bool]:
        return self.supervisor.mode, self.supervisor.motion_enabled


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
    rig = Rig(contract)
    rig.tick()
    assert rig.enable() is None
    return rig


# --- enabling --------------------------------------------------------------------------------


def test_it_starts_stopped_and_sends_nothing(contract: RobotContract) -> None:
    rig = Rig(contract)
    assert rig.state == (Mode.STOPPED, False)
    assert [rig.tick() for _ in range(10)] == [None] * 10
    assert rig.supervisor.latched_causes == ("motion was not enabled yet",)


def test_a_person_enables_it(rig: Rig) -> None:
    assert rig.state == (Mode.NOMINAL, True)
    assert rig.supervisor.latched_causes == ()
    output = rig.tick({LEFT_1: rig.contract.home[LEFT_1] + 0.01})
    assert output is not None
    assert output.positions[LEFT_1] == rig.contract.home[LEFT_1] + 0.01


@pytest.mark.parametrize(
    ("silent", "words"),
    [
        (("joints",), "no joint states received"),
        (("executor",), "no command received"),
        (("policy",), "no heartbeat of 'policy' yet"),
    ],
)
def test_it_is_not_enabled_blindly(
    contract: RobotContract, silent: tuple[str, ...], words: str
) -> None:
    rig = Rig(contract)
    rig.tick(silent=silent)
    blocker = rig.enable()
    assert blocker is not None and words in blocker
    assert rig.state == (Mode.STOPPED, False)
    assert rig.tick(silent=silent) is None


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


def test_after_enabling_the_first_step_starts_at_the_measured_pose(
    contract: RobotContract,
) -> None:
    rig = Rig(contract)
    rig.positions = {LEFT_1: contract.home[LEFT_1] - 0.3}  # the executor asks for home
    rig.tick()
    assert rig.enable() is None
    output = rig.tick()
    assert output is not None and rig.supervisor.mode is Mode.LIMITED
    assert output.positions[LEFT_1] == pytest.approx(contract.home[LEFT_1] - 0.3 + 2.5 * DT)


def test_enabling_twice_changes_nothing(rig: Rig) -> None:
    rig.tick(base_twist=(0.01, 0.0, 0.0))
    assert rig.enable() is None
    output = rig.tick(base_twist=(0.02, 0.0, 0.0))
    assert output is not None and output.base_twist[0] == pytest.approx(0.02)


# --- folding ---------------------------------------------------------------------------------


def with_rules(contract: RobotContract, *rules: Rule) -> Rig:
    rig = Rig(contract, rules)
    rig.tick()
    assert rig.enable() is None
    return rig


severities = st.lists(st.sampled_from(list(Severity)), min_size=1, max_size=5)


@given(severities)
def test_the_most_severe_verdict_wins_and_keeps_its_reason(
    contract: RobotContract, said: list[Severity]
) -> None:
    rig = with_rules(contract, *(Says(f"rule {i}", severity) for i, severity in enumerate(said)))
    rig.tick()
    stops = [severity for severity in said if severity >= Severity.STOP]
    worst = stops[0] if stops else max(said)  # a stop ends the folding
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


def test_rules_see_what_the_rules_before_them_made(contract: RobotContract) -> None:
    rig = with_rules(
        contract,
        Says("a", Severity.LIMIT, mark=0.1),
        Says("b", Severity.PASS, mark=0.02),
        Says("c", Severity.LIMIT, mark=0.003),
    )
    output = rig.tick()
    assert output is not None and output.base_twist[0] == pytest.approx(0.123)
    assert rig.supervisor.mode is Mode.LIMITED


def test_every_rule_counts_what_it_did(contract: RobotContract) -> None:
    rig = with_rules(contract, Says("slow", Severity.LIMIT), Says("hold", Severity.HOLD))
    for _ in range(3):
        rig.tick()
    counts = {name: (c.limited, c.stopped) for name, c in rig.supervisor.counts.items()}
    assert counts == {"slow": (3, 0), "hold": (0, 3)}


def test_a_mode_is_left_when_its_reason_is_gone(rig: Rig) -> None:
    far = {LEFT_1: rig.contract.home[LEFT_1] + 0.1}
    rig.tick(far)
    assert rig.state == (Mode.LIMITED, True)
    for _ in range(10):
        rig.tick(far)
    assert rig.state == (Mode.NOMINAL, True)


# --- holding ---------------------------------------------------------------------------------


def test_hold_keeps_still_and_motion_may_go_on(contract: RobotContract) -> None:
    rule = Says("wall", Severity.PASS)
    rig = with_rules(contract, rule)
    before = rig.tick({LEFT_1: 2.3}, base_twist=(0.3, 0.0, 0.0))
    assert before is not None
    rule.severity = Severity.HOLD
    for wanted in (2.4, 9.9):
        held = rig.tick({LEFT_1: wanted}, base_twist=(0.4, 0.0, 0.0))
        assert held is not None and held.stamp_ns == rig.now
        assert held.positions == before.positions
        assert not any(held.velocities.values()) and not held.base_twist.any()
    assert rig.state == (Mode.HOLD, True)
    rule.severity = Severity.PASS
    after = rig.tick({LEFT_1: 2.31})
    assert after is not None and after.positions[LEFT_1] == 2.31
    assert rig.state == (Mode.NOMINAL, True)


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


def test_after_a_stop_the_base_is_told_to_stand_for_a_second_then_all_is_quiet(rig: Rig) -> None:
    rig.tick(base_twist=(0.01, 0.0, 0.0))
    assert rig.supervisor.enable_motion(False, rig.now) is None
    assert rig.state == (Mode.STOPPED, False)
    stopped = rig.now
    while rig.now - stopped < 1_000 * MS:
        output = rig.tick(base_twist=(0.5, 0.0, 0.0))
        assert output is not None and output.stamp_ns == rig.now
        assert output.parts == {"base"} and not output.base_twist.any() and not output.positions
    assert [rig.tick() for _ in range(10)] == [None] * 10


def test_stopping_again_does_not_make_the_base_stand_again(rig: Rig) -> None:
    rig.supervisor.enable_motion(False, rig.now)
    for _ in range(150):
        rig.tick()
    rig.supervisor.enable_motion(False, rig.now)
    assert rig.tick() is None
    assert rig.supervisor.latched_causes == ("disabled by a person",)


def test_a_base_that_the_executor_leaves_out_is_brought_to_rest(rig: Rig) -> None:
    for _ in range(20):
        rig.tick(base_twist=(0.2, 0.0, 0.0))
    speeds = []
    for _ in range(30):
        rig.live()
        idle = RobotCommand(rig.now, 0, 0, frozenset(), {}, {}, {}, {}, np.zeros(3))
        rig.supervisor.propose(idle)
        output = rig.step()
        assert output is not None
        speeds.append(output.base_twist[0] if "base" in output.parts else None)
    moving = [speed for speed in speeds if speed is not None]
    assert moving == pytest.approx(np.linspace(0.19, 0.0, 20), abs=1e-4)
    assert speeds[20:] == [None] * 10


# --- e-stop ----------------------------------------------------------------------------------


def test_an_estop_holds_the_measured_pose_as_long_as_it_is_latched(rig: Rig) -> None:
    rig.tick({LEFT_1: 2.23}, base_twist=(0.3, 0.0, 0.0))
    rig.positions = {LEFT_1: 2.20}
    rig.live()
    rig.supervisor.estop("a person pressed it", rig.now)
    rig.step()
    for _ in range(300):
        rig.positions = {LEFT_1: 2.10}  # it sags; the hold does not follow
        output = rig.tick({LEFT_1: 3.0}, base_twist=(0.5, 0.0, 0.0))
        assert output is not None and output.stamp_ns == rig.now
        assert output.parts == rig.contract.commanded_parts - {"left_gripper", "right_gripper"}
        assert output.positions[LEFT_1] == 2.20
        assert set(output.positions) == set(rig.contract.limited_joints)
        assert not any(output.velocities.values()) and not output.base_twist.any()
    assert rig.state == (Mode.ESTOP, False)


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
    rig.supervisor.estop_input("button", True, rig.now)
    rig.tick()
    assert rig.state == (Mode.ESTOP, False)
    assert rig.supervisor.latched_causes == ("e-stop input 'button' is pressed",)
    assert rig.supervisor.reset(rig.now) == "e-stop input 'button' is still pressed; release it"
    rig.supervisor.estop_input("button", False, rig.now)
    rig.tick()
    assert rig.state == (Mode.ESTOP, False)  # released only permits a reset
    assert rig.supervisor.reset(rig.now) is None


def test_a_reset_is_refused_while_the_robot_moves(rig: Rig) -> None:
    rig.supervisor.estop("pressed", rig.now)
    rig.velocities = {LEFT_1: 0.5}
    rig.tick()
    assert rig.supervisor.reset_blocker(rig.now) == (
        f"'{LEFT_1}' still moves at 0.50; wait until the robot stands"
    )
    assert rig.supervisor.reset(rig.now) == rig.supervisor.reset_blocker(rig.now)
    assert rig.state == (Mode.ESTOP, False)


def test_a_reset_is_refused_without_joint_states(contract: RobotContract) -> None:
    rig = Rig(contract)
    rig.supervisor.estop("pressed", rig.now)
    assert rig.tick(silent=("joints",)) is None  # it knows no pose to hold
    assert rig.supervisor.reset(rig.now) == "no joint states received"


def test_a_reset_is_refused_on_old_joint_states(rig: Rig) -> None:
    rig.supervisor.estop("pressed", rig.now)
    for _ in range(60):
        rig.tick(silent=("joints",))
    blocker = rig.supervisor.reset(rig.now)
    assert blocker is not None and "s old; is the robot's driver running?" in blocker
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
@pytest.mark.filterwarnings("ignore:overflow encountered")
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
        if not rig.supervisor.motion_enabled:
            rig.tick()
            rig.enable()


@given(st.integers(0, 2**32 - 1))
def test_no_joint_ever_exceeds_its_speed_or_leaves_its_range(
    contract: RobotContract, seed: int
) -> None:
    random = np.random.default_rng(seed)
    rig = Rig(contract)
    rig.tick()
    assert rig.enable() is None
    last = joint_sample(contract, rig.now).position_of()
    wanted = dict(contract.home)
    for _ in range(25):
        jump = random.choice([0.0, 0.02, 3.0])
        wanted = {name: value + jump * random.normal() for name, value in wanted.items()}
        output = rig.tick(wanted, base_twist=tuple(random.normal(0.0, 1.0, 3)))
        assert output is not None
        for name, joint in contract.limited_joints.items():
            low, high = joint.position
            assert low <= output.positions[name] <= high
            assert abs(output.positions[name] - last[name]) <= joint.velocity * DT * (1 + 1e-9)
            assert abs(output.velocities[name]) <= joint.velocity
        assert math.hypot(*output.base_twist[:2]) <= 0.5001
        assert abs(output.base_twist[2]) <= 0.8001
        last = {**last, **output.positions}


class SwingingTool(FakeKinematics):
    """The first left joint swings its tool over the top of the workspace, from side to side."""

    def tool_poses(self, positions: Mapping[str, float]) -> dict[str, Pose]:
        swing = positions[LEFT_1] - self._contract.home[LEFT_1]
        way = [0.3 * math.cos(swing), 0.0, 0.5 * math.sin(swing)]
        left = Pose(self._middle("left") + way, np.eye(3))
        return {**super().tool_poses(positions), "left": left}


def test_the_way_to_a_far_goal_stays_in_the_workspace_too(contract: RobotContract) -> None:
    kinematics = SwingingTool(contract)
    rig = Rig(contract, kinematics=kinematics)
    rig.tick()
    assert rig.enable() is None
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


def test_the_distance_of_the_tools_is_that_of_the_measured_poses(rig: Rig) -> None:
    tools = rig.supervisor.measured_tools()
    apart = np.linalg.norm(tools["left"].position - tools["right"].position)
    assert rig.supervisor.tool_distance() == pytest.approx(apart) == pytest.approx(0.4)


def test_the_distance_is_unknown_without_measured_joints_or_a_common_frame(
    contract: RobotContract,
) -> None:
    assert math.isnan(Rig(contract).supervisor.tool_distance())
    other = dataclasses.replace(contract.arms["right"], frame="another")
    apart = Rig(dataclasses.replace(contract, arms={**contract.arms, "right": other}))
    apart.tick()
    assert math.isnan(apart.supervisor.tool_distance())
