"""The deadline loop keeps its rate, never piles up work, and tells what ended it."""

from __future__ import annotations

import threading
import time

from wall_oss_ros.ros.loop import DeadlineLoop


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
