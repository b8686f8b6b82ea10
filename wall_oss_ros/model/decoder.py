"""The decoder with two experts: text and images go through expert 0, action rows through expert 1.

They meet in attention only, and nothing in the prompt ever sees an action row. So the prompt is
encoded once, and every denoising step runs the action rows alone against its keys and values.
A causal decoder (Qwen2.5, arXiv 2412.15115) in a mixture-of-transformers (arXiv 2411.04996).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from wall_oss_ros.model.config import ModelConfig
from wall_oss_ros.model.layers import GatedMLP, RMSNorm, Run, attend, call
from wall_oss_ros.model.rope import MultimodalRope, rotate

TEXT, ACTION = 0, 1


class Memory(Protocol):
    """Keys and values of one layer, (B, key heads, tokens, D) each."""

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return all keys and values, the new ones behind the old."""


class Growing:
    """Keeps every token it sees: the prompt, and text while it is written."""

    def __init__(self) -> None:
        self.keys: Tensor | None = None
        self.values: Tensor | None = None

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add tokens."""
        if self.keys is not None and self.values is not None:
            keys, values = torch.cat((self.keys, keys), 2), torch.cat((self.values, values), 2)
        self.keys, self.values = keys, values
        return keys, values

    def content(self) -> tuple[Tensor, Tensor]:
        """Return keys and values of all tokens so far.

        Raises:
            ValueError: if there were none.
        """
        if self.keys is None or self.values is None:
            raise ValueError("the memory is empty")
        return self.keys, self.values


class ReadOnly:
    """A prompt that each denoising step sees before its own rows, and that stays as it is."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        self.keys, self.values = keys, values

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return prompt and rows; nothing is kept."""
        return torch.cat((self.keys, keys), 2), torch.cat((self.values, values), 2)


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

    def run(self, x: Tensor, expert: int) -> Tensor:
        out: Tensor = self.experts[expert](x)
        return out


def _norms(config: ModelConfig) -> nn.ModuleList:
    widths = [e.hidden_size for e in config.experts] if config.norm_moe else [config.hidden_size]
    return nn.ModuleList(RMSNorm(width, config.rms_norm_eps) for width in widths)


class _Layer(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.input_layernorms = _norms(config)
        self.post_attention_layernorms = _norms(config)
        self.self_attn = _Attention(config)
        self.moe = _Experts(config)

    def remember(self, x: Tensor, expert: int, rope: tuple[Tensor, Tensor], memory: Memory) -> None:
        """Only put the tokens' keys and values into the memory."""
        norm = min(expert, len(self.input_layernorms) - 1)
        _, k, v = self.self_attn.project(self.input_layernorms[norm](x), expert, *rope)
        memory.extend(k, v)

    def forward(
        self,
        x: Tensor,
        expert: int,
        rope: tuple[Tensor, Tensor],
        memory: Memory,
        mask: Tensor | None,
        causal: bool,
    ) -> Tensor:
        norm = min(expert, len(self.input_layernorms) - 1)
        q, k, v = self.self_attn.project(self.input_layernorms[norm](x), expert, *rope)
        k, v = memory.extend(k, v)
        x = x + self.self_attn.output(attend(q, k, v, mask, causal), expert)
        return x + self.moe.run(self.post_attention_layernorms[norm](x), expert)


class Decoder(nn.Module):
    """Embedding, layers and last norms; parameters are named as in the 0.5 checkpoint."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        # Not the constructor's normal_: on the meta device, where models are built, it imports a
        # computer algebra system of 70 MB.
        table = torch.empty(config.vocab_size, config.hidden_size).uniform_(-1.0, 1.0)
        self.embed_tokens = nn.Embedding.from_pretrained(table, freeze=False)
        self.layers: Sequence[_Layer] = nn.ModuleList(  # type: ignore[assignment]
            _Layer(config) for _ in range(config.num_hidden_layers)
        )
        self.norms = _norms(config)
        self.rope = MultimodalRope(config.head_dim, config.rope_theta, config.mrope_section)

    def read(
        self,
        x: Tensor,
        rope: tuple[Tensor, Tensor],
        memories: Sequence[Memory],
        run: Run = call,
    ) -> None:
        """Put a prompt into empty memories, and no more: the last layer's output is not needed.

        Args:
            x: (B, S, hidden) embedded tokens.
            rope: from `self.rope` for the positions of the tokens.
            memories: one per layer, empty.
            run: how a layer is called.
        """
        for layer, memory in zip(self.layers[:-1], memories[:-1], strict=True):
            x = run(layer, x, TEXT, rope, memory, None, True)
        self.layers[-1].remember(x, TEXT, rope, memories[-1])

    def forward(
        self,
        x: Tensor,
        expert: int,
        rope: tuple[Tensor, Tensor],
        memories: Sequence[Memory],
        mask: Tensor | None = None,
        causal: bool = False,
        run: Run = call,
    ) -> Tensor:
        """Return normed hidden states (B, S, channels of the expert).

        Args:
            x: (B, S, channels of the expert).
            expert: TEXT or ACTION.
            rope: from `self.rope` for the positions of the tokens.
            memories: what came before, one per layer; these tokens are offered to them.
            mask: from `folded_mask`, None to see everything in memory.
            causal: see only the tokens before; only for empty memories.
            run: how a layer is called.
        """
        for layer, memory in zip(self.layers, memories, strict=True):
            x = run(layer, x, expert, rope, memory, mask, causal)
        out: Tensor = self.norms[min(expert, len(self.norms) - 1)](x)
        return out
