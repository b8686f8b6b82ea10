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
from wall_oss_ros.core.admission import ChunkOutcome
from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.executor import ChunkExecutor, ExecutorSettings, ExecutorStatus
from wall_oss_ros.core.kinematics import JointStep
from wall_oss_ros.core.pose import Pose

PERIOD = 10 * MS
ARMS_ONLY = ("left_arm", "right_arm", "base", "lift", "head")


class Driver:
    """Ticks an executor whose robot is measured at every tick unless told otherwise."""

    def __init__(
        self,
        contract: RobotContract,
        *,
        enabled: bool = True,
        look_ahead: bool = False,
        kinematics: FakeKinematics | None = None,
    ) -> None:
        self.contract = contract
        self.kinematics = kinematics or FakeKinematics(contract)
        self.executor = ChunkExecutor(
            contract, self.kinematics, ExecutorSettings(look_ahead=look_ahead), enabled=enabled
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
    driver.run(20.0)
    assert driver.executor.status is ExecutorStatus.WAITING


def test_rows_left_are_those_not_yet_due(driver: Driver) -> None:
    assert driver.executor.rows_left == 0
    driver.offer(rows=8)
    assert driver.executor.rows_left == 8
    driver.run(0.2)
    assert driver.executor.rows_left == 4


# --- ticks that are not even -----------------------------------------------------------------


@pytest.mark.parametrize("jump_s", [-900.0, -0.02, 0.11, 5.0])
def test_a_clock_that_jumps_makes_it_start_again_where_the_robot_is(
    driver: Driver, jump_s: float
) -> None:
    driver.offer({0: 0.01}, rows=32)
    driver.run(0.3)
    driver.positions = {"arm_left_1_joint": driver.contract.home["arm_left_1_joint"] + 0.02}
    driver.now += round(jump_s * SECOND)
    command = driver.tick()
    assert (
        driver.kinematics.seeds[-1]
        == joint_sample(driver.contract, 0, driver.positions).position_of()
    )
    assert command.positions["arm_left_1_joint"] == pytest.approx(
        driver.positions["arm_left_1_joint"]
    )
    assert list(command.velocities.values()) == pytest.approx([0.0] * 17, abs=1e-9)
    assert driver.executor.status is ExecutorStatus.WAITING
    assert "the clock went on by" in driver.executor.reason
    assert driver.offer({0: 0.01}) is ChunkOutcome.ACCEPTED


def test_missed_ticks_are_made_up_for_with_the_time_they_took(driver: Driver) -> None:
    driver.offer({0: 0.01}, rows=32)
    driver.run(0.5)
    before = driver.tick()
    driver.now += 5 * PERIOD
    after = driver.tick()
    for joint in ("arm_left_1_joint", "torso_lift_joint"):
        moved = after.positions[joint] - before.positions[joint]
        assert moved == pytest.approx(after.velocities[joint] * 0.06, abs=1e-9)
    assert after.velocities["arm_left_1_joint"] == pytest.approx(0.2, abs=1e-3)


def test_a_clock_that_stands_still_repeats_the_command(driver: Driver) -> None:
    driver.offer({0: 0.01}, rows=32)
    command = driver.run(0.2)[-1]
    driver.now -= PERIOD
    assert driver.tick() is command


@given(st.integers(0, 2**32 - 1))
def test_velocities_are_those_of_the_positions_on_any_grid(
    contract: RobotContract, seed: int
) -> None:
    random = np.random.default_rng(seed)
    driver = Driver(contract)
    driver.executor.allow_motion(True, "")
    before = driver.tick()
    for _ in range(60):
        if random.random() < 0.1:
            driver.offer(dict(enumerate(random.normal(0.0, 0.01, 3))), rows=12)
        driver.now += PERIOD * int(random.integers(0, 3))
        after = driver.tick()
        step_s = (after.stamp_ns - before.stamp_ns) / SECOND
        for joint, velocity in after.velocities.items():
            if joint in before.positions and "gripper" not in joint:
                moved = after.positions[joint] - before.positions[joint]
                assert moved == pytest.approx(velocity * step_s, abs=1e-12)
        before = after


@given(st.integers(0, 2**32 - 1))
def test_the_commanded_joints_never_jump_whatever_chunks_arrive(
    contract: RobotContract, seed: int
) -> None:
    """Chunks 5 cm off, late, doubled, unjudged, cut; a speed that changes; here 1 rad is 1 m."""
    random = np.random.default_rng(seed)
    driver = Driver(contract, look_ahead=bool(random.integers(2)))
    driver.executor.allow_motion(True, "")
    before = driver.tick()
    for tick in range(150):
        if tick % 8 == 0:
            driver.seq += int(random.integers(0, 2))
            rows = moving_rows(contract, dict(enumerate(random.normal(0.0, 0.005, 3))), 16)
            rows[:, :3] += random.normal(0.0, 0.05, 3)
            stamp = driver.now - int(random.integers(0, 200)) * MS
            driver.executor.offer(make_chunk(contract, stamp, rows, seq=driver.seq), driver.now)
            driver.executor.judge(driver.seq, 1, int(random.integers(0, 17)), "a test")
            driver.executor.set_speed(float(random.uniform(0.0, 1.0)))
        after = driver.tick()
        for joint in ("arm_left_1_joint", "arm_left_2_joint", "arm_left_3_joint"):
            # Rows at 0.1 m/s, several approaches at 0.25 m/s; a jump would be 5 cm.
            assert abs(after.positions[joint] - before.positions[joint]) < 0.015
            assert abs(after.velocities[joint] - before.velocities[joint]) < 0.15
        before = after


# --- speed -----------------------------------------------------------------------------------


def test_the_speed_is_ramped_and_told(driver: Driver) -> None:
    driver.offer({0: 0.01}, rows=32)
    driver.run(0.3)
    driver.executor.set_speed(0.4)
    assert driver.executor.speed_scale == 1.0
    command = driver.run(0.5)[-1]
    assert driver.executor.speed_scale == pytest.approx(0.4)
    assert driver.executor.reason == "following a chunk at 40 %, as it was told"
    assert driver.executor.slowed_by == ""
    assert command.velocities["arm_left_1_joint"] == pytest.approx(0.4 * 0.2, abs=1e-3)
    driver.executor.set_speed(0.0)
    command = driver.run(0.5)[-1]
    assert driver.executor.reason == "paused: the speed is set to 0 %"
    assert list(command.velocities.values()) == pytest.approx([0.0] * len(command.velocities))


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), -0.1, 1.1])
def test_a_speed_that_is_none_is_refused_and_changes_nothing(driver: Driver, scale: float) -> None:
    driver.executor.set_speed(0.5)
    with pytest.raises(MessageError, match="expected 0"):
        driver.executor.set_speed(scale)
    assert driver.executor.speed_wanted == 0.5


