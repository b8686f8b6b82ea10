"""The decoder with two experts: text and images go through expert 0, action rows through expert 1.

They meet in attention only, and nothing in the prompt ever sees an action row. So the prompt is
encoded once, and every denoising step runs the action rows alone against its keys and values.
A causal decoder (Qwen2.5, arXiv 2412.15115) in a mixture-of-transformers (arXiv 2411.04996).
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from wall_oss_ros.model.config import ModelConfig
from wall_oss_ros.model.layers import GatedMLP, RMSNorm, attend
from wall_oss_ros.model.rope import MultimodalRope, rotate

TEXT, ACTION = 0, 1


class Cache(Protocol):
    """Keys and values of the tokens before: (B, key heads, tokens, D) per layer."""

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return all keys and values, the new ones behind the old."""


class GrowingCache:
    """Keeps every token it sees: the prompt, and text while it is written."""

    def __init__(self) -> None:
        self.layers: list[tuple[Tensor, Tensor]] = []

    @property
    def length(self) -> int:
        """Tokens in the cache."""
        return self.layers[0][0].shape[2] if self.layers else 0

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add to a layer."""
        if layer == len(self.layers):
            self.layers.append((keys, values))
        else:
            old = self.layers[layer]
            self.layers[layer] = (torch.cat((old[0], keys), 2), torch.cat((old[1], values), 2))
        return self.layers[layer]


class PrefixCache:
    """The prompt, read only: each denoising step sees it and its own rows."""

    def __init__(self, prompt: GrowingCache) -> None:
        self.layers = prompt.layers

    @property
    def length(self) -> int:
        """Tokens of the prompt."""
        return self.layers[0][0].shape[2]

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return prompt and rows; nothing is kept."""
        old = self.layers[layer]
        return torch.cat((old[0], keys), 2), torch.cat((old[1], values), 2)


class _Attention(nn.Module):
    """Projections of each expert, one attention for all tokens."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        self.head_dim = config.head_dim
        experts = config.experts[: config.attention_experts]
        inner = self.heads * self.head_dim
        self.qkv_proj_experts = nn.ModuleList(
            nn.Linear(e.hidden_size, inner + 2 * self.kv_heads * self.head_dim) for e in experts
        )
        self.o_proj_experts = nn.ModuleList(
            nn.Linear(inner, e.hidden_size, bias=False) for e in experts
        )

    def project(self, x: Tensor, expert: int, cos: Tensor, sin: Tensor) -> tuple[Tensor, ...]:
        """Return turned queries and keys and the values, each (B, heads, S, D)."""
        expert = min(expert, len(self.qkv_proj_experts) - 1)
        batch, tokens = x.shape[:2]
        qkv = self.qkv_proj_experts[expert](x).view(batch, tokens, -1, self.head_dim)
        q, k, v = qkv.transpose(1, 2).split((self.heads, self.kv_heads, self.kv_heads), dim=1)
        return rotate(q, cos, sin), rotate(k, cos, sin), v

    def output(self, x: Tensor, expert: int) -> Tensor:
        """Return (B, S, channels of the expert)."""
        out: Tensor = self.o_proj_experts[min(expert, len(self.o_proj_experts) - 1)](x)
        return out


class _Experts(nn.Module):
    """The MLP of each expert."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.experts = nn.ModuleList(
            GatedMLP(e.hidden_size, e.intermediate_size, bias=False) for e in config.experts
        )


def _norms(config: ModelConfig) -> nn.ModuleList:
    widths = [e.hidden_size for e in config.experts] if config.norm_moe else [config.hidden_size]
    return nn.ModuleList(RMSNorm(width, config.rms_norm_eps) for width in widths)


class _Layer(nn.Module):
    def __init__(self, config: ModelConfig, index: int) -> None:
        super().__init__()
        self.index = index
        self.input_layernorms = _norms(config)
        self.post_attention_layernorms = _norms(config)
        self.self_attn = _Attention(config)
        self.moe = _Experts(config)

    def remember(self, x: Tensor, expert: int, rope: tuple[Tensor, Tensor], cache: Cache) -> None:
        """Only put the tokens' keys and values into the cache."""
        norm = min(expert, len(self.input_layernorms) - 1)
        _, k, v = self.self_attn.project(self.input_layernorms[norm](x), expert, *rope)
        cache.extend(self.index, k, v)

    def forward(
        self,
        x: Tensor,
        expert: int,
        rope: tuple[Tensor, Tensor],
        cache: Cache,
        mask: Tensor | None,
        causal: bool,
    ) -> Tensor:
        norm = min(expert, len(self.input_layernorms) - 1)
        q, k, v = self.self_attn.project(self.input_layernorms[norm](x), expert, *rope)
        k, v = cache.extend(self.index, k, v)
        x = x + self.self_attn.output(attend(q, k, v, mask, causal), expert)
        mlp = self.moe.experts[expert]
        out: Tensor = x + mlp(self.post_attention_layernorms[norm](x))
        return out


class Decoder(nn.Module):
    """Embedding, layers and last norms; parameters are named as in the 0.5 checkpoint."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(_Layer(config, i) for i in range(config.num_hidden_layers))
        self.norms = _norms(config)
        self.rope = MultimodalRope(config.head_dim, config.rope_theta, config.mrope_section)

    def read(self, x: Tensor, positions: Tensor, cache: Cache) -> None:
        """Put a prompt into an empty cache, and no more: the last layer's output is not needed.

        Args:
            x: (B, S, hidden) embedded tokens.
            positions: (3, B, S).
            cache: empty.
        """
        rope = self.rope(positions)
        for layer in self.layers[:-1]:
            x = layer(x, TEXT, rope, cache, None, True)
        self.layers[-1].remember(x, TEXT, rope, cache)

    def forward(
        self,
        x: Tensor,
        expert: int,
        positions: Tensor,
        cache: Cache,
        mask: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """Return normed hidden states (B, S, channels of the expert).

        Args:
            x: (B, S, channels of the expert).
            expert: TEXT or ACTION.
            positions: (3, B, S).
            cache: what came before; the tokens' keys and values are offered to it.
            mask: (S, all tokens) bool, None to see everything in the cache.
            causal: see only the tokens before; only for an empty cache.
        """
        rope = self.rope(positions)
        for layer in self.layers:
            x = layer(x, expert, rope, cache, mask, causal)
        out: Tensor = self.norms[min(expert, len(self.norms) - 1)](x)
        return out
