"""Pins: controllers hit their points, refuse what does not fit, and stop when commands stop."""

from __future__ import annotations

import math

import numpy as np
import pytest

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.sim.controllers import (
    COMMAND_TIMEOUT_NS,
    NANOSECONDS,
    BaseVelocityController,
    JointTrajectoryController,
    TrajectoryPoint,
)

TICK_NS = 5_000_000
DT = 0.005


def joints() -> JointTrajectoryController:
    return JointTrajectoryController(
        ["a", "b"], np.full(2, -1.0), np.full(2, 1.0), np.full(2, 2.0), np.zeros(2)
    )


def run(controller: JointTrajectoryController, start_ns: int, ticks: int) -> list[np.ndarray]:
    path = []
    for i in range(1, ticks + 1):
        controller.tick(start_ns + i * TICK_NS, DT)
        path.append(controller.positions)
    return path


@pytest.mark.parametrize("with_velocities", [False, True])
def test_a_trajectory_goes_through_its_points(with_velocities: bool) -> None:
    controller = joints()
    speed = (0.5, 0.5) if with_velocities else None
    points = [TrajectoryPoint((0.1, -0.1), speed, 0.1), TrajectoryPoint((0.2, 0.1), speed, 0.3)]
    assert controller.command(["a", "b"], points, 0) is None
    path = run(controller, 0, 80)
    assert path[19] == pytest.approx([0.1, -0.1])
    assert path[59] == pytest.approx([0.2, 0.1])
    assert path[79] == pytest.approx([0.2, 0.1])  # holds the last point
    assert controller.velocities == pytest.approx([0.0, 0.0])


def test_velocities_make_the_path_smooth() -> None:
    controller = joints()
    controller.command(["a", "b"], [TrajectoryPoint((0.2, 0.2), (0.0, 0.0), 0.4)], 0)
    path = np.array(run(controller, 0, 80))[:, 0]
    speed = np.diff(path) / DT
    assert speed[0] < 0.08 and speed[-1] < 0.08
    assert speed.max() == pytest.approx(0.75, rel=0.02)  # 1.5 times the mean of a cubic


def test_joints_may_come_in_any_order() -> None:
    controller = joints()
    controller.command(["b", "a"], [TrajectoryPoint((0.2, 0.1), None, 0.1)], 0)
    assert run(controller, 0, 20)[-1] == pytest.approx([0.1, 0.2])


def test_a_jump_is_followed_no_faster_than_the_drive_can() -> None:
    controller = joints()
    controller.command(["a", "b"], [TrajectoryPoint((5.0, -5.0), None, 0.0)], 0)
    path = np.array(run(controller, 0, 200))
    assert np.abs(np.diff(path, axis=0)).max() <= 2.0 * DT + 1e-12
    assert path[-1] == pytest.approx([1.0, -1.0])  # and not past the joint's range


@pytest.mark.parametrize(
    ("names", "points", "words"),
    [
        (["a"], [TrajectoryPoint((0.1,), None, 0.1)], "expected 'a', 'b'"),
        (["a", "c"], [TrajectoryPoint((0.1, 0.1), None, 0.1)], "'c'"),
        (["a", "b"], [], "without points"),
        (["a", "b"], [TrajectoryPoint((0.1,), None, 0.1)], "number of values"),
        (["a", "b"], [TrajectoryPoint((0.1, 0.1), (0.1,), 0.1)], "number of values"),
        (["a", "b"], [TrajectoryPoint((0.1, math.nan), None, 0.1)], "not finite"),
        (["a", "b"], [TrajectoryPoint((0.1, 0.1), (0.1, math.inf), 0.1)], "not finite"),
        (["a", "b"], [TrajectoryPoint((0.1, 0.1), None, math.nan)], "not finite"),
        (["a", "b"], [TrajectoryPoint((0.1, 0.1), None, -0.1)], "due at"),
        (["a", "b"], [TrajectoryPoint((0.1, 0.1), None, 0.1)] * 2, "due at"),
    ],
)
def test_a_refused_command_changes_nothing(
    names: list[str], points: list[TrajectoryPoint], words: str
) -> None:
    controller = joints()
    controller.command(["a", "b"], [TrajectoryPoint((0.2, 0.2), None, 0.2)], 0)
    assert words in str(controller.command(names, points, 0))
    assert run(controller, 0, 40)[-1] == pytest.approx([0.2, 0.2])


