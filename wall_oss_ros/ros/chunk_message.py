"""Action chunks as messages."""

from __future__ import annotations

import array

import numpy as np

from wall_oss_ros.core.action_space import ACTION_DIM
from wall_oss_ros.core.chunk import ActionChunk
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.messages.chunks import STAGES
from wall_oss_ros.msg import ActionChunk as ActionChunkMessage
from wall_oss_ros.ros.stamps import to_stamp


def chunk_message(chunk: ActionChunk, frame_id: str) -> ActionChunkMessage:
    """Return a chunk as a message in the robot's base frame `frame_id`."""
    message = ActionChunkMessage(
        seq=chunk.seq,
        epoch=chunk.epoch,
        instruction=chunk.instruction,
        dt=chunk.dt,
        horizon=chunk.horizon,
        action_dim=ACTION_DIM,
        actions=_floats(chunk.actions),
        raw_actions=_floats(chunk.raw_actions),
        anchor_state=_floats(chunk.anchor),
        action_mask=chunk.mask.tolist(),
        frozen_prefix=chunk.frozen_prefix,
        policy=chunk.policy,
        schema=chunk.schema,
        **{name: float(getattr(chunk.stages, name)) for name in STAGES},
    )
    message.header.stamp = to_stamp(chunk.stamp_ns)
    message.header.frame_id = frame_id
    return message


def _floats(values: Array) -> array.array[float]:
    data = array.array("f")
    data.frombytes(np.ascontiguousarray(values, np.float32).tobytes())
    return data
