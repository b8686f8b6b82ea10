"""Processes that work for this one, and end when it does, however it ends."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import SpawnContext
from typing import Any

# Not forked: neither OpenGL contexts nor the threads of a parent (progress bar, BLAS, torch)
# survive it.
CONTEXT: SpawnContext = multiprocessing.get_context("spawn")


def _nothing() -> None:
    """Begin without anything to prepare."""


def process_pool(
    workers: int, begin: Callable[..., None] = _nothing, given: tuple[Any, ...] = ()
) -> ProcessPoolExecutor:
    """Return a pool of processes that are started, not forked.

    Args:
        workers: processes, at most.
        begin: called once in every process; must not raise, the pool would only be "broken".
        given: its arguments; locks and counters are those of `CONTEXT`.
    """
    return ProcessPoolExecutor(
        workers, mp_context=CONTEXT, initializer=_start, initargs=(begin, given)
    )


def _start(begin: Callable[..., None], given: tuple[Any, ...]) -> None:
    # A parent that is killed tells nobody: its workers would finish what they were given, and then
    # wait for ever, for each of them holds the end of the queue that says it is over.
    threading.Thread(target=_end_with_parent, daemon=True).start()
    begin(*given)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
