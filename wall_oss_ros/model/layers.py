"""The parts that vision tower and decoder share: norm, gated MLP, attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# How a block of a stack is called; the engine passes its compiled form.
Run = Callable[..., Any]


def call(block: nn.Module, *arguments: Any) -> Any:
    """Call a block as it is."""
    return block(*arguments)


class RMSNorm(nn.Module):
    """Root-mean-square norm, computed in float32 (arXiv 1910.07467).

    Args:
        width: channels that the mean is taken over. An input with fewer is read as padded with
            zeros, which is how a norm shared by experts sees the narrower one.
        eps: added to the mean square.
    """

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.width, self.eps = width, eps

    def forward(self, x: Tensor) -> Tensor:
        """Return x of unit root mean square times the weight, same shape and type."""
        y = x.to(torch.float32)
        y = y * torch.rsqrt(y.square().sum(-1, keepdim=True) / self.width + self.eps)
        return (y * self.weight[: x.shape[-1]]).to(x.dtype)


class GatedMLP(nn.Module):
    """``down(silu(gate(x)) * up(x))`` (arXiv 2002.05202); gate rows come first, up rows second."""

    def __init__(self, width: int, inner: int, bias: bool) -> None:
        super().__init__()
        self.gate_up_proj = nn.Linear(width, 2 * inner, bias=bias)
        self.down_proj = nn.Linear(inner, width, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., width)."""
        gate, up = self.gate_up_proj(x).chunk(2, dim=-1)
        out: Tensor = self.down_proj(functional.silu(gate) * up)
        return out


def folded_mask(seen: Tensor, group: int, dtype: torch.dtype) -> Tensor:
    """Return what `attend` adds to its scores, (group * S, T): 0 or minus infinity.

    Made once for all layers and steps, as kernels take no other mask without converting it.

    Args:
        seen: (S, T) bool, True where a query sees a key.
        group: query heads per key head.
        dtype: of queries and keys.
    """
    hidden = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
    return hidden.masked_fill(~seen, float("-inf")).repeat(group, 1)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    """Softmax attention with grouped query heads.

    Args:
        q: (B, query heads, S, D).
        k: (B, key heads, T, D); a run of query heads shares each.
        v: (B, key heads, T, D).
        mask: from `folded_mask`; None sees all.
        causal: query i sees keys up to i; only with S = T and no mask.

    Returns:
        (B, S, query heads * D).
    """
    batch, heads, rows, channels = q.shape
    group = heads // k.shape[1]
    if causal:
        out = functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=group > 1)
    else:
        # Folding the group into the rows lets every kernel take the mask, and reads k and v once.
        q = q.reshape(batch, k.shape[1], group * rows, channels)
        out = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        out = out.reshape(batch, heads, rows, channels)
    return out.transpose(1, 2).reshape(batch, rows, heads * channels)
