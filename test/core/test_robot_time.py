"""Pins: what a slow machine cannot simulate is lost in wall time; an own clock waits for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_robot import MS, SECOND

from wall_oss_ros.core.robot_time import RobotTime

MONOTONIC, NOW = 9 * SECOND, 1_700_000_000 * SECOND
PASSED = st.lists(st.integers(0, 400 * MS), min_size=1, max_size=40)


class Simulation:
    """Steps of 5 ms, taken when they are due."""

    def __init__(self, own_clock: bool) -> None:
        self.time = RobotTime(0.005, own_clock=own_clock)
        self.simulated_ns, self.monotonic_ns = 3 * SECOND, MONOTONIC
        self.time.begin(self.simulated_ns, NOW)

    def pass_by(self, wall_ns: int, free_ns: int = SECOND, tempo: float = 1.0) -> int:
        self.monotonic_ns += wall_ns
        steps = self.time.steps(self.monotonic_ns, free_ns, tempo)
        self.simulated_ns += steps * 5 * MS
        return steps

    @property
    def stamp_ns(self) -> int:
        return self.time.stamp_ns(self.simulated_ns)


@given(PASSED)
def test_in_wall_time_stamps_keep_up_with_it_whatever_is_lost(passed: list[int]) -> None:
    robot = Simulation(own_clock=False)
    robot.pass_by(0)
    offset = robot.stamp_ns - robot.monotonic_ns
    for wall_ns in passed:
        robot.pass_by(wall_ns)
        assert -5 * MS < robot.stamp_ns - robot.monotonic_ns - offset <= 0
    lived = robot.simulated_ns - 3 * SECOND
    assert robot.time.passed_ns(robot.simulated_ns) - 3 * SECOND == pytest.approx(
        lived + robot.time.lost_s * SECOND, abs=1
    )


@given(PASSED, st.integers(0, 30))
def test_a_clock_of_its_own_shows_what_was_simulated_and_stops_where_it_must(
    passed: list[int], free_steps: int
) -> None:
    robot = Simulation(own_clock=True)
    for wall_ns in passed:
        steps = robot.pass_by(wall_ns, free_ns=free_steps * 5 * MS)
        assert 0 <= steps <= min(free_steps, 2)
        assert robot.stamp_ns - NOW == robot.simulated_ns - 3 * SECOND
    assert robot.time.passed_ns(robot.simulated_ns) == robot.simulated_ns
    assert robot.time.lost_s == 0.0


def test_the_last_step_before_a_stop_may_reach_beyond_it_by_less_than_a_step() -> None:
    robot = Simulation(own_clock=True)
    assert robot.pass_by(0) == 1
    assert robot.pass_by(30 * MS, free_ns=7 * MS) == 2


def test_its_tempo_is_what_is_asked_for() -> None:
    robot = Simulation(own_clock=True)
    for _ in range(1_000):
        robot.pass_by(5 * MS, tempo=0.25)
    assert robot.simulated_ns - 3 * SECOND == pytest.approx(1.25 * SECOND, rel=0.01)
    assert robot.time.real_time_factor() == pytest.approx(0.25, rel=0.02)


@pytest.mark.parametrize("own_clock", [False, True])
def test_a_clock_that_is_set_shows_it_and_the_robot_lives_on(own_clock: bool) -> None:
    robot = Simulation(own_clock)
    robot.pass_by(0)
    before_ns, passed_ns = robot.stamp_ns, robot.time.passed_ns(robot.simulated_ns)
    robot.time.jump(-7 * SECOND)
    assert robot.stamp_ns == before_ns - 7 * SECOND
    assert robot.time.passed_ns(robot.simulated_ns) == passed_ns
