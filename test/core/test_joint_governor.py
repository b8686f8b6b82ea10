"""Pins: joints never break velocity, acceleration, jerk or range, whatever target they are given,
can brake from everywhere, and are exactly where they should be wherever that is possible.

Limits are checked on the commanded positions alone, by divided differences.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.safety.joint_governor import JointGovernor

Array = NDArray[np.float64]
DT = 0.01


class Joints:
    """A governor, the limits as arrays, and everything it has commanded."""

    def __init__(self, contract: RobotContract, start: Array | None = None) -> None:
        joints = contract.limited_joints.values()
        self.low, self.high = np.array([joint.position for joint in joints]).T
        self.velocity = np.array([joint.velocity for joint in joints])
        self.acceleration = np.array([joint.acceleration for joint in joints])
        self.jerk = np.array([joint.jerk for joint in joints])
        self.home = np.array([joint.home for joint in joints])
        self.count = len(self.home)
        self.all = np.ones(self.count, np.bool_)
        self.governor = JointGovernor(contract.limited_joints)
        start = self.home if start is None else start
        self.governor.seed(start)
        self.path = [start] * 4
        self.times = [-3.0 * DT, -2.0 * DT, -DT, 0.0]

    def toward(
        self,
        target: Array,
        velocity: Array | None = None,
        *,
        commanded: NDArray[np.bool_] | None = None,
        dt: float = DT,
    ) -> Array:
        """Step towards a target that stands, unless told otherwise."""
        velocity = np.zeros(self.count) if velocity is None else velocity
        commanded = self.all if commanded is None else commanded
        return self.take(self.governor.toward(target, velocity, dt, commanded), dt)

    def take(self, motion, dt: float = DT) -> Array:
        self.governor.accept(motion, dt)
        self.path.append(motion.positions)
        self.times.append(self.times[-1] + dt)
        return motion.positions

    def brake_to_rest(self) -> Array:
        for _ in range(200):
            self.take(self.governor.brake(DT))
            if self.governor.at_rest:
                return self.path[-1]
        raise AssertionError("still moving after 2 s of braking")

    def assert_within_limits(self) -> None:
        path = np.array(self.path)
        assert np.isfinite(path).all()
        assert (path >= np.minimum(self.low, path[0]) - 1e-12).all()
        assert (path <= np.maximum(self.high, path[0]) + 1e-12).all()
        times, rate, factor = np.array(self.times), path, 1.0
        for order, most in enumerate((self.velocity, self.acceleration, self.jerk), start=1):
            factor = float(order)
            rate = factor * np.diff(rate, axis=0) / (times[order:] - times[:-order])[:, None]
            assert (np.abs(rate) <= most * (1 + 1e-6) + 1e-6).all(), f"derivative {order}"


@pytest.fixture
def joints(contract: RobotContract) -> Joints:
    return Joints(contract)


Targets = Callable[[np.random.Generator, Joints, int], tuple[Array, Array]]


def anywhere(random: np.random.Generator, joints: Joints, tick: int) -> tuple[Array, Array]:
    wide = 2.0 * (joints.high - joints.low)
    return random.uniform(joints.low - wide, joints.high + wide), joints.velocity * 0.0


def from_end_to_end(random: np.random.Generator, joints: Joints, tick: int) -> tuple[Array, Array]:
    end = joints.high if tick // 13 % 2 else joints.low
    return end, joints.velocity * 0.0


def every_tick_the_other_way(
    random: np.random.Generator, joints: Joints, tick: int
) -> tuple[Array, Array]:
    sign = 1.0 if tick % 2 else -1.0
    return joints.home + sign * 0.3, sign * joints.velocity


def velocities_that_lie(
    random: np.random.Generator, joints: Joints, tick: int
) -> tuple[Array, Array]:
    here = joints.path[-1]
    return here + random.normal(0.0, 1e-3, joints.count), random.choice(
        [-1.0, 1.0], joints.count
    ) * joints.velocity


def a_drunken_walk(random: np.random.Generator, joints: Joints, tick: int) -> tuple[Array, Array]:
    step = random.normal(0.0, 1.5, joints.count) * joints.velocity
    return joints.path[-1] + step * DT, np.clip(step, -joints.velocity, joints.velocity)


def into_the_wall_at_full_speed(
    random: np.random.Generator, joints: Joints, tick: int
) -> tuple[Array, Array]:
    wall = joints.high if tick // 150 % 2 else joints.low
    way = np.sign(wall - joints.path[-1])
    return joints.path[-1] + way * joints.velocity * DT, way * joints.velocity


HOSTILE: Sequence[Targets] = (
    anywhere,
    from_end_to_end,
    every_tick_the_other_way,
    velocities_that_lie,
    a_drunken_walk,
    into_the_wall_at_full_speed,
)


@pytest.mark.parametrize("targets", HOSTILE, ids=lambda f: f.__name__)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_target_makes_a_joint_break_a_limit(
    contract: RobotContract, targets: Targets, seed: int
) -> None:
    random = np.random.default_rng(seed)
    joints = Joints(contract)
    joints = Joints(contract, random.uniform(joints.low, joints.high))
    for tick in range(120):
        target, velocity = targets(random, joints, tick)
        commanded = random.random(joints.count) < 0.95
        if random.random() < 0.05:
            joints.take(joints.governor.brake(DT))
        elif random.random() < 0.1:
            motion = joints.governor.toward(target, velocity, DT, commanded)
            speed = float(random.random()) * joints.governor.cruise(motion)
            joints.take(joints.governor.at_speed(speed, DT))
        else:
            joints.toward(target, velocity, commanded=commanded)
    joints.brake_to_rest()
    joints.assert_within_limits()


@given(seed=st.integers(0, 2**32 - 1))
def test_uneven_ticks_break_no_limit_either(contract: RobotContract, seed: int) -> None:
    random = np.random.default_rng(seed)
    joints = Joints(contract)
    for tick in range(100):
        target, velocity = a_drunken_walk(random, joints, tick)
        joints.toward(target, velocity, dt=float(random.choice([0.004, DT, 0.017])) if tick else DT)
    joints.assert_within_limits()


@given(seed=st.integers(0, 2**32 - 1))
def test_where_it_would_come_to_rest_is_known_before_the_step(
    contract: RobotContract, seed: int
) -> None:
    random = np.random.default_rng(seed)
    joints = Joints(contract)
    for tick in range(random.integers(1, 60)):
        target, velocity = a_drunken_walk(random, joints, tick)
        motion = joints.governor.toward(target, velocity, DT, joints.all)
        joints.take(motion)
    assert joints.brake_to_rest() == pytest.approx(motion.rest, abs=1e-7)


def swinging(joints: Joints, time_s: float) -> tuple[Array, Array]:
    """A smooth motion of all joints, well within their limits; from home with some velocity."""
    rate = 1.0 + 0.1 * np.arange(joints.count)
    reach = np.minimum(0.2 * (joints.high - joints.low), 0.3 * joints.velocity / rate)
    middle = (joints.low + joints.high) / 2.0
    return middle + reach * np.sin(rate * time_s), reach * rate * np.cos(rate * time_s)


def test_a_motion_within_the_limits_is_met_soon_and_then_followed_exactly(
    contract: RobotContract,
) -> None:
    joints = Joints(contract)
    joints = Joints(contract, (joints.low + joints.high) / 2.0)
    off = []
    for tick in range(1, 200):
        target, velocity = swinging(joints, tick * DT)
        off.append(np.abs(joints.toward(target, velocity) - target).max())
    assert off[0] > 0.0  # it starts at rest, the motion does not
    assert max(off[60:]) < 1e-9
    joints.assert_within_limits()


def test_a_motion_from_rest_within_the_limits_is_followed_exactly_from_the_start(
    joints: Joints,
) -> None:
    for tick in range(1, 101):
        s = tick / 100.0
        share = s**4 * (35 - 84 * s + 70 * s**2 - 20 * s**3)  # at rest at both ends, smooth
        target = joints.home + 0.01 * share
        assert joints.toward(target) == pytest.approx(target, abs=1e-12)


def test_a_goal_that_stands_is_reached_and_kept_exactly(joints: Joints) -> None:
    goal = joints.home + 0.02
    for _ in range(150):
        joints.toward(goal)
    assert joints.path[-1].tolist() == goal.tolist()
    assert joints.governor.at_rest
    past = np.array(joints.path) - goal
    assert past.max() < 1e-9  # it never went beyond


def test_a_limit_is_reached_and_not_exceeded(joints: Joints) -> None:
    for _ in range(400):
        joints.toward(joints.high + 1.0, joints.velocity)
    arms = joints.velocity > 1.0  # the lift needs longer
    assert joints.path[-1][arms] == pytest.approx(joints.high[arms], abs=1e-6)
    joints.assert_within_limits()


def test_joints_outside_their_range_come_back_and_never_go_further_out(
    contract: RobotContract,
) -> None:
    joints = Joints(contract)
    start = joints.high + 0.05
    joints = Joints(contract, start)
    for _ in range(300):
        joints.toward(joints.high + 1.0)
    path = np.array(joints.path)
    assert (np.diff(path, axis=0) <= 1e-12).all()
    arms = joints.velocity > 1.0
    assert path[-1][arms] == pytest.approx(joints.high[arms], abs=1e-9)
    joints.assert_within_limits()


def test_a_joint_that_is_not_commanded_brakes(joints: Joints) -> None:
    for tick in range(1, 30):
        joints.toward(joints.home + tick * DT * 0.02, np.full(joints.count, 0.02))
    others = joints.all.copy()
    others[0] = False
    for tick in range(30, 60):
        joints.toward(joints.home + tick * DT * 0.02, np.full(joints.count, 0.02), commanded=others)
    moved = np.array(joints.path)[-5:] - joints.path[-6]
    assert not moved[:, 0].any() and moved[:, 1:].all()


def test_joints_go_over_to_the_velocities_they_are_told(joints: Joints) -> None:
    def cruise(tick: int) -> tuple[Array, Array]:
        return joints.home + tick * DT * 0.03, np.full(joints.count, 0.03)

    for tick in range(1, 60):
        joints.toward(*cruise(tick))
    motion = joints.governor.toward(*cruise(60), DT, joints.all)
    for _ in range(30):
        joints.take(joints.governor.at_speed(motion.velocities / 2, DT))
    assert joints.governor.state.velocities == pytest.approx(motion.velocities / 2)
    joints.assert_within_limits()


def test_the_speed_it_cruises_at_is_where_an_acceleration_taken_back_at_once_ends(
    joints: Joints,
) -> None:
    for _ in range(4):
        motion = joints.governor.toward(joints.high, np.zeros(joints.count), DT, joints.all)
        joints.take(motion)
    cruise = joints.governor.cruise(motion)
    assert (cruise > motion.velocities).all()
    speeds = []
    for _ in range(20):
        joints.take(joints.governor.at_speed(cruise, DT))
        speeds.append(joints.governor.state.velocities)
    assert np.max(speeds, axis=0) == pytest.approx(cruise)
    assert speeds[-1] == pytest.approx(cruise)


def test_standing_at_once_forgets_all_motion(joints: Joints) -> None:
    for tick in range(1, 30):
        joints.toward(joints.home + tick * DT * 0.02, np.full(joints.count, 0.02))
    here = joints.path[-1]
    joints.governor.stand()
    assert joints.governor.at_rest
    assert joints.toward(here).tolist() == here.tolist()


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (9.0, "'arm_left_1_joint' at 11.220, range -0.523 .. 4.712"),
        (0.05, "'arm_left_1_joint' at speed 5.00, limit 2.50"),
        (0.02, "'arm_left_1_joint' at acceleration 200.00, limit 12.00"),
        (0.001, "'arm_left_1_joint' at jerk 1000.00, limit 300.00"),
    ],
)
def test_it_says_which_limit_keeps_a_joint_from_its_target(
    joints: Joints, step: float, words: str
) -> None:
    target = joints.home + step
    assert joints.governor.excess(target, DT, 0) == words
