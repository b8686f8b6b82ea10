"""A chunk of intended motion, and how a policy's answer becomes one."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core import action_space
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import PolicyError
from wall_oss_ros.core.observation import Observation
from wall_oss_ros.core.pose import frozen_array
from wall_oss_ros.core.relative import absolute_actions, neutral_row
from wall_oss_ros.core.rotation import Array

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class StageTimes:
    """How long the stages took [ms]; 0 where a policy has no such stage."""

    sync_ms: float = 0.0
    preprocess_ms: float = 0.0
    prefix_ms: float = 0.0
    denoise_ms: float = 0.0
    total_ms: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class PolicyOutput:
    """A policy's answer.

    Attributes:
        actions: (H, 26) un-normalised, poses relative to the observation's state.
        mask: (26,) bool, the dimensions it commands.
        stages: times of its own stages.
        frozen_prefix: rows at the start taken over from the running chunk.
    """

    actions: Array
    mask: NDArray[np.bool_]
    stages: StageTimes = field(default_factory=StageTimes)
    frozen_prefix: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class ActionChunk:
    """`horizon` rows on one timeline: row i is due at ``stamp_ns + (i + 1) * dt``.

    Attributes:
        stamp_ns: capture time of the observation it was made from [ns].
        seq: counts chunks.
        epoch: grows on reset, enable and new instruction.
        instruction: the text it follows.
        dt: time between rows [s].
        actions: (H, 26) absolute, see `action_space`.
        raw_actions: (H, 26) as the policy gave them, poses relative to `anchor`.
        anchor: (26,) state the relative poses refer to.
        mask: (26,) bool, commanded dimensions.
        frozen_prefix: rows at the start taken over from the running chunk.
        stages: times spent.
        policy: back end that made it.
        schema: hash of what policy and robot must agree on.
    """

    stamp_ns: int
    seq: int
    epoch: int
    instruction: str
    dt: float
    actions: Array
    raw_actions: Array
    anchor: Array
    mask: NDArray[np.bool_]
    frozen_prefix: int
    stages: StageTimes
    policy: str
    schema: str

    @property
    def horizon(self) -> int:
        """Number of rows."""
        return len(self.actions)

    def due_ns(self, row: int) -> int:
        """Return when a row is due [ns]."""
        return self.stamp_ns + round((row + 1) * self.dt * NANOSECONDS)

    def commands(self, part: str) -> bool:
        """Return whether every dimension of a part is commanded."""
        return bool(self.mask[action_space.part_columns(part)].all())


def chunk_from_output(
    output: PolicyOutput,
    observation: Observation,
    contract: RobotContract,
    *,
    seq: int,
    epoch: int,
    instruction: str,
    policy: str,
    stages: StageTimes,
) -> ActionChunk:
    """Compose a policy's relative rows with the state they were made from.

    Raises:
        PolicyError: if the answer has another shape, is not finite, or commands a part that the
            robot does not have.
    """
    expected = (contract.action.horizon, action_space.ACTION_DIM)
    actions = np.asarray(output.actions, np.float64)
    mask = np.array(output.mask, dtype=np.bool_)
    if actions.ndim != 2 or not 1 <= len(actions) <= expected[0] or actions.shape[1] != expected[1]:
        raise PolicyError(f"policy '{policy}' gave actions {actions.shape}; expected {expected}")
    if mask.shape != expected[1:]:
        raise PolicyError(f"policy '{policy}' gave a mask {mask.shape}; expected {expected[1:]}")
    if not np.all(np.isfinite(actions[:, mask])):
        row, column = np.argwhere(~np.isfinite(actions) & mask)[0]
        raise PolicyError(
            f"policy '{policy}' gave a non-finite number in row {row}, column {column}"
        )
    for part in action_space.PARTS:
        if part not in contract.commanded_parts and mask[action_space.part_columns(part)].any():
            raise PolicyError(f"policy '{policy}' commands '{part}', which {contract.name} has not")
    # Masked dimensions carry no meaning; standing still is the composition's neutral element.
    neutral = np.where(mask, actions, neutral_row())
    try:
        absolute = absolute_actions(neutral, observation.state)
    except ValueError as error:
        raise PolicyError(f"policy '{policy}': {error}") from None
    mask.setflags(write=False)
    return ActionChunk(
        stamp_ns=observation.stamp_ns,
        seq=seq,
        epoch=epoch,
        instruction=instruction,
        dt=contract.action.dt,
        actions=frozen_array(absolute),
        raw_actions=frozen_array(neutral),
        anchor=observation.state,
        mask=mask,
        frozen_prefix=output.frozen_prefix,
        stages=stages,
        policy=policy,
        schema=contract.schema_hash,
    )
