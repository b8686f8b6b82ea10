"""Pins: no encoder may change which process of the machine gets to run."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from wall_oss_ros.data.priority import unchanged_priority
from wall_oss_ros.data.video import VideoCodec, VideoWriter


def scheduling() -> set[tuple[int, int]]:
    """Policy and priority of every thread of this process."""
    threads = [int(path.name) for path in Path("/proc/self/task").iterdir()]
    return {(os.sched_getscheduler(t), os.sched_getparam(t).sched_priority) for t in threads}


@pytest.fixture
def alone() -> Callable[[Callable[[], None]], None]:
    """Runs something in a thread that ends with it, so that this one keeps its scheduling."""

    def run(what: Callable[[], None]) -> None:
        failed: list[BaseException] = []

        def guarded() -> None:
            try:
                what()
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=guarded)
        thread.start()
        thread.join()
        if failed:
            raise failed[0]

    return run


def test_a_policy_that_was_changed_is_as_before(
    alone: Callable[[Callable[[], None]], None],
) -> None:
    # Not a real-time policy, which needs rights; to the kernel this is a change as well.
    def change() -> None:
        before = os.sched_getscheduler(0)
        with pytest.raises(RuntimeError, match="on the way"), unchanged_priority():
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
            raise RuntimeError("on the way")
        assert os.sched_getscheduler(0) == before != os.SCHED_BATCH

    alone(change)


def test_threads_that_were_started_have_the_scheduling_of_who_started_them() -> None:
    ready, over = threading.Event(), threading.Event()

    def other() -> None:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        ready.set()
        over.wait(10)

    before = scheduling()
    thread = threading.Thread(target=other)
    with unchanged_priority():
        thread.start()
        assert ready.wait(10)
    assert scheduling() == before
    over.set()
    thread.join()


@pytest.mark.parametrize("codec", ["h264", "av1"])
def test_no_codec_takes_the_machine_for_itself(tmp_path: Path, codec: str) -> None:
    before = scheduling()
    writer = VideoWriter(tmp_path / "a.mp4", (64, 64), 30, VideoCodec(codec))
    assert scheduling() == before
    writer.discard()
