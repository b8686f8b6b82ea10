"""A running average of the weights, which acts better than the last of them (arXiv 1806.05594)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """Exponential average of a module's parameters, in float32.

    Args:
        module: whose parameters are followed.
        decay: share of the average that stays at each step, once there were many.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._decay, self._steps = decay, 0
        self.values: dict[str, Tensor] = {
            name: value.detach().float().clone() for name, value in module.named_parameters()
        }

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Take in the parameters as they are now."""
        self._steps += 1
        # At the beginning the average follows faster, so that it does not remember the start.
        decay = min(self._decay, self._steps / (self._steps + 10))
        for name, value in module.named_parameters():
            if value.requires_grad:
                self.values[name].lerp_(value.detach().float(), 1.0 - decay)

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` takes."""
        return {"steps": self._steps, "values": self.values}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved average."""
        self._steps = state["steps"]
        for name, value in state["values"].items():
            self.values[name].copy_(value)
