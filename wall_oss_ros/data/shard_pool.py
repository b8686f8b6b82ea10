"""Making shards in processes: frames are counted while they come, the first that fails ends all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from multiprocessing.sharedctypes import Synchronized
from typing import Any, TypeVar

from wall_oss_ros.core.errors import WallOssError
from wall_oss_ros.core.process_pool import CONTEXT, process_pool

Made = TypeVar("Made")
_POLL_S = 0.2
# In a process of the pool: the counter that all share, and whether it has begun.
_counter: list[Synchronized[int]] = []
_begun: list[bool] = []


def _nothing() -> None:
    """Begin without anything to prepare."""


def in_processes(
    work: Callable[..., Made],
    jobs: Sequence[tuple[Any, ...]],
    workers: int,
    progress: Callable[[int, int], None],
    *,
    begin: Callable[..., None] = _nothing,
    given: tuple[Any, ...] = (),
) -> list[Made]:
    """Return what every job makes, in their order.

    Args:
        work: a function of a module; it calls `count_frames`.
        jobs: arguments of each call.
        workers: processes, at most.
        progress: called now and then with frames and jobs that are done.
        begin: called once in every process before its first job.
        given: its arguments.

    Raises:
        WallOssError: the first that a job raises; what has not begun by then does not.
    """
    counter = CONTEXT.Value("q", 0)
    with process_pool(min(workers, len(jobs)), _share, (counter,)) as pool:
        futures = [pool.submit(_do, work, job, begin, given) for job in jobs]
        waiting: set[Future[Made]] = set(futures)
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                progress(counter.value, len(futures) - len(waiting))
                for future in done:
                    future.result()
        except WallOssError:
            pool.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in futures]


def _share(counter: Synchronized[int]) -> None:
    _counter.append(counter)


def _do(
    work: Callable[..., Made],
    job: tuple[Any, ...],
    begin: Callable[..., None],
    given: tuple[Any, ...],
) -> Made:
    # Not in the pool's initializer: what that raises reaches nobody, the pool is only "broken".
    if not _begun:
        begin(*given)
        _begun.append(True)
    return work(*job)


def count_frames(frames: int) -> None:
    """Count frames that a job has made; only in a process of the pool."""
    with _counter[0].get_lock():
        _counter[0].value += frames
