"""Verdicts about chunks as messages."""

from __future__ import annotations

from wall_oss_ros.core.chunk import ActionChunk
from wall_oss_ros.core.safety.chunk_verdict import ChunkVerdict
from wall_oss_ros.msg import ChunkVerdict as ChunkVerdictMessage
from wall_oss_ros.ros.stamps import to_stamp


def verdict_message(
    verdict: ChunkVerdict, chunk: ActionChunk, frame: str, took_ms: float
) -> ChunkVerdictMessage:
    """Return a verdict as a message.

    Args:
        verdict: what looking ahead says.
        chunk: that it is about.
        frame: base frame of the robot.
        took_ms: time the look-ahead took [ms].
    """
    message = ChunkVerdictMessage(
        seq=verdict.seq,
        epoch=verdict.epoch,
        rows=verdict.rows,
        safe_rows=verdict.safe_rows,
        rule=verdict.rule,
        reason=verdict.reason,
        look_ahead_ms=took_ms,
    )
    message.header.stamp = to_stamp(chunk.stamp_ns)
    message.header.frame_id = frame
    return message
