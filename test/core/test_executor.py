"""Pins: the executor starts where the robot is, moves only when it may, and never starts by itself.

While it does not move it commands no part, and says why.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import (
    MS,
    SECOND,
    T0,
    FakeKinematics,
    home_state,
    joint_sample,
    make_chunk,
    moving_rows,
)

from wall_oss_ros.core.action_space import PARTS
from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.executor import ChunkExecutor, ExecutorSettings, ExecutorStatus
from wall_oss_ros.core.timeline import ChunkOutcome

PERIOD = 10 * MS
ARMS_ONLY = ("left_arm", "right_arm", "base", "lift", "head")


class Driver:
    """Ticks an executor whose robot is measured at every tick unless told otherwise."""

    def __init__(self, contract: RobotContract, *, enabled: bool = True) -> None:
        self.contract = contract
        self.kinematics = FakeKinematics(contract)
        self.executor = ChunkExecutor(
            contract, self.kinematics, ExecutorSettings(), enabled=enabled
        )
        self.now = T0
        self.positions: dict[str, float] = {}
        self.seq = 0

    def tick(self, *, measure: bool = True) -> RobotCommand:
        self.now += PERIOD
        if measure:
            self.executor.measure(joint_sample(self.contract, self.now, self.positions))
        return self.executor.tick(self.now, PERIOD / SECOND)

    def run(self, seconds: float) -> list[RobotCommand]:
        return [self.tick() for _ in range(round(seconds * SECOND) // PERIOD)]

    def offer(
        self, step: dict[int, float] | None = None, rows: int = 8, parts: Iterable[str] = PARTS
    ) -> ChunkOutcome | None:
        self.seq += 1
        actions = moving_rows(self.contract, step or {}, rows)
        chunk = make_chunk(self.contract, self.now, actions, seq=self.seq, parts=parts)
        return self.executor.offer(chunk, self.now)


@pytest.fixture
def driver(contract: RobotContract) -> Driver:
    """Enabled, allowed to move, ticked once: it holds and waits for a chunk."""
    driver = Driver(contract)
    driver.executor.allow_motion(True, "motion is enabled")
    driver.tick()
    return driver


def commands_nothing(command: RobotCommand) -> bool:
    return not command.parts and not command.positions and not command.base_twist.any()


# --- when it may not move --------------------------------------------------------------------


def test_without_joint_states_it_commands_nothing(contract: RobotContract) -> None:
    driver = Driver(contract)
    driver.executor.allow_motion(True, "")
    assert commands_nothing(driver.tick(measure=False))
    assert driver.executor.status is ExecutorStatus.FAULT
    assert driver.executor.reason == "no joint states yet"


def test_without_the_supervisors_word_it_commands_nothing(contract: RobotContract) -> None:
    driver = Driver(contract)
    assert commands_nothing(driver.tick())
    assert driver.executor.status is ExecutorStatus.DISABLED
    assert driver.executor.reason == "the safety supervisor says: no word from it yet"


def test_while_not_enabled_it_commands_nothing(contract: RobotContract) -> None:
    driver = Driver(contract, enabled=False)
    driver.executor.allow_motion(True, "")
    assert commands_nothing(driver.tick())
    assert (driver.executor.status, driver.executor.reason) == (
        ExecutorStatus.DISABLED,
        "not enabled",
    )


def test_on_stale_joint_states_it_stops_commanding(driver: Driver) -> None:
    driver.offer({0: 0.01}, rows=32)
    for _ in range(30):  # 0.3 s, the default limit
        assert driver.tick(measure=False).parts
    assert commands_nothing(driver.tick(measure=False))
    assert driver.executor.status is ExecutorStatus.FAULT
    assert driver.executor.reason == "joint states are 0.31 s old"


@pytest.mark.parametrize("how", ["disabled", "not allowed", "no joints"])
def test_after_a_stop_the_old_chunk_is_not_resumed(driver: Driver, how: str) -> None:
    driver.offer({0: 0.01}, rows=32)
    driver.run(0.2)
    if how == "disabled":
        driver.executor.enable(False)
    elif how == "not allowed":
        driver.executor.allow_motion(False, "e-stop")
    else:
        driver.now += SECOND
    assert commands_nothing(driver.tick(measure=how != "no joints"))
    driver.executor.enable(True)
    driver.executor.allow_motion(True, "")
    commands = driver.run(0.5)
    assert driver.executor.status is ExecutorStatus.WAITING
    home = driver.contract.home
    assert commands[-1].positions == pytest.approx(
        {name: home[name] for name in driver.contract.limited_joints}
    )
    assert commands[-1].source_seq == 0


@pytest.mark.parametrize("blocked", [True, False])
def test_a_chunk_is_not_used_while_motion_is_not_possible(
    contract: RobotContract, blocked: bool
) -> None:
    driver = Driver(contract)
    driver.executor.allow_motion(not blocked, "")
    if blocked:
        driver.tick()
    assert driver.offer() is None  # blocked, or not ticked yet
    assert (driver.executor.accepted, driver.executor.rejected) == (0, 0)
    driver.executor.allow_motion(True, "")
    driver.tick()
    assert driver.executor.status is ExecutorStatus.WAITING


def test_a_chunk_seen_before_motion_was_possible_is_refused(driver: Driver) -> None:
    early = make_chunk(driver.contract, T0, moving_rows(driver.contract, {0: 0.01}), seq=1)
    assert driver.executor.offer(early, driver.now) is ChunkOutcome.BEFORE_STOP
    assert driver.executor.rejected == 1
    assert driver.executor.last_rejection == (
        "chunk 1: observed before motion was stopped or enabled"
    )


# --- when it may -----------------------------------------------------------------------------


@given(st.floats(-0.2, 0.2), st.floats(0.1, 0.3))
def test_it_starts_at_the_measured_pose(contract: RobotContract, elbow: float, lift: float) -> None:
    driver = Driver(contract)
    moved = {"arm_left_1_joint": contract.home["arm_left_1_joint"] + elbow}
    driver.positions = {**moved, "torso_lift_joint": lift}
    driver.executor.allow_motion(True, "")
    command = driver.tick()
    measured = joint_sample(contract, 0, driver.positions).position_of()
    assert driver.kinematics.seeds == [measured]
    assert command.positions == pytest.approx(
        {name: measured[name] for name in contract.limited_joints}
    )
    assert list(command.velocities.values()) == pytest.approx([0.0] * 17, abs=1e-9)


def test_it_holds_while_it_waits_for_a_chunk(driver: Driver) -> None:
    assert driver.executor.status is ExecutorStatus.WAITING
    assert driver.executor.reason == "no chunk yet; holding"
    first = driver.tick()
    driver.positions = {"torso_lift_joint": 0.1}  # the robot sags; it is not followed down
    assert driver.run(1.0)[-1].positions == first.positions


def test_it_follows_a_chunk(driver: Driver) -> None:
    assert driver.offer({0: 0.01, 23: -0.001, 24: 0.02}, rows=8) is ChunkOutcome.ACCEPTED
    command = driver.run(0.4)[-1]  # the last row is due
    home = driver.contract.home
    assert driver.executor.status is ExecutorStatus.RUNNING
    assert command.source_seq == 1 and command.stamp_ns == driver.now
    moved = {"arm_left_1_joint": 0.08, "torso_lift_joint": -0.008, "head_1_joint": 0.16}
    for joint, by in moved.items():
        assert command.positions[joint] == pytest.approx(home[joint] + by, abs=1e-6)
    assert command.tools["left"].position[0] == pytest.approx(
        home_state(driver.contract)[0] + 0.08, abs=1e-6
    )


def test_the_base_gets_the_rows_twist(driver: Driver) -> None:
    rows = moving_rows(driver.contract, {})
    rows[:, 20:23] = [0.2, -0.1, 0.3]
    driver.executor.offer(make_chunk(driver.contract, driver.now, rows), driver.now)
    assert driver.tick().base_twist.tolist() == [0.2, -0.1, 0.3]


def test_a_gripper_is_left_alone_until_a_chunk_commands_it(driver: Driver) -> None:
    grippers = {"left_gripper", "right_gripper"}
    joints = {gripper.joint for gripper in driver.contract.grippers.values()}
    before = driver.tick()
    assert not grippers & before.parts and not joints & set(before.positions)
    driver.offer(parts=(*ARMS_ONLY, "right_gripper"))
    one = driver.tick()
    assert grippers & one.parts == {"right_gripper"}
    assert joints & set(one.positions) == {"gripper_right_finger_joint"}
    assert one.grippers == {"right": 1.0}  # home is open
    driver.offer(parts=ARMS_ONLY)
    assert driver.tick().grippers == {"right": 1.0}  # it keeps what it was told
    driver.executor.enable(False)
    driver.tick()
    driver.executor.enable(True)
    assert not grippers & driver.tick().parts


@pytest.mark.parametrize(("number", "joint"), [(0.0, 0.8), (0.25, 0.6), (1.0, 0.0), (1.7, 0.0)])
def test_a_grippers_number_becomes_a_joint_position_within_its_range(
    driver: Driver, number: float, joint: float
) -> None:
    rows = moving_rows(driver.contract, {})
    rows[:, 9] = number
    driver.executor.offer(make_chunk(driver.contract, driver.now, rows), driver.now)
    command = driver.tick()
    assert command.positions["gripper_left_finger_joint"] == pytest.approx(joint)
    assert 0.0 <= command.grippers["left"] <= 1.0


@given(st.sets(st.sampled_from(PARTS)), st.integers(0, 2**32 - 1))
def test_every_commanded_part_has_all_its_joints_and_they_are_finite(
    contract: RobotContract, parts: set[str], seed: int
) -> None:
    driver = Driver(contract)
    driver.executor.allow_motion(True, "")
    driver.tick()
    step = dict(enumerate(np.random.default_rng(seed).normal(0.0, 0.01, 3)))
    driver.offer(step, parts=parts)
    for command in driver.run(0.1):
        joints = {j for part in command.parts for j in contract.part_joints.get(part, ())}
        assert joints == set(command.positions) == set(command.velocities)
        assert np.all(np.isfinite([*command.positions.values(), *command.velocities.values()]))


# --- when no chunks come ---------------------------------------------------------------------


def test_starved_it_holds_the_arms_and_stops_the_base(driver: Driver) -> None:
    rows = moving_rows(driver.contract, {0: 0.01}, 8)
    rows[:, 20] = 0.3
    driver.executor.offer(make_chunk(driver.contract, driver.now, rows), driver.now)
    driver.run(0.4)
    assert driver.executor.status is ExecutorStatus.RUNNING
    driver.tick()
    assert driver.executor.status is ExecutorStatus.STARVED
    commands = driver.run(1.0)
    assert driver.executor.reason == "rows ran out 1.0 s ago; arms hold, base stopped"
    assert commands[-1].parts >= {"left_arm", "right_arm", "base"}
    assert not commands[-1].base_twist.any()
    assert commands[-1].positions == commands[-50].positions


def test_a_chunk_in_time_ends_starvation(driver: Driver) -> None:
    driver.offer()
    driver.run(2.0)
    assert driver.executor.status is ExecutorStatus.STARVED
    driver.offer()
    driver.run(0.4)
    assert driver.executor.status is ExecutorStatus.RUNNING
    driver.run(2.9)  # counted from this chunk's end, not from the first one's
    assert driver.executor.status is ExecutorStatus.STARVED


def test_starved_for_too_long_it_must_be_enabled_again(driver: Driver) -> None:
    driver.offer()
    driver.run(0.4 + 3.0)
    assert driver.executor.status is ExecutorStatus.STARVED
    driver.run(0.1)
    assert driver.executor.status is ExecutorStatus.DISABLED
    assert driver.executor.reason.startswith("no chunk for 3.0 s")
    assert commands_nothing(driver.tick())
    assert driver.offer() is None  # chunks that come now do not start it
    assert commands_nothing(driver.tick())
    driver.executor.enable(True)
    driver.tick()
    assert driver.executor.status is ExecutorStatus.WAITING
    assert driver.offer({0: 0.01}) is ChunkOutcome.ACCEPTED


def test_waiting_for_the_first_chunk_may_take_long(driver: Driver) -> None:
    for _ in range(20):
        driver.now += SECOND
        driver.tick()
    assert driver.executor.status is ExecutorStatus.WAITING


def test_rows_left_are_those_not_yet_due(driver: Driver) -> None:
    assert driver.executor.rows_left(driver.now) == 0
    driver.offer(rows=8)
    assert driver.executor.rows_left(driver.now) == 8
    driver.run(0.2)
    assert driver.executor.rows_left(driver.now) == 4
