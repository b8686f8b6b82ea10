"""What one update learns from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from wall_oss_ros.model.inputs import FlowInputs


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Prompts that ask for words, with their answers; K of them, S tokens.

    Attributes:
        ids: (K, S) prompt and answer, padded behind it.
        positions: (3, 1, S) of all of them.
        answers: (K, S) what is to be told at each place, negative where nothing is.
    """

    ids: Tensor
    positions: Tensor
    answers: Tensor

    def to(self, device: torch.device) -> Texts:
        """Return the same on a device."""
        moved = (each.to(device) for each in (self.ids, self.positions, self.answers))
        return Texts(*moved)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Observations with prompts of one length; H rows, D dimensions.

    There are B of them. The first A, at least one, are acted on; the others are only looked at.

    Attributes:
        inputs: prompt, pictures and state; its noise is not used.
        actions: (A, H, D) normalised.
        counted: (A, H) 1 for rows to learn from, 0 for others.
        truth: (B, truth_dim) where the named object is, or None.
        tokens: (A, n) ids of the chunk's discrete tokens, negative where there are none; or None.
        texts: of the last K observations, or None.
    """

    inputs: FlowInputs
    actions: Tensor
    counted: Tensor
    truth: Tensor | None = None
    tokens: Tensor | None = None
    texts: Texts | None = None

    def to(self, device: torch.device) -> Batch:
        """Return the same on a device."""
        return replace(
            self,
            inputs=self.inputs.to(device),
            actions=self.actions.to(device),
            counted=self.counted.to(device),
            truth=None if self.truth is None else self.truth.to(device),
            tokens=None if self.tokens is None else self.tokens.to(device),
            texts=None if self.texts is None else self.texts.to(device),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """Noise (A * draws, H, D) and times (A * draws,) of a batch."""

    noise: Tensor
    times: Tensor
