"""Pins: how a command is carried on from its stamp to the tick, and how far."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import MS, T0, make_command

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.safety.command_carrier import CommandCarrier, Target

LEFT_1 = "arm_left_1_joint"
DT = 0.01


def carried(
    contract: RobotContract, age_ms: float, *speeds: float, apart_ms: int = 10
) -> tuple[Target, float, float]:
    """Commands with these speeds of the first joint, at home each; the last one is `age_ms` old."""
    carrier = CommandCarrier(contract)
    for index, speed in enumerate(speeds):
        stamp = T0 + index * apart_ms * MS
        command = make_command(contract, stamp, velocities={LEFT_1: speed})
        target = carrier.carry(command, stamp + round(age_ms * MS), DT)
    return target, target.positions[0] - contract.home[LEFT_1], target.velocities[0]


def test_a_command_of_now_is_its_own_target(contract: RobotContract) -> None:
    target, moved, speed = carried(contract, 0.0, 0.4, 0.5)
    assert (moved, speed, target.late) == (0.0, 0.5, False)
    assert target.commanded.all()


def test_it_goes_on_with_its_velocity_and_the_acceleration_seen_last(
    contract: RobotContract,
) -> None:
    _, moved, speed = carried(contract, 8.0, 0.48, 0.5)  # 2 rad/s^2
    assert moved == pytest.approx(0.5 * 0.008 + 0.5 * 2.0 * 0.008**2)
    assert speed == pytest.approx(0.516)


@pytest.mark.parametrize("speeds", [(0.5,), (0.1, 0.5)])
def test_commands_too_far_apart_tell_no_acceleration(
    contract: RobotContract, speeds: tuple[float, ...]
) -> None:
    _, moved, speed = carried(contract, 8.0, *speeds, apart_ms=80)
    assert (moved, speed) == (pytest.approx(0.004), 0.5)


def test_the_same_command_seen_twice_keeps_its_acceleration(contract: RobotContract) -> None:
    carrier = CommandCarrier(contract)
    for stamp, speed in ((T0, 0.48), (T0 + 10 * MS, 0.5)):
        command = make_command(contract, stamp, velocities={LEFT_1: speed})
        carrier.carry(command, stamp, DT)
    again = carrier.carry(command, T0 + 18 * MS, DT)
    assert again.velocities[0] == pytest.approx(0.516)


def test_it_is_carried_on_for_two_periods_and_then_late(contract: RobotContract) -> None:
    target, moved, _ = carried(contract, 20.0, 0.5)
    assert (moved, target.late) == (pytest.approx(0.01), False)
    target, moved, _ = carried(contract, 60.0, 0.5)
    assert (moved, target.late) == (pytest.approx(0.01), True)


def test_a_command_from_the_future_is_not_carried_back(contract: RobotContract) -> None:
    target, moved, speed = carried(contract, -5.0, 0.5)
    assert (moved, speed, target.late) == (0.0, 0.5, False)


def test_what_slows_down_comes_to_rest_and_does_not_turn_round(contract: RobotContract) -> None:
    _, moved, speed = carried(contract, 20.0, 0.11, 0.01)  # 10 rad/s^2: at rest after 1 ms
    assert (moved, speed) == (pytest.approx(0.01**2 / 20.0), 0.0)
    _, moved, speed = carried(contract, 20.0, 0.1, 0.0)
    assert (moved, speed) == (0.0, 0.0)


@given(*[st.floats(-1e300, 1e300)] * 2, st.floats(-100.0, 100.0))
def test_hostile_velocities_carry_it_no_further_than_the_limits_allow(
    contract: RobotContract, first: float, second: float, age_ms: float
) -> None:
    _, moved, speed = carried(contract, age_ms, first, second)
    most = contract.limited_joints[LEFT_1]
    fastest = most.velocity + 2.0 * DT * most.acceleration
    assert abs(moved) <= 2.0 * DT * fastest and abs(speed) <= most.velocity


def test_joints_of_parts_that_are_left_out_are_not_commanded(contract: RobotContract) -> None:
    command = make_command(contract, T0, parts=["lift", "base"])
    target = CommandCarrier(contract).carry(command, T0, DT)
    names = np.array(list(contract.limited_joints))
    assert names[target.commanded].tolist() == ["torso_lift_joint"]