def test_the_base_is_slowed_with_the_arms(driver: Driver) -> None:
    rows = moving_rows(driver.contract, {})
    rows[:, 20:23] = [0.2, -0.1, 0.3]
    driver.executor.set_speed(0.5)
    driver.tick()
    driver.executor.offer(make_chunk(driver.contract, driver.now, rows), driver.now)
    twist = driver.run(0.8)[-1].base_twist
    assert twist == pytest.approx([0.1, -0.05, 0.15])


class SlowKinematics(FakeKinematics):
    """Tools that move by at most 1 mm per step along x."""

    def step(self, targets: dict, direct: dict, dt: float) -> JointStep:
        now = self.tool_poses(self.now)
        reached, error = {}, 0.0
        for side, target in targets.items():
            offset = target.position - now[side].position
            move = np.clip(offset, -0.001, 0.001)
            reached[side] = Pose(now[side].position + move, target.rotation)
            error = max(error, float(np.linalg.norm(offset - move)))
        step = super().step(reached, direct, dt)
        return JointStep(
            step.positions, step.velocities, step.tools, error, 0.0, "joint 'x' at its speed limit"
        )


def test_joints_that_cannot_follow_slow_the_motion_until_they_can(contract: RobotContract) -> None:
    driver = Driver(contract, kinematics=SlowKinematics(contract))
    driver.executor.allow_motion(True, "")
    driver.tick()
    driver.offer({0: 0.02}, rows=64)  # 0.4 m/s; the joints manage 0.1
    driver.run(2.0)
    assert 0.15 < driver.executor.speed_scale < 0.5
    assert driver.executor.reason.startswith("slowed to ")
    assert "mm" in driver.executor.slowed_by
    assert driver.executor.slowed_by.endswith(": joint 'x' at its speed limit")
    chunk_rows = driver.executor.committed(driver.now)
    lag = chunk_rows.actions[int(chunk_rows.place), 0] - driver.tick().tools["left"].position[0]
    assert abs(lag) < 0.06  # without it the tool would be half a metre behind


