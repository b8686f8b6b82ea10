"""What Linux offers a control loop: priority, locked and kept memory, exact timers, a quiet heap.

None of it needs a real-time kernel. What is refused is said once, with what to do about it, and the
loop goes on without.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import threading

_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4  # sys/mman.h
_PR_SET_TIMERSLACK = 29  # sys/prctl.h
_CAP_IPC_LOCK = 14  # linux/capability.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_LARGEST_BLOCK = 32 * 1024 * 1024  # glibc takes no larger threshold

# Allocations that are not given back before the youngest generation is collected.
_GC_THRESHOLDS = (50_000, 50, 100)


def use_fifo_priority(priority: int) -> str | None:
    """Run the calling thread before every ordinary one; return None, or why that is refused.

    The other threads of this process follow one step behind: those of the middleware bring what the
    loop waits for, and whichever holds the interpreter's lock keeps the loop waiting. Threads that
    are started later inherit the priority of the one that starts them.

    Args:
        priority: 1..99 of SCHED_FIFO.
    """
    mine = threading.get_native_id()
    try:
        os.sched_setscheduler(mine, os.SCHED_FIFO, os.sched_param(priority))
        for thread in _threads():
            with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                if os.sched_getscheduler(thread) == os.SCHED_OTHER:
                    behind = os.sched_param(max(1, priority - 1))
                    os.sched_setscheduler(thread, os.SCHED_FIFO, behind)
    except OSError as error:
        return (
            f"real-time priority {priority} is refused ({error.strerror}); add 'USER - rtprio "
            f"{priority}' to /etc/security/limits.conf and log in again, or give the container "
            "--cap-add=SYS_NICE"
        )
    return None


def use_ordinary_priority() -> None:
    """Undo `use_fifo_priority` for every thread of this process."""
    for thread in _threads():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))


def lock_memory() -> str | None:
    """Keep every page of this process in memory; return None, or why that is refused.

    Pages are locked when they are first touched, so that address space which is only reserved
    costs nothing.
    """
    how_to = (
        "add 'USER - memlock unlimited' to /etc/security/limits.conf and log in again, or give the "
        "container --ulimit memlock=-1"
    )
    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if hard == resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (hard, hard))
    elif not _has_capability(_CAP_IPC_LOCK):
        # Locking would succeed now, and a later allocation beyond the limit would end the process.
        return f"locking memory is refused (at most {hard / 1e6:.1f} MB may be locked); {how_to}"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) != 0:
        return f"locking memory is refused ({os.strerror(ctypes.get_errno())}); {how_to}"
    return None


def use_exact_timers() -> None:
    """Let sleeps of the calling thread end when they are due, not up to 50 us later."""
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)


def keep_freed_memory() -> None:
    """Keep what is freed for what is allocated next.

    glibc gives blocks of the size of a picture back to the kernel, which clears every page of the
    next one: half a millisecond for three pictures of 448 x 448.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # another libc has none
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_BLOCK)
        mallopt(_M_TRIM_THRESHOLD, 8 * _LARGEST_BLOCK)


def quiet_garbage_collector() -> None:
    """Collect now, then leave what exists alone, so that no later collection stops a loop long."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def usual_garbage_collector() -> None:
    """Undo `quiet_garbage_collector`."""
    gc.unfreeze()
    gc.set_threshold(700, 10, 10)


def _threads() -> list[int]:
    return [int(name) for name in os.listdir("/proc/self/task")]


def _has_capability(number: int) -> bool:
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) >> number & 1)
    return False
