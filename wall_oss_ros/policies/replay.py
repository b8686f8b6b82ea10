"""Answers with the chunks of a recorded bag: what a policy did once, without the policy."""

from __future__ import annotations

import bisect
from pathlib import Path

from wall_oss_ros.core.chunk import PolicyOutput
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import PolicyError
from wall_oss_ros.core.observation import Observation
from wall_oss_ros.data.recorded_chunks import RecordedChunk, read_chunks

_SECOND_NS = 1_000_000_000


class ReplayPolicy:
    """Implements `core.policy.Policy`.

    Time starts with the first observation after a reset; the answer to a later one is the newest
    chunk that was recorded no later than that. Its relative rows start from where the robot is now,
    so the motion is repeated from the present pose, not the recorded one.
    """

    name = "replay"

    def __init__(self, contract: RobotContract, checkpoint: str) -> None:
        """Prepare.

        Args:
            contract: the robot.
            checkpoint: folder of the bag.
        """
        self._contract = contract
        self._bag = checkpoint
        self._chunks: tuple[RecordedChunk, ...] = ()
        self._start_ns: int | None = None

    def load(self) -> None:
        """Read the bag.

        Raises:
            BagError: if it cannot be read.
            PolicyError: if none is given, or it was recorded with another contract.
        """
        if not self._bag:
            raise PolicyError("policy 'replay' needs a recorded bag: give its folder as checkpoint")
        self._chunks = read_chunks(Path(self._bag))
        other = {chunk.schema for chunk in self._chunks} - {self._contract.schema_hash}
        if other:
            raise PolicyError(
                f"'{self._bag}' was recorded with robot contract {sorted(other)[0]}; this one is "
                f"{self._contract.schema_hash} ({self._contract.name})"
            )

    def reset(self) -> None:
        """Start again from the first chunk."""
        self._start_ns = None

    def infer(self, observation: Observation, instruction: str) -> PolicyOutput:
        """Return the recorded rows for this time; the instruction is the recording's.

        Raises:
            PolicyError: when the recording is over.
        """
        if self._start_ns is None:
            self._start_ns = observation.stamp_ns
        first, last = self._chunks[0], self._chunks[-1]
        wanted_ns = first.stamp_ns + observation.stamp_ns - self._start_ns
        end_ns = last.stamp_ns + round(self._contract.action.dt * len(last.actions) * _SECOND_NS)
        if wanted_ns > end_ns:
            length_s = (end_ns - first.stamp_ns) / _SECOND_NS
            raise PolicyError(f"the recording is over after {length_s:.1f} s; reset to repeat it")
        index = bisect.bisect_right(self._chunks, wanted_ns, key=lambda chunk: chunk.stamp_ns) - 1
        chunk = self._chunks[index]
        # Rows that were due before now are past here too.
        elapsed = int((wanted_ns - chunk.stamp_ns) / _SECOND_NS / self._contract.action.dt)
        if elapsed >= len(chunk.actions):
            raise PolicyError("the recording has a gap here")
        return PolicyOutput(actions=chunk.actions[elapsed:], mask=chunk.mask)
