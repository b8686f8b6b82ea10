"""Flow matching over action rows: the head, the times, and the walk from noise to actions.

x(t) = (1 - t) noise + t action, so t = 0 is noise and t = 1 the action; the network gives the
velocity dx/dt (arXiv 2210.02747, linear paths). Everything here is float32, as in the checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from wall_oss_ros.model.config import ModelConfig

# Where x-prediction divides by 1 - t.
SMALLEST_REST = 0.05


def times(steps: int, scale: float, shift: float) -> Tensor:
    """Return steps + 1 times from 0 to `scale`, bent by `shift` (1 for even steps); float32."""
    even = torch.linspace(0.0, 1.0, steps + 1)
    return shift * even / (1.0 + (shift - 1.0) * even) * scale


def time_embedding(time: Tensor, channels: int) -> Tensor:
    """Return sines, then cosines, (..., channels) for times (...); frequencies 1 to 1e-4."""
    half = channels // 2
    index = torch.arange(half, device=time.device, dtype=torch.float32)
    angles = time[..., None] * torch.exp(index * (-math.log(10000.0) / (half - 1)))
    return torch.cat((angles.sin(), angles.cos()), dim=-1)


class FlowHead(nn.Module):
    """Action rows into the decoder and out of it; parameters are named as in the checkpoint."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        inner = config.action_hidden_size
        copies = 2 if config.proj_with_mask else 1
        self.with_mask, self.predict_x, self.inner = config.proj_with_mask, config.predict_x, inner
        self.w1 = nn.Linear(config.action_dim * copies, inner, bias=False)
        self.w2 = nn.Linear(2 * inner, inner, bias=False)
        self.w3 = nn.Linear(inner, inner, bias=False)
        self.action_proj_back = nn.Linear(inner, config.action_dim, bias=False)
        if not config.state_as_text:
            self.propri_proj = nn.Linear(
                config.state_dim * copies, config.state_hidden_size, bias=False
            )

    def embed(self, x: Tensor, dof_mask: Tensor, time: Tensor) -> Tensor:
        """Return (B, H, inner) for noisy actions and mask (B, H, action_dim) at a time ()."""
        rows = self.w1(torch.cat((x, dof_mask), dim=-1) if self.with_mask else x)
        when = time_embedding(time, self.inner).expand(*rows.shape[:-1], -1)
        out: Tensor = self.w3(functional.silu(self.w2(torch.cat((rows, when), dim=-1))))
        return out

    def velocity(self, hidden: Tensor, x: Tensor, time: Tensor) -> Tensor:
        """Return dx/dt (B, H, action_dim) from the decoder's output (B, H, >= inner)."""
        out: Tensor = self.action_proj_back(hidden[..., : self.inner].to(torch.float32))
        if self.predict_x:
            out = (out - x) / torch.clamp(1.0 - time, min=SMALLEST_REST)
        return out

    def embed_state(self, state: Tensor, mask: Tensor) -> Tensor:
        """Return (B, 1, state channels) for a normalised state and its mask (B, 1, state_dim)."""
        out: Tensor = self.propri_proj(
            torch.cat((state, mask), dim=-1) if self.with_mask else state
        )
        return out


Velocity = Callable[[Tensor, Tensor], Tensor]


def integrate(velocity: Velocity, noise: Tensor, when: Tensor) -> Tensor:
    """Walk from noise to actions in Euler steps.

    Args:
        velocity: dx/dt for x (B, H, D) at a time ().
        noise: x at the first time.
        when: (steps + 1,) times.
    """
    x = noise
    for index in range(len(when) - 1):
        x = x + (when[index + 1] - when[index]) * velocity(x, when[index])
    return x


def sliding(velocity: Velocity, noise: Tensor, target: Tensor, free: Tensor) -> Velocity:
    """Return a velocity that lets some numbers slide straight from noise to their target.

    Args:
        velocity: of all dimensions.
        noise: (B, H, D) x at the first time.
        target: (B, H, D) or broadcastable, where they end, normalised.
        free: (B, H, D) or broadcastable, 1 where the velocity is left as it is, 0 where it slides.
    """
    slide = (target - noise) * (1.0 - free)
    return lambda x, time: velocity(x, time) * free + slide
