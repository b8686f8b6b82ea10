"""The deadline loop keeps its rate, never piles up work, and tells what ended it."""

from __future__ import annotations

import gc
import os
import threading
import time
from types import SimpleNamespace

import pytest
from rclpy.qos import qos_profile_sensor_data
from rosgraph_msgs.msg import Clock

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.ros import loop_node, real_time
from wall_oss_ros.ros.loop import DeadlineLoop
from wall_oss_ros.ros.loop_node import Due, LoopNode
from wall_oss_ros.ros.stamps import to_stamp


def test_ticks_follow_the_clock_and_not_the_work():
    enough, count = threading.Event(), []

    def tick() -> None:
        count.append(time.monotonic())
        time.sleep(0.004)  # work that a sleep-after-work loop would add to every period
        if len(count) == 50:
            enough.set()

    loop = DeadlineLoop(100.0, tick, lambda error: None, "loop")
    loop.start()
    assert enough.wait(10.0)
    loop.stop()
    # 49 periods of 10 ms; wide, since a busy machine may delay any of them.
    assert 0.45 < count[49] - count[0] < 2.0


def test_a_tick_that_overruns_is_not_made_up_for_in_a_burst():
    stamps, enough = [], threading.Event()

    def tick() -> None:
        stamps.append(time.monotonic())
        if len(stamps) == 3:
            time.sleep(0.1)
        if len(stamps) == 8:
            enough.set()

    loop = DeadlineLoop(100.0, tick, lambda error: None, "loop")
    loop.start()
    assert enough.wait(10.0)
    loop.stop()
    assert loop.missed >= 1
    # Ten periods passed meanwhile; a burst would run the next ticks at once.
    assert stamps[7] - stamps[3] > 0.02


def test_an_error_is_handed_over_and_ends_the_loop():
    errors, told = [], threading.Event()

    def fail() -> None:
        raise RuntimeError("broken")

    def on_error(error: BaseException) -> None:
        errors.append(error)
        told.set()

    loop = DeadlineLoop(100.0, fail, on_error, "loop")
    loop.start()
    assert told.wait(5.0)
    loop.stop()
    assert not loop.running
    loop.stop()
    assert [str(error) for error in errors] == ["broken"]


def test_stopping_twice_and_starting_again_works():
    ticked = threading.Event()
    loop = DeadlineLoop(200.0, ticked.set, lambda error: None, "loop")
    for _ in range(2):
        ticked.clear()
        loop.start()
        assert loop.running
        assert ticked.wait(5.0)
        loop.stop()
        loop.stop()
        assert not loop.running


def test_the_deadlines_lie_on_a_grid_however_late_the_ticks_begin():
    deadlines, starts, enough = [], [], threading.Event()

    def tick() -> None:
        deadlines.append(loop.deadline_ns)
        starts.append(time.monotonic_ns())
        if len(deadlines) == 30:
            enough.set()

    loop = DeadlineLoop(50.0, tick, lambda error: None, "loop")
    loop.start()
    assert enough.wait(10.0)
    loop.stop()
    steps = {after - before for before, after in zip(deadlines, deadlines[1:], strict=False)}
    # Only a tick that is more than a period late leaves the grid.
    assert steps == {loop.period_ns} or loop.missed > 0
    assert all(due <= start for due, start in zip(deadlines, starts, strict=True))


def test_every_tick_is_in_the_histogram_and_a_late_one_in_its_bin():
    enough, count = threading.Event(), []

    def tick() -> None:
        count.append(None)
        if len(count) == 3:
            time.sleep(0.08)
        if len(count) == 6:
            enough.set()
            loop._stopping.set()

    loop = DeadlineLoop(100.0, tick, lambda error: None, "loop")
    loop.start()
    assert enough.wait(10.0)
    loop.stop()
    assert sum(loop.lateness_ms.counts) == len(count)
    assert sum(loop.lateness_ms.counts[-2:]) >= 1  # 70 ms late
    assert loop.missed >= 6


def test_what_prepares_the_thread_runs_once_on_it_before_the_first_tick():
    seen, ticked = [], threading.Event()

    def tick() -> None:
        seen.append(("tick", threading.current_thread()))
        ticked.set()

    loop = DeadlineLoop(
        200.0,
        tick,
        lambda error: None,
        "loop",
        lambda: seen.append(("prepare", threading.current_thread())),
    )
    loop.start()
    assert ticked.wait(5.0)
    loop.stop()
    assert [what for what, _ in seen[:2]] == ["prepare", "tick"]
    assert sum(what == "prepare" for what, _ in seen) == 1
    assert seen[0][1] is seen[1][1] is not threading.current_thread()