def test_a_target_out_of_reach_never_stops_the_motion(contract: RobotContract) -> None:
    kinematics = SlowKinematics(contract)
    driver = Driver(contract, kinematics=kinematics)
    driver.executor.allow_motion(True, "")
    driver.tick()
    driver.offer({0: 0.2}, rows=64)
    driver.run(2.0)
    assert driver.executor.speed_scale == pytest.approx(0.1, abs=1e-3)


# --- the supervisor's word, and what the policy is told ---------------------------------------


def test_a_chunk_that_is_not_judged_is_told_as_such(contract: RobotContract) -> None:
    driver = Driver(contract, look_ahead=True)
    driver.executor.allow_motion(True, "")
    driver.tick()
    driver.offer({0: 0.01}, rows=32)
    driver.tick()
    assert (driver.executor.reason, driver.executor.slowed_by) == ("following a chunk", "")
    driver.run(0.2)
    assert driver.executor.reason.startswith("slowed to ")
    assert driver.executor.slowed_by == "chunk 1 is not judged by the safety supervisor"
    driver.run(0.8)
    assert driver.executor.status is ExecutorStatus.STARVED
    assert "chunk 1 is not judged by the safety supervisor" in driver.executor.reason
    assert driver.executor.safe_rows == -1
    driver.executor.judge(1, 1, 32, "")
    driver.run(0.5)
    assert driver.executor.status is ExecutorStatus.RUNNING
    assert (driver.executor.safe_rows, driver.executor.slowed_by) == (32, "")


def test_a_cut_chunk_is_followed_to_its_last_safe_row_and_the_reason_is_told(
    contract: RobotContract,
) -> None:
    driver = Driver(contract, look_ahead=True)
    driver.executor.allow_motion(True, "")
    driver.tick()
    driver.executor.judge(1, 1, 10, "too near to the table")
    driver.offer({0: 0.01}, rows=32)
    driver.run(0.5)
    assert "slowed to" in driver.executor.reason and "table" in driver.executor.slowed_by
    driver.run(1.0)
    assert driver.executor.status is ExecutorStatus.STARVED
    assert "10 of 32 rows of chunk 1 through (too near to the table)" in driver.executor.reason


def test_the_policy_is_told_what_is_followed_and_what_was_refused(driver: Driver) -> None:
    assert not driver.executor.committed(driver.now).following
    driver.offer({0: 0.01}, rows=32)
    driver.run(0.1)
    plan = driver.executor.committed(driver.now)
    assert plan.following and driver.executor.following
    assert (plan.seq, plan.epoch, plan.refused_seq, plan.stamp_ns) == (1, 1, 0, driver.now)
    stale = make_chunk(driver.contract, T0, moving_rows(driver.contract, {}), seq=2)
    driver.executor.offer(stale, driver.now)
    assert driver.executor.committed(driver.now).refused_seq == 2
    driver.executor.enable(False)
    plan = driver.executor.committed(driver.now)
    assert not plan.following and len(plan.actions) == 0


def test_a_command_says_from_which_capture_it_comes(driver: Driver) -> None:
    assert driver.tick().source_stamp_ns == 0
    driver.offer({0: 0.01})
    captured = driver.now
    assert driver.tick().source_stamp_ns == captured