def test_a_trajectory_that_is_over_is_refused_and_one_that_is_late_is_joined() -> None:
    points = [TrajectoryPoint((0.03, 0.03), None, 0.1), TrajectoryPoint((0.06, 0.06), None, 0.2)]
    ahead, late = joints(), joints()
    ahead.command(["a", "b"], points, 0)
    run(ahead, 0, 30)
    # 150 ms late, at rest where it began: the first point is over, the second is reached in time.
    assert late.command(["a", "b"], points, 30 * TICK_NS, 0) is None
    assert run(late, 30 * TICK_NS, 10)[-1] == pytest.approx(run(ahead, 30 * TICK_NS, 10)[-1])
    assert "0.050 s ago" in str(late.command(["a", "b"], points, 250_000_000, 0))
    assert run(late, 250_000_000, 20)[-1] == pytest.approx([0.06, 0.06])


def test_joints_hold_when_commands_stop() -> None:
    controller = joints()
    controller.command(["a", "b"], [TrajectoryPoint((1.0, 1.0), None, 1.0)], 0)
    path = run(controller, 0, 200)
    ticks = COMMAND_TIMEOUT_NS // TICK_NS
    assert path[-1] == pytest.approx([0.5, 0.5])
    assert np.all(path[ticks] == path[-1])
    assert np.all(controller.velocities == 0.0)


def test_the_base_ramps_and_stops_when_commands_stop(contract: RobotContract) -> None:
    assert contract.base is not None
    controller = BaseVelocityController(contract.base)
    assert controller.command(0.4, 0.0, 0.5, 0) is None
    speeds = []
    for i in range(1, 300):
        controller.tick(i * TICK_NS, DT)
        speeds.append(controller.twist.copy())
    changes = np.abs(np.diff(np.array(speeds), axis=0)) / DT
    assert changes[:, 0].max() <= contract.base.linear_acceleration + 1e-9
    assert changes[:, 2].max() <= contract.base.angular_acceleration + 1e-9
    ticks = COMMAND_TIMEOUT_NS // TICK_NS
    assert speeds[ticks - 1] == pytest.approx([0.4, 0.0, 0.5])
    assert speeds[-1] == pytest.approx([0.0, 0.0, 0.0])


def test_the_time_of_a_twist_counts_from_its_stamp(contract: RobotContract) -> None:
    assert contract.base is not None
    controller = BaseVelocityController(contract.base)
    sent_ns = NANOSECONDS
    old_ns = sent_ns + COMMAND_TIMEOUT_NS + 1
    assert "0.500 s old" in str(controller.command(0.4, 0.0, 0.0, old_ns, sent_ns))
    assert controller.command(0.4, 0.0, 0.0, old_ns - TICK_NS, sent_ns) is None
    controller.tick(old_ns - TICK_NS + 1, DT)
    assert controller.twist[0] > 0.0
    for i in range(200):
        controller.tick(old_ns + i * TICK_NS, DT)
    assert controller.twist == pytest.approx([0.0, 0.0, 0.0])


def test_the_base_clips_speed_and_refuses_nonsense(contract: RobotContract) -> None:
    assert contract.base is not None
    controller = BaseVelocityController(contract.base)
    assert "finite" in str(controller.command(math.nan, 0.0, 0.0, 0))
    controller.command(3.0, 4.0, -9.0, 0)
    for i in range(1, 101):
        controller.tick(i * TICK_NS, DT)
    assert controller.twist == pytest.approx([0.3, 0.4, -0.8])
