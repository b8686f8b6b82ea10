"""Normalisation statistics: which number of the robot is -1 and which is 1 to the model.

A checkpoint carries one set per training dataset ("key"). The wrong set moves the robot by wrong
amounts without any other sign, so a key is never guessed: it is named, or the only one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from wall_oss_ros.core.errors import CheckpointError, choices


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Range of each dimension in one dataset: its 1 % and 99 % quantiles in the published recipe.

    Attributes:
        minimum: (n,) float32, becomes -1.
        delta: (n,) float32 > 0; minimum + delta becomes 1.
    """

    minimum: Tensor
    delta: Tensor

    @classmethod
    def of(cls, minimum: Any, delta: Any, name: str) -> Statistics:
        """Return statistics from arrays of equal length.

        A dimension that never moved in the data has delta 0 and is taken as 1, as in training.

        Args:
            minimum: (n,).
            delta: (n,).
            name: what they belong to, for messages.

        Raises:
            CheckpointError: for shapes that differ, or numbers that are not finite or negative.
        """
        low = torch.as_tensor(minimum, dtype=torch.float32).detach().flatten().clone()
        width = torch.as_tensor(delta, dtype=torch.float32).detach().flatten().clone()
        if low.shape != width.shape or not len(low):
            raise CheckpointError(
                f"normalizer {name}: minimum has {len(low)} numbers, delta {len(width)}"
            )
        if not (torch.isfinite(low).all() and torch.isfinite(width).all() and (width >= 0).all()):
            raise CheckpointError(
                f"normalizer {name}: a minimum or delta is not finite, or a delta is negative"
            )
        return cls(low, torch.where(width == 0, 1.0, width))

    def __len__(self) -> int:
        return len(self.minimum)

    def normalize(self, values: Tensor, clamp: bool = True) -> Tensor:
        """Return values (..., D) as the model's numbers; dimensions beyond the statistics become 0.

        Args:
            values: in the robot's units.
            clamp: into [-1, 1], as states are; not for rows that must come back as they went in.
        """
        low, width = self._on(values)
        known = (values[..., : len(self)].to(torch.float32) - low) / width * 2.0 - 1.0
        return _padded(known.clamp(-1.0, 1.0) if clamp else known, values)

    def unnormalize(self, values: Tensor) -> Tensor:
        """Return normalised values (..., D) in the robot's units; dimensions beyond become 0."""
        low, width = self._on(values)
        known = (values[..., : len(self)].to(torch.float32) + 1.0) / 2.0 * width + low
        return _padded(known, values)

    def _on(self, values: Tensor) -> tuple[Tensor, Tensor]:
        if values.shape[-1] < len(self):
            raise CheckpointError(
                f"the normalizer has {len(self)} dimensions, the model {values.shape[-1]}"
            )
        return self.minimum.to(values.device), self.delta.to(values.device)


def _padded(known: Tensor, like: Tensor) -> Tensor:
    return torch.nn.functional.pad(known, (0, like.shape[-1] - known.shape[-1]))


@dataclass(frozen=True, slots=True, eq=False)
class Normalizers:
    """The statistics of a checkpoint, by kind and key.

    Attributes:
        action: of action rows.
        state: of the state.
    """

    action: Mapping[str, Statistics] = field(default_factory=dict)
    state: Mapping[str, Statistics] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Mapping[str, Mapping[str, tuple[Any, Any]]]) -> Normalizers:
        """Return them from ``{"action": {key: (minimum, delta)}, "state": {...}}``.

        Raises:
            CheckpointError: for another kind, or statistics that cannot be used.
        """
        unknown = set(given) - {"action", "state"}
        if unknown:
            raise CheckpointError(f"normalizers for {choices(unknown)}; expected 'action', 'state'")
        sets = {
            kind: {
                key: Statistics.of(low, width, f"{kind} '{key}'")
                for key, (low, width) in given.get(kind, {}).items()
            }
            for kind in ("action", "state")
        }
        return cls(**sets)

    def key(self, wanted: str | None, kind: str = "action") -> str:
        """Return the key that a name stands for: itself, the only one it begins, or the only one.

        Args:
            wanted: a key, the part of it before the last ``_``-joined rest, or None.
            kind: "action" or "state".

        Raises:
            CheckpointError: listing the keys that the checkpoint offers.
        """
        sets: Mapping[str, Statistics] = getattr(self, kind)
        if wanted in sets:
            return str(wanted)
        starting = [key for key in sets if wanted and key.startswith(f"{wanted}_")]
        if len(starting) == 1:
            return starting[0]
        if not wanted and len(sets) == 1:
            return next(iter(sets))
        asked = f"normalizer key '{wanted}'" if wanted else "no normalizer key given"
        raise CheckpointError(
            f"{asked}; for {kind} this checkpoint offers: {choices(sets)}. "
            "Set model.normalizer_key in the robot contract to the one of your training data."
        )

    def of_state(self, key: str | None) -> Statistics:
        """Return the statistics of states for a key, see `key`."""
        return self.state[self.key(key, "state")]
