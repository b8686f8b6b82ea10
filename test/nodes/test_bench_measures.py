"""Pins: what `wall-oss bench` makes of what it saw. The measurements themselves are not tests."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from geometry_msgs.msg import Twist, TwistStamped, Vector3
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from wall_oss_ros.cli.bench.commanded import commanded_share
from wall_oss_ros.cli.bench.fault_cases import chosen
from wall_oss_ros.cli.bench.fault_trial import Trial
from wall_oss_ros.cli.bench.faults import report
from wall_oss_ros.cli.bench.histogram import Lateness
from wall_oss_ros.cli.bench.motion import Axes
from wall_oss_ros.cli.bench.stops import stop_ns
from wall_oss_ros.cli.bench.trial_log import TrialLog
from wall_oss_ros.core.errors import BringUpError

MS = 1_000_000


def arrival(ms: float, message: object) -> SimpleNamespace:
    return SimpleNamespace(ns=round(ms * MS), message=message)


def trajectory(*points: tuple[float, float]) -> JointTrajectory:
    """Return a trajectory of one joint: positions and velocities."""
    return JointTrajectory(
        points=[JointTrajectoryPoint(positions=[at], velocities=[speed]) for at, speed in points]
    )


def twist(x: float) -> TwistStamped:
    return TwistStamped(twist=Twist(linear=Vector3(x=x)))


# -- stops ----------------------------------------------------------------------------------------


def test_the_stop_is_the_first_message_from_which_on_nothing_moves() -> None:
    told = [
        arrival(1.0, trajectory((0.10, 0.5), (0.12, 0.0))),  # on its way when it was called
        arrival(4.0, trajectory((0.11, 0.0))),
        arrival(60.0, trajectory((0.11, 0.0))),
    ]
    assert stop_ns(told) == 4 * MS
    assert stop_ns([arrival(1.0, twist(0.1)), arrival(3.0, twist(0.0))]) == 3 * MS


def test_a_joint_that_stood_for_a_moment_and_moves_on_was_not_stopped_then() -> None:
    told = [arrival(1.0, trajectory((0.1, 0.0))), arrival(9.0, trajectory((0.2, 0.0)))]
    assert stop_ns(told) == 9 * MS
    assert stop_ns([arrival(1.0, twist(0.0)), arrival(3.0, twist(0.1))]) is None


def test_silence_is_no_stop() -> None:
    assert stop_ns([]) is None
    assert stop_ns([arrival(1.0, trajectory())]) is None


# -- commanded speeds -----------------------------------------------------------------------------

TOPIC, HEAD = "head_controller/joint_trajectory", 2.0  # rad/s


def sent(ms: float, place: float, stated: float = 0.0) -> SimpleNamespace:
    point = JointTrajectoryPoint(positions=[place, 0.0], velocities=[stated, 0.0])
    return arrival(ms, JointTrajectory(points=[point]))


@given(speed=st.floats(0.0, 4.0), bunched=st.floats(0.0, 9.0))
def test_a_steady_motion_has_its_speed_however_its_messages_arrive(contract, speed, bunched):
    # Every other message comes late, together with the next.
    told = [sent(10 * i + (bunched if i % 2 else 0.0), 0.01 * speed * i) for i in range(20)]
    share, _ = commanded_share(contract, {TOPIC: told})
    assert share <= speed / HEAD + 1e-9
    assert share >= 0.8 * speed / HEAD


def test_the_stated_speed_counts_too_and_the_axis_is_named(contract) -> None:
    assert commanded_share(contract, {TOPIC: [sent(0, 0.0, stated=3.0)]}) == (1.5, "head_1_joint")
    share, axis = commanded_share(contract, {"cmd_vel": [arrival(0, twist(-0.25))]})
    assert (share, axis) == (0.5, "base")
    assert commanded_share(contract, {}) == (0.0, "")


def test_a_part_that_was_quiet_starts_anew(contract) -> None:
    told = [sent(10 * i, 0.0) for i in range(6)] + [sent(900 + 10 * i, 1.0) for i in range(6)]
    assert commanded_share(contract, {TOPIC: told})[0] == 0.0


def test_a_gripper_is_sent_goals_so_that_only_a_stated_speed_counts(contract) -> None:
    gripper = contract.grippers["left"]

    def goal(ms: float, place: float, stated: float = 0.0) -> SimpleNamespace:
        point = JointTrajectoryPoint(positions=[place], velocities=[stated])
        return arrival(ms, JointTrajectory(points=[point]))

    jumps = [goal(10 * i, gripper.open if i % 2 else gripper.closed) for i in range(20)]
    assert commanded_share(contract, {gripper.controller.topic: jumps})[0] == 0.0
    fast = [goal(0.0, gripper.open, stated=2.0 * gripper.velocity)]
    assert commanded_share(contract, {gripper.controller.topic: fast}) == (2.0, gripper.joint)


# -- motion ---------------------------------------------------------------------------------------


def truth(axes: Axes, ms: float, **moving: tuple[float, float]) -> SimpleNamespace:
    """Return a sample of the simulator: position and velocity of what is named, the rest at 0."""
    place = [moving.get(name, (0.0, 0.0))[0] for name in axes.names]
    speed = [moving.get(name, (0.0, 0.0))[1] for name in axes.names]
    return arrival(ms, JointState(name=list(axes.names), position=place, velocity=speed))


def test_rest_begins_with_the_first_sample_after_the_last_motion_and_must_last(contract) -> None:
    axes = Axes(contract)
    samples = [truth(axes, 5 * i, head_1_joint=(0.0, 0.5 if i < 10 else 0.001)) for i in range(20)]
    assert axes.rest_ns(axes.track(samples[:12])) is None  # 10 ms are no rest, nor are 100
    assert (
        axes.rest_ns(axes.track([*samples, *(truth(axes, 5 * i) for i in range(20, 30))])) is None
    )
    extended = [*samples, *(truth(axes, 5 * i) for i in range(20, 50))]
    assert axes.rest_ns(axes.track(extended)) == 50 * MS
    assert axes.rest_ns(axes.track(extended), "left_arm") == 0
    assert axes.rest_ns(axes.track([])) is None


def test_movement_names_what_turned_and_what_slid_most(contract) -> None:
    axes = Axes(contract)
    samples = [
        truth(axes, 0),
        truth(axes, 5, head_2_joint=(0.002, 0), torso_lift_joint=(-0.003, 0)),
    ]
    moved = axes.movement(axes.track([*samples, truth(axes, 10, base_x=(0.001, 0))]))
    assert (moved.turned, moved.turn_mrad) == ("head_2_joint", pytest.approx(2.0))
    assert (moved.slid, moved.slide_mm) == ("torso_lift_joint", pytest.approx(3.0))


# -- histograms -----------------------------------------------------------------------------------

EDGES = (0.1, 0.5, 1.0, 5.0)


@given(
    st.lists(st.floats(0.0, 20.0), min_size=1, max_size=200), st.sampled_from((50, 99, 99.9, 100))
)
def test_a_percentile_of_a_histogram_bounds_that_of_the_values(values, percent) -> None:
    bins = zip((-1.0, *EDGES), (*EDGES, np.inf), strict=True)
    counts = tuple(sum(low < value <= high for value in values) for low, high in bins)
    bound = Lateness(EDGES, counts).percentile_ms(percent)
    exact = float(np.percentile(values, percent, method="inverted_cdf"))
    assert exact <= bound
    below = [edge for edge in (0.0, *EDGES) if edge < bound]
    assert exact >= (below[-1] if below else 0.0)


def test_what_was_counted_before_does_not_count_and_an_empty_tail_is_seen() -> None:
    grown = Lateness(EDGES, (90, 5, 0, 0, 0)).since(Lateness(EDGES, (0, 5, 0, 0, 0)))
    assert grown.ticks == 90 and grown.figures() == ("90", *4 * ("<= 0.1",))
    assert Lateness(EDGES, (0, 0, 0, 0, 3)).figures() == ("3", *4 * ("> 5",))
    assert not Lateness(EDGES, (0, 0, 0, 0, 0)).within(99, 1.0)
    with pytest.raises(BringUpError, match="anew"):
        Lateness(EDGES, (0, 0, 0, 0, 0)).since(grown)


# -- logs and tables ------------------------------------------------------------------------------


def test_a_log_goes_on_where_it_was_and_refuses_another_measurements(tmp_path) -> None:
    path = str(tmp_path / "new" / "trials.jsonl")
    TrialLog(path, frozenset({"way", "ms"})).add({"way": "service", "ms": None})
    again = TrialLog(path, frozenset({"way", "ms"}))
    assert again.records == [{"way": "service", "ms": None}]
    with pytest.raises(BringUpError, match="line 1"):
        TrialLog(path, frozenset({"fault"}))


def test_a_row_tells_how_many_passed_and_the_worst(contract) -> None:
    faults = chosen("estop_base,chunk_late")
    trials = [
        Trial("estop_base", True, 80.0, 0.5, 0.1, 0.3, ""),
        Trial("estop_base", False, 90.0, 7.0, 0.2, 0.4, "moved"),
        Trial("chunk_late", False, None, None, None, 0.0, "not in time"),
    ]
    late, stopped = report(faults, trials).splitlines()[2:]
    assert "| 1 of 2 | 85 | 90 | 7.00 mrad, 0.20 mm | 40% |" in stopped
    assert "| 0 of 1 | - | - | (goes on) | 0% |" in late


def test_an_unknown_fault_names_the_valid_ones() -> None:
    with pytest.raises(BringUpError, match="'no_such'.*'estop_base'"):
        chosen("no_such")
