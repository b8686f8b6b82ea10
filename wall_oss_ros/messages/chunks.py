"""Action chunks of messages."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from wall_oss_ros.core.action_space import ACTION_DIM
from wall_oss_ros.core.chunk import ActionChunk, StageTimes
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.pose import frozen_array
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.messages.stamps import to_ns

STAGES = ("sync_ms", "preprocess_ms", "prefix_ms", "denoise_ms", "total_ms")


def chunk_from(message: Any) -> ActionChunk:
    """Return the chunk of a wall_oss_ros/ActionChunk.

    Raises:
        MessageError: if sizes and numbers do not fit together or are not finite.
    """
    rows, columns = message.horizon, message.action_dim
    if columns != ACTION_DIM or rows < 1:
        raise MessageError(f"chunk {message.seq} is {rows} x {columns}; expected rows x 26")
    if not 1e-3 <= message.dt <= 10.0:
        raise MessageError(f"chunk {message.seq} has dt {message.dt} s; expected 0.001 to 10 s")
    mask = np.asarray(message.action_mask, np.bool_)
    if mask.shape != (columns,):
        raise MessageError(f"chunk {message.seq} has a mask of {mask.size}; expected {columns}")
    mask.setflags(write=False)
    return ActionChunk(
        stamp_ns=to_ns(message.header.stamp),
        seq=message.seq,
        epoch=message.epoch,
        instruction=message.instruction,
        dt=message.dt,
        actions=_matrix(message.actions, rows, "actions", message.seq),
        raw_actions=_matrix(message.raw_actions, rows, "raw_actions", message.seq),
        anchor=_matrix(message.anchor_state, 1, "anchor_state", message.seq)[0],
        mask=mask,
        frozen_prefix=message.frozen_prefix,
        stages=StageTimes(**{name: getattr(message, name) for name in STAGES}),
        policy=message.policy,
        schema=message.schema,
    )


def _matrix(values: ArrayLike, rows: int, what: str, seq: int) -> Array:
    numbers = np.asarray(values, np.float64)
    if numbers.size != rows * ACTION_DIM:
        raise MessageError(
            f"chunk {seq}: {what} has {numbers.size} numbers; expected {rows} x {ACTION_DIM}"
        )
    if not np.all(np.isfinite(numbers)):
        raise MessageError(f"chunk {seq}: {what} is not finite")
    return frozen_array(numbers.reshape(rows, ACTION_DIM))
