"""Pins: no commanded posture enters a barrier; the robot brakes before it in good time.

The tools of the sample robot move by 1 m/rad with the first three joints of their arm, so walls can
be put where one likes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from sample_robot import FakeKinematics

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.kinematics import Survey
from wall_oss_ros.core.safety import Pace, Severity
from wall_oss_ros.core.safety.barrier import Barrier, Gap
from wall_oss_ros.core.safety.command_carrier import Target
from wall_oss_ros.core.safety.motion_guard import MotionGuard, Step

DT = 0.01
LEFT_1, LEFT_2 = "arm_left_1_joint", "arm_left_2_joint"


@dataclass
class Wall:
    """How far the left tool is below a height above home, along x [m]."""

    height: float
    margin: float = 0.03
    name: str = "wall"
    links: Sequence[str] = ()
    home: float = field(default=math.nan)

    def gaps(self, survey: Survey) -> Sequence[Gap]:
        x = float(survey.tools["left"].position[0])
        if math.isnan(self.home):
            self.home = x  # the first posture is home
        return [Gap(self.height - (x - self.home), self.margin, "left tool to the wall")]


@dataclass
class Pillar:
    """A thin upright pillar beside the left tool's way."""

    x: float
    y: float
    radius: float
    centre: tuple[float, float]
    name: str = "pillar"
    links: Sequence[str] = ()

    def gaps(self, survey: Survey) -> Sequence[Gap]:
        x, y, _ = survey.tools["left"].position
        apart = math.hypot(x - self.centre[0] - self.x, y - self.centre[1] - self.y)
        return [Gap(apart - self.radius, 0.0, "left tool to the pillar")]


class Walker:
    """A guard whose first left joints are told where to go."""

    def __init__(
        self, contract: RobotContract, barriers: Sequence[Barrier] = (), paces: Sequence[Pace] = ()
    ) -> None:
        self.contract = contract
        self.kinematics = FakeKinematics(contract)
        self.guard = MotionGuard(contract, self.kinematics, barriers, paces)
        self.guard.seed(contract.home)
        self.home = np.array([contract.home[name] for name in self.guard.names])
        self.path = [self.home.copy() for _ in range(4)]
        self.steps: list[Step] = []

    def go(self, first: float, second: float = 0.0, speed: float = 0.0) -> Step:
        """One tick towards so far from home [rad]."""
        target, velocity = self.home.copy(), np.zeros(len(self.home))
        target[:2] += (first, second)
        velocity[0] = speed
        everything = np.ones(len(target), np.bool_)
        return self.take(self.guard.step(Target(target, velocity, everything, False, 0.0), DT))

    def take(self, step: Step) -> Step:
        self.path.append(step.positions)
        self.steps.append(step)
        return step

    @property
    def moved(self) -> np.ndarray:
        """How far the first joint went, per tick."""
        return np.array(self.path)[3:, 0] - self.home[0]

    def home_x(self) -> float:
        """Where the left tool is at home [m]."""
        return float(self.kinematics.tool_poses(self.contract.home)["left"].position[0])

    def assert_smooth(self) -> None:
        joints = self.contract.limited_joints.values()
        for order, key in ((1, "velocity"), (2, "acceleration"), (3, "jerk")):
            rate = np.diff(np.array(self.path), order, axis=0) / DT**order
            most = np.array([getattr(joint, key) for joint in joints])
            assert (np.abs(rate) <= most * (1 + 1e-6)).all(), key

    def said(self) -> list[Severity]:
        return [step.finding.severity for step in self.steps]


def test_without_barriers_motion_is_free(contract: RobotContract) -> None:
    walker = Walker(contract)
    for _ in range(100):
        walker.go(0.3)
    assert walker.moved[-1] == pytest.approx(0.3)
    assert walker.said()[-1] is Severity.PASS


@pytest.mark.parametrize("height", [0.02, 0.1, 0.2])
def test_a_goal_behind_a_wall_ends_before_it_within_all_limits(
    contract: RobotContract, height: float
) -> None:
    walker = Walker(contract, [Wall(height)])
    for _ in range(600):
        walker.go(0.35)
    assert height - 0.003 < walker.moved[-1] <= walker.moved.max() <= height
    assert not any(step.stood for step in walker.steps)
    walker.assert_smooth()
    last = walker.steps[-1].finding
    assert (last.severity, last.name) == (Severity.HOLD, "wall")
    assert last.reason.startswith("left tool to the wall would be ")


def test_near_a_wall_the_robot_is_slow_in_proportion_to_the_distance_left(
    contract: RobotContract,
) -> None:
    walker = Walker(contract, [Wall(0.2, margin=0.05)])
    for _ in range(600):
        walker.go(0.35)
    gap, speed = 0.2 - walker.moved[1:], np.diff(walker.moved) / DT
    near = gap < 0.04
    assert speed.max() > 0.5  # far from it it is not slowed
    assert (speed[near] <= 0.25 * gap[near] / 0.05 + 0.01).all()
    limited = [s.finding for s in walker.steps if s.finding.name == "wall"]
    assert limited[0].severity is Severity.LIMIT and limited[0].reason.endswith("slowed")