@pytest.mark.parametrize("late_s", [0.0, 0.5, 30.0])
def test_a_tick_that_was_held_up_was_due_now_and_not_when_it_should_have_begun(bench, late_s):
    bench()
    node = LoopNode("held_up")
    deadline_ns = time.monotonic_ns() - round(late_s * 1e9)
    node.loop = SimpleNamespace(deadline_ns=deadline_ns)
    before_ns = time.monotonic_ns()
    due = node.due()
    due_ns, steady_ns = due.stamp_ns, due.steady_ns
    held_up = late_s > 0.0
    assert Due(due_ns, steady_ns, deadline_ns).overtaken == held_up
    assert (steady_ns >= before_ns) if held_up else (steady_ns == deadline_ns)
    # Both are the same instant, so that a tick that was held up is no jump of the clock.
    ahead_ns = node.now_ns() - time.monotonic_ns()
    assert abs(due_ns - steady_ns - ahead_ns) < 50_000_000
    node.destroy_node()


class Ticking(LoopNode):
    """A loop node whose tick does nothing but look at the time."""

    def __init__(self) -> None:
        super().__init__("ticking")
        self.seen: list[int] = []
        self.scheduled = (-1, -1)

    def build(self, contract: RobotContract) -> None:
        self.build_loop(contract, self._look, lambda sample: None)

    def _look(self) -> None:
        self.seen.append(self.due().stamp_ns)
        self.scheduled = _scheduled()


def test_ticks_are_due_on_the_grid_of_the_nodes_clock(bench):
    table = bench(rate=100.0)
    begin_ns = table.now_ns()
    node = table.add(Ticking())
    table.spin_until(lambda: len(node.seen) >= 20, "ticks")
    node.trigger_deactivate()
    assert begin_ns < node.seen[0] < node.seen[-1] <= table.now_ns()
    steps = [after - before for before, after in zip(node.seen, node.seen[1:], strict=False)]
    # The median: the two clocks are read one after the other, and anything may come between.
    assert sorted(steps)[len(steps) // 2] == pytest.approx(10_000_000, abs=200_000)


def test_in_simulated_time_a_tick_is_due_now_on_a_clock_that_passes_as_slowly(bench):
    table = bench(use_sim_time=True, rate=100.0)
    node = table.add(Ticking())
    clock = table.node.create_publisher(Clock, "/clock", qos_profile_sensor_data)
    table.spin_until(lambda: clock.get_subscription_count() >= 2, "somebody who follows")
    first = node.due()
    for step in range(1, 4):
        clock.publish(Clock(clock=to_stamp(step * 10_000_000)))
        table.spin_until(lambda step=step: len(node.seen) >= step, f"tick {step}")
    assert node.seen == [10_000_000, 20_000_000, 30_000_000]
    last = node.due()
    assert last.stamp_ns == node.now_ns() == 30_000_000
    # Waiting for the messages took longer: the clock did not jump by as much less.
    assert 0 <= last.steady_ns - first.steady_ns <= 30_000_000
    assert not last.overtaken


def test_real_time_that_is_refused_is_said_with_what_to_do_and_the_loop_goes_on(bench, monkeypatch):
    def refuse(*arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    monkeypatch.setattr(loop_node, "lock_memory", lambda: "locking memory is refused (test)")
    table = bench(priority=40, lock_memory=True)
    node = Ticking()
    said: list[str] = []
    monkeypatch.setattr(node.get_logger(), "warning", said.append)
    table.add(node)
    table.spin_until(lambda: len(node.seen) >= 3, "ticks")
    assert not node.real_time
    assert len(said) == 2
    assert any("rtprio 40" in sentence and "limits.conf" in sentence for sentence in said)


def test_memory_is_not_locked_where_a_limit_would_end_the_process_later(monkeypatch):
    monkeypatch.setattr(real_time.resource, "getrlimit", lambda what: (8_000_000, 8_000_000))
    monkeypatch.setattr(real_time, "_has_capability", lambda number: False)
    monkeypatch.setattr(real_time.ctypes, "CDLL", None)  # nothing is asked of the system
    refusal = real_time.lock_memory()
    assert "8.0 MB" in refusal
    assert "memlock unlimited" in refusal


def test_real_time_that_is_permitted_is_in_force_while_the_loop_runs(bench, monkeypatch):
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(2))
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except PermissionError:
        pytest.skip("this machine permits no real-time priority (limits.conf: rtprio)")
    # Memory of the test process stays as it is.
    monkeypatch.setattr(loop_node, "lock_memory", lambda: None)
    table = bench(priority=2, lock_memory=True)
    node = table.add(Ticking())
    table.spin_until(lambda: len(node.seen) >= 3, "ticks")
    assert node.real_time
    assert node.scheduled == (os.SCHED_FIFO, 2)
    # One step behind: the loop waits for whichever thread holds the interpreter's lock.
    assert _scheduled() == (os.SCHED_FIFO, 1)
    node.trigger_deactivate()
    assert _scheduled() == (os.SCHED_OTHER, 0)


def _scheduled() -> tuple[int, int]:
    return os.sched_getscheduler(0), os.sched_getparam(0).sched_priority


def test_the_collector_leaves_what_exists_alone_while_the_loop_runs_and_not_after(bench):
    table = bench()
    node = table.add(Ticking())
    assert gc.get_freeze_count() > 0
    node.trigger_deactivate()
    assert gc.get_freeze_count() == 0
