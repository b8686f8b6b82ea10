"""What passes between the supervisor and the process that looks ahead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wall_oss_ros.core.chunk import ActionChunk
from wall_oss_ros.core.contract import RobotContract, Zone
from wall_oss_ros.core.safety.look_ahead_settings import LookAheadSettings


@dataclass(frozen=True, slots=True)
class Begin:
    """What the process is told first; it answers None when it is ready.

    Attributes:
        contract: the robot.
        workspace_margin_m: distance to a workspace face at which slowing down begins [m].
        settings: tolerances.
    """

    contract: RobotContract
    workspace_margin_m: float
    settings: LookAheadSettings


@dataclass(frozen=True, slots=True)
class Question:
    """A chunk to be judged; the answer is its `ChunkVerdict`.

    Attributes:
        chunk: any.
        start: joint positions by name where the robot is now [rad] or [m].
        zones: those in force from now on; None where they are those of the last question, or of
            the contract.
    """

    chunk: ActionChunk
    start: Mapping[str, float]
    zones: Mapping[str, Zone] | None
