"""Faults of chunks: made from the newest real one and published beside the policy."""

from __future__ import annotations

import array
import math
from collections.abc import Callable, Iterator

from wall_oss_ros.cli.bench.fault import Fault
from wall_oss_ros.cli.bench.reactions import Reaction, chunk_cut_or_refused, chunk_refused
from wall_oss_ros.cli.bench.rig import Rig
from wall_oss_ros.core import action_space
from wall_oss_ros.messages.stamps import to_ns
from wall_oss_ros.msg import ActionChunk
from wall_oss_ros.ros.stamps import to_stamp

_REFUSED = "refused with a reason, motion goes on"
# How old a late chunk is, more than its rows last [ns]; and how far away the huge one points [m].
_LATE_NS, _FAR_M = 5_000_000_000, 10.0
# An older chunk that comes again is this many before the newest.
_BACK = 3


def chunk_faults() -> Iterator[Fault]:
    """Yield the faults."""
    yield _fault("nan", "chunk with a NaN", _with_nan)
    yield _fault(
        "huge",
        "chunk that points 10 m away",
        _huge,
        required="cut to its safe rows, limited or refused; no limit broken",
        reaction=chunk_cut_or_refused,
    )
    yield _fault("wrong_dim", "chunk with 25 columns", _narrow)
    yield _fault("late", "chunk that is 5 s late", _late)
    yield _fault("duplicated", "chunk that came already", lambda rig: rig.newest_chunk())
    yield _fault(
        "out_of_order", "older chunk after a newer one", lambda rig: rig.newest_chunk(_BACK)
    )
    yield _fault("old_epoch", "chunk of an old epoch", _old_epoch)


def _fault(
    name: str,
    title: str,
    make: Callable[[Rig], ActionChunk],
    required: str = _REFUSED,
    reaction: Reaction = chunk_refused,
) -> Fault:
    return Fault(
        f"chunk_{name}",
        title,
        required,
        lambda rig: rig.intruder.publish_chunk(make(rig)),
        reaction,
        within_s=0.5,
        still_s=None,
        before=lambda rig: rig.await_chunk(),
    )


def _following(rig: Rig) -> ActionChunk:
    """Return the newest chunk as if it were the next one."""
    chunk = rig.newest_chunk()
    chunk.seq += 1
    return chunk


def _with_nan(rig: Rig) -> ActionChunk:
    chunk = _following(rig)
    chunk.actions[action_space.ACTION_DIM * (chunk.horizon // 2)] = math.nan
    return chunk


def _huge(rig: Rig) -> ActionChunk:
    chunk = _following(rig)
    for row in range(chunk.horizon):
        for column in range(
            action_space.POSITION["left"].start, action_space.POSITION["left"].stop
        ):
            chunk.actions[row * action_space.ACTION_DIM + column] += _FAR_M
    return chunk


def _narrow(rig: Rig) -> ActionChunk:
    chunk = _following(rig)
    width = chunk.action_dim - 1
    rows = [chunk.actions[i * (width + 1) : i * (width + 1) + width] for i in range(chunk.horizon)]
    chunk.actions = array.array("f", [number for row in rows for number in row])
    chunk.raw_actions, chunk.action_dim = chunk.actions, width
    chunk.action_mask = chunk.action_mask[:width]
    chunk.anchor_state = chunk.anchor_state[:width]
    return chunk


def _late(rig: Rig) -> ActionChunk:
    chunk = _following(rig)
    chunk.header.stamp = to_stamp(to_ns(chunk.header.stamp) - _LATE_NS)
    return chunk


def _old_epoch(rig: Rig) -> ActionChunk:
    chunk = _following(rig)
    chunk.epoch -= 1
    return chunk