def test_slow_motion_near_a_wall_and_any_away_from_it_is_exact(contract: RobotContract) -> None:
    walker = Walker(contract, [Wall(0.02, margin=0.05)])
    for tick in range(1, 100):
        walker.go(1e-5 * tick, speed=1e-3)  # 1 mm/s
    assert walker.moved[-1] == pytest.approx(99e-5, abs=1e-12)
    for _ in range(60):
        walker.go(-0.2)
    assert np.diff(walker.moved).min() < -0.01
    assert set(walker.said()[-5:]) <= {Severity.PASS, Severity.LIMIT}
    assert all(step.finding.name != "wall" for step in walker.steps[-40:])


def test_after_a_hold_motion_goes_on_as_soon_as_it_leads_away(contract: RobotContract) -> None:
    walker = Walker(contract, [Wall(0.1)])
    for _ in range(300):
        walker.go(0.35)
    held = walker.moved[-1]
    for _ in range(20):
        walker.go(0.0)
    assert walker.moved[-1] < held - 0.01
    assert walker.said()[-1] is not Severity.HOLD


def test_from_beyond_a_wall_the_robot_may_come_back_and_goes_no_further(
    contract: RobotContract,
) -> None:
    wall = Wall(-0.05)
    walker = Walker(contract, [wall])
    for _ in range(20):
        walker.go(0.1)
    assert walker.moved[-1] == 0.0
    for _ in range(200):
        walker.go(-0.1)
    assert walker.moved[-1] == pytest.approx(-0.1, abs=1e-6)
    assert np.diff(walker.moved).max() <= 1e-12


def test_a_wall_that_appears_on_the_way_makes_it_stand_at_once(contract: RobotContract) -> None:
    walker = Walker(contract, [])
    while walker.go(0.35).velocities[0] < 1.0:
        pass
    here = walker.moved[-1]
    walker.guard.replace_barriers([Wall(here + 0.015, home=walker.home_x())])
    for _ in range(30):
        walker.go(0.35)
    assert sum(step.stood for step in walker.steps) == 1
    assert walker.moved.max() <= here + 0.015
    stood = next(step for step in walker.steps if step.stood)
    assert stood.finding.severity is Severity.HOLD and stood.velocities[0] == 0.0


def test_braking_does_not_cut_a_corner_through_a_barrier(contract: RobotContract) -> None:
    # Both joints run, braking ends them at different times: the way is a curve past the pillar.
    walker = Walker(contract)
    start = walker.kinematics.tool_poses(contract.home)["left"].position
    pillar = Pillar(0.22, 0.17, 0.02, centre=(float(start[0]), float(start[1])))
    walker = Walker(contract, [pillar])
    for tick in range(150):
        walker.go(0.35, 0.1 if tick < 12 else 0.35)
    for positions in walker.path:
        joints = dict(zip(walker.guard.names, positions.tolist(), strict=True))
        survey = walker.kinematics.survey({**contract.home, **joints})
        assert pillar.gaps(survey)[0].distance >= 0.0


@dataclass
class Slow:
    """A pace that wants a tool no faster than so much [m/s]."""

    most: float
    name: str = "slow"

    def share(self, before: Survey, after: Survey, dt: float) -> tuple[float, str]:
        way = after.tools["left"].position - before.tools["left"].position
        speed = float(np.linalg.norm(way)) / dt
        return min(1.0, self.most / max(speed, 1e-9)), f"tool at {speed:.2f} m/s"


def test_a_pace_holds_the_speed_where_it_should_be(contract: RobotContract) -> None:
    walker = Walker(contract, paces=[Slow(0.2)])
    for _ in range(80):
        walker.go(0.35)
    speed = np.diff(walker.moved) / DT
    assert speed.max() <= 0.2 * 1.001
    assert speed[30:70] == pytest.approx(np.full(40, 0.2), rel=1e-3)
    assert ("slow", Severity.LIMIT) in {(s.finding.name, s.finding.severity) for s in walker.steps}
    walker.assert_smooth()


def test_a_robot_that_stands_is_not_looked_at_again(contract: RobotContract) -> None:
    walker = Walker(contract, [Wall(0.5)])
    for _ in range(5):
        walker.go(0.0)
    looked: list[object] = []
    survey: Callable[..., Survey] = walker.kinematics.survey
    walker.kinematics.survey = lambda *args: looked.append(args) or survey(*args)  # type: ignore
    walker.go(0.0)
    assert looked == []
    walker.go(1e-5)
    assert looked


def test_what_it_says_about_a_target_out_of_reach_names_the_joint(contract: RobotContract) -> None:
    walker = Walker(contract)
    finding = walker.go(0.1).finding
    assert (finding.severity, finding.name) == (Severity.LIMIT, "joint_limits")
    assert finding.reason == f"'{LEFT_1}' at speed 10.00, limit 2.50"
    assert walker.go(0.1, -9.0).finding.reason.startswith(f"'{LEFT_2}' at -10.610, range")
