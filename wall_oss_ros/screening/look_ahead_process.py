"""Starts the process that looks ahead, asks it, and starts it again when it fails."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from wall_oss_ros.core.chunk import ActionChunk
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import LookAheadError
from wall_oss_ros.core.safety.boundaries import Boundaries
from wall_oss_ros.core.safety.chunk_verdict import ChunkVerdict
from wall_oss_ros.core.safety.look_ahead_settings import LookAheadSettings
from wall_oss_ros.screening.pipe import Begin, Question

_MODULE = "wall_oss_ros.screening.worker"
# Importing and building take some 2 s on a laptop.
_READY_S = 60.0
# A chunk is judged in some 10 ms; after this it is of no use any more.
_ANSWER_S = 1.0
_END_S = 1.0


class LookAheadProcess:
    """Judges chunks as `core.safety.look_ahead.LookAhead` does, on another core. One thread asks.

    The process begins to start with the object; the first question waits until it is ready.
    """

    def __init__(
        self, contract: RobotContract, boundaries: Boundaries, settings: LookAheadSettings
    ) -> None:
        """Start the process.

        Args:
            contract: the robot.
            boundaries: those of the supervisor; the zones in force when a chunk comes count.
            settings: tolerances.
        """
        self._closed = False
        self._boundaries = boundaries
        self._begin = Begin(contract, boundaries.workspace_margin_m, settings)
        self._ready = False
        self._zones = contract.zones  # those that the process has
        self._start()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def judge(self, chunk: ActionChunk, start: Mapping[str, float]) -> ChunkVerdict:
        """Return how many rows from the start may be followed, and why not more.

        Args:
            chunk: any; nothing about it is taken for granted.
            start: joint positions by name where the robot is now [rad] or [m]; every joint of the
                contract.

        Raises:
            LookAheadError: if the process ended or does not answer. A new one is on its way; this
                chunk stays without a verdict, and nobody follows one for long.
        """
        try:
            if not self._ready:
                self._receive(_READY_S)
                self._ready = True
            zones = self._boundaries.zones
            new = None if zones is self._zones else zones
            self._connection.send(Question(chunk, start, new))
            self._zones = zones
            verdict: ChunkVerdict = self._receive(_ANSWER_S)
            return verdict
        except (EOFError, OSError) as error:
            if self._closed:
                raise LookAheadError(f"chunk {chunk.seq} is not judged: at the end") from None
            self._connection.close()
            status = self._status()
            self._start()
            reason = f"ended with status {status}" if isinstance(error, EOFError) else str(error)
            raise LookAheadError(
                f"chunk {chunk.seq} is not judged: the process that looks ahead {reason}; "
                "starting it again"
            ) from None

    def close(self) -> None:
        """End the process, from any thread; safe to call twice. Who waits gets no verdict."""
        self._closed = True
        self._process.kill()
        self._process.wait()

    def _start(self) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        with theirs:
            number = theirs.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-m", _MODULE, str(number)],
                pass_fds=(number,),
                stdin=subprocess.DEVNULL,
            )
        self._ready = False
        self._zones = self._begin.contract.zones
        self._connection.send(self._begin)

    def _receive(self, timeout_s: float) -> Any:
        if not self._connection.poll(timeout_s):
            raise TimeoutError(f"did not answer within {timeout_s:g} s")
        return self._connection.recv()

    def _status(self) -> int:
        """Wait for the process, whose pipe is closed, to end; return how it did."""
        try:
            return self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
