"""Loops of a node live in simulated time where it is told so, and stand still with it."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from rclpy.qos import qos_profile_sensor_data
from rosgraph_msgs.msg import Clock

from wall_oss_ros.ros.loop import DeadlineLoop
from wall_oss_ros.ros.node import SuiteNode
from wall_oss_ros.ros.passing_time import SimulatedTime, WallTime, passing_time
from wall_oss_ros.ros.stamps import to_stamp

MS, SECOND = 1_000_000, 1_000_000_000
START = 50 * SECOND


@pytest.fixture
def simulated(bench):
    """A node on simulated time, and whoever makes it."""
    running = bench(use_sim_time=True)
    node = running.add(SuiteNode("follower"))
    clock = running.node.create_publisher(Clock, "/clock", qos_profile_sensor_data)
    running.spin_until(lambda: clock.get_subscription_count() >= 2, "somebody who follows")

    def say(time_ns: int) -> None:
        """Make it this late, and wait until the node knows."""
        clock.publish(Clock(clock=to_stamp(time_ns)))
        running.spin_until(lambda: node.now_ns() == time_ns, f"{time_ns}")

    say(START)
    return SimpleNamespace(bench=running, node=node, say=say)


def test_a_node_that_follows_no_clock_lives_in_wall_time(bench):
    node = bench().add(SuiteNode("of_this_world"))
    assert isinstance(node.time, WallTime) and not node.time.simulated
    assert isinstance(passing_time(node), WallTime)


def test_a_loop_has_as_many_ticks_as_simulated_time_has_periods(simulated):
    ticks: list[int] = []
    errors: list[BaseException] = []
    loop = DeadlineLoop(
        100.0,
        lambda: ticks.append(simulated.node.now_ns()),
        errors.append,
        "loop",
        time=simulated.node.time,
    )
    loop.start()
    try:
        for step in range(1, 11):
            simulated.say(START + step * 10 * MS)
            simulated.bench.spin_until(lambda step=step: len(ticks) == step, f"tick {step}")
        simulated.bench.spin_for(0.2)
        assert len(ticks) == 10  # the clock stands still, and so does the loop
        assert loop.measured_hz() == pytest.approx(100.0)
        simulated.say(START - 10 * SECOND)  # it goes back: the deadlines start again there
        simulated.bench.spin_until(lambda: len(ticks) == 11, "a tick after it went back")
        simulated.say(START - 10 * SECOND + 10 * MS)
        simulated.bench.spin_until(lambda: len(ticks) == 12, "the next one")
    finally:
        loop.stop()
    assert not errors
    assert ticks[-2:] == [START - 10 * SECOND, START - 10 * SECOND + 10 * MS]


def test_a_loop_ends_though_its_clock_stands_still(simulated):
    loop = DeadlineLoop(100.0, lambda: None, lambda error: None, "loop", time=simulated.node.time)
    loop.start()
    loop.stop()
    assert not loop.running


def test_a_sleeper_wakes_when_the_time_has_come_and_not_before(simulated):
    assert isinstance(simulated.node.time, SimulatedTime)
    woken = threading.Event()

    def sleep() -> None:
        simulated.node.time.sleep_until(START + SECOND, lambda: False)
        woken.set()

    sleeper = threading.Thread(target=sleep, daemon=True)
    sleeper.start()
    simulated.say(START + SECOND - 1)
    assert not woken.wait(0.2)
    simulated.say(START + SECOND)
    assert woken.wait(5.0)


def test_the_clock_does_not_go_through_the_executor(simulated):
    """At 200 messages a second that would be most of what it does."""
    clocks = [each for each in simulated.node.subscriptions if each.topic_name == "/clock"]
    assert len(clocks) == 1
    # Waiting for its events, too, would wake the executor with every message.
    for entity in (clocks[0], *clocks[0].event_handlers):
        assert not entity.callback_group.can_execute(entity)
