"""The look-ahead on the topics: each new chunk in, a verdict out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from rclpy.lifecycle import LifecycleNode

from wall_oss_ros.core.chunk import ActionChunk as CoreChunk
from wall_oss_ros.core.errors import LookAheadError, MessageError
from wall_oss_ros.core.observation import JointSample
from wall_oss_ros.core.rates import Percentiles
from wall_oss_ros.core.safety.chunk_verdict import ChunkVerdict
from wall_oss_ros.messages.chunks import chunk_from
from wall_oss_ros.msg import ActionChunk
from wall_oss_ros.msg import ChunkVerdict as ChunkVerdictMessage
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.listener import ListenerThread
from wall_oss_ros.ros.verdict_message import verdict_message


class ChunkJudge(Protocol):
    """Whoever looks ahead; see `core.safety.look_ahead.LookAhead`."""

    def judge(self, chunk: CoreChunk, start: Mapping[str, float]) -> ChunkVerdict:
        """Return how many rows may be followed.

        Raises:
            LookAheadError: if the chunk cannot be judged now.
        """

    def close(self) -> None:
        """Judge no more; from any thread."""


class ChunkScreen:
    """Lets whole chunks be judged; of those that come meanwhile only the newest waits."""

    def __init__(
        self,
        node: LifecycleNode,
        look_ahead: ChunkJudge,
        measured: Callable[[], JointSample | None],
        frame: str,
        on_error: Callable[[BaseException], None],
    ) -> None:
        """Create publisher and thread.

        Args:
            node: owner.
            look_ahead: used by this thread alone.
            measured: returns the newest measured joints.
            frame: base frame of the robot.
            on_error: called with what ended the thread.
        """
        self._look_ahead = look_ahead
        self._measured = measured
        self._frame = frame
        self._logger = node.get_logger()
        self._took_ms = Percentiles(200)
        self._cut = 0
        self._publisher = node.create_lifecycle_publisher(
            ChunkVerdictMessage, "chunk_verdict", qos.NEWEST
        )
        self._listener = ListenerThread(node, "look_ahead", on_error)
        self._listener.subscribe(ActionChunk, "action_chunk", self._on_chunk, qos.NEWEST)

    def start(self) -> None:
        """Start to listen."""
        self._listener.start()

    def stop(self) -> None:
        """Stop listening, and close who judges."""
        self._look_ahead.close()
        self._listener.stop()

    def values(self) -> dict[str, str]:
        """Return time and counts for diagnostics."""
        p50, p99 = self._took_ms.at(50, 99)
        return {
            "look-ahead p50 p99 [ms]": f"{p50:.2f} {p99:.2f}",
            "chunks cut by look-ahead": str(self._cut),
        }

    def _on_chunk(self, message: ActionChunk) -> None:
        begin = time.perf_counter()
        try:
            chunk = chunk_from(message)
        except MessageError as error:  # the executor refuses it as well
            self._logger.error(str(error), throttle_duration_sec=2.0)
            return
        measured = self._measured()
        if measured is None:
            reason = "no joint states received"
            verdict = ChunkVerdict(chunk.seq, chunk.epoch, chunk.horizon, 0, "state_age", reason)
        else:
            try:
                verdict = self._look_ahead.judge(chunk, measured.position_of())
            except LookAheadError as error:  # what has no verdict is followed for a moment only
                self._logger.error(str(error))
                return
        took_ms = (time.perf_counter() - begin) * 1e3
        self._publisher.publish(verdict_message(verdict, chunk, self._frame, took_ms))
        self._took_ms.add(took_ms)
        if verdict.safe_rows < verdict.rows:
            self._cut += 1
            self._logger.warning(
                f"chunk {verdict.seq}: {verdict.safe_rows} of {verdict.rows} rows are safe; "
                f"{verdict.rule}: {verdict.reason}",
                throttle_duration_sec=1.0,
            )
