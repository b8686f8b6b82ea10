"""Keeps the scheduling of this process as it is around a library that changes it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def unchanged_priority() -> Iterator[None]:
    """Afterwards every thread has the scheduling it had before, and new ones that of the caller.

    SVT-AV1 gives its threads, and the thread that opens it, the highest real-time priority where it
    may (as root, as in most containers). From then on, every process that is started from there
    has it too, and nothing else on the machine gets to run.
    """
    own = _scheduling(0)
    before = {thread: _scheduling(thread) for thread in _threads()}
    try:
        yield
    finally:
        for thread in _threads():
            # A thread may have ended meanwhile.
            with suppress(ProcessLookupError):
                policy, parameter = before.get(thread, own)
                if _scheduling(thread) != (policy, parameter):
                    os.sched_setscheduler(thread, policy, os.sched_param(parameter))


def _threads() -> list[int]:
    return [int(path.name) for path in Path("/proc/self/task").iterdir()]


def _scheduling(thread: int) -> tuple[int, int]:
    return os.sched_getscheduler(thread), os.sched_getparam(thread).sched_priority
