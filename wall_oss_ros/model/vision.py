"""The vision tower of Qwen2.5-VL: patches in, one vector per 2 x 2 patches out (arXiv 2502.13923).

All images of a call run as one batch. What depends on their sizes only (positions, windows, masks)
is a `VisionPlan`, made once per set of sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from wall_oss_ros.core.errors import ModelError
from wall_oss_ros.model.config import VisionConfig
from wall_oss_ros.model.layers import GatedMLP, RMSNorm, Run, call
from wall_oss_ros.model.rope import rotate

Grid = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Consecutive runs of tokens; tokens of a run attend to each other and to no others.

    Attributes:
        count: number of runs.
        length: tokens of the longest run.
        slots: (count * length,) token of each slot, any token where a run is shorter; None where
            all runs are equally long.
        mask: (count, 1, 1, length) bool, True where a slot holds a token.
        places: (tokens,) slot of each token.
    """

    count: int
    length: int
    slots: Tensor | None
    mask: Tensor | None
    places: Tensor | None

    @classmethod
    def of(cls, lengths: Sequence[int]) -> Segments:
        """Return runs of these lengths, on the CPU."""
        longest = max(lengths)
        if min(lengths) == longest:
            return cls(len(lengths), longest, None, None, None)
        sizes = torch.tensor(lengths)
        filled = torch.arange(longest)[None] < sizes[:, None]
        starts = torch.cumsum(sizes, 0) - sizes
        slots = torch.where(filled, starts[:, None] + torch.arange(longest)[None], 0)
        places = filled.flatten().nonzero().flatten()
        return cls(len(lengths), longest, slots.flatten(), filled[:, None, None], places)

    def to(self, device: torch.device) -> Segments:
        """Return the same on a device."""
        if self.slots is None or self.mask is None or self.places is None:
            return self
        moved = (t.to(device) for t in (self.slots, self.mask, self.places))
        return Segments(self.count, self.length, *moved)

    def attend(self, qkv: Tensor) -> Tensor:
        """Return (tokens, heads * D) for queries, keys and values (3, tokens, heads, D)."""
        tokens, heads, channels = qkv.shape[1:]
        if self.slots is not None:
            qkv = qkv[:, self.slots]
        q, k, v = qkv.view(3, self.count, self.length, heads, channels).transpose(2, 3)
        out = functional.scaled_dot_product_attention(q, k, v, attn_mask=self.mask)
        out = out.transpose(1, 2).reshape(-1, heads * channels)
        return out if self.places is None else out[self.places]


@dataclass(frozen=True, slots=True, eq=False)
class VisionPlan:
    """What the sizes of the images decide.

    Attributes:
        grids: frames, rows and columns of patches per image.
        order: (merged tokens,) token at each place when sorted by window.
        back: (merged tokens,) the inverse.
        cos: (patches, 1, D) float32, in window order.
        sin: (patches, 1, D) float32, in window order.
        windows: runs of the window attention.
        images: runs of the full attention.
    """

    grids: tuple[Grid, ...]
    order: Tensor
    back: Tensor
    cos: Tensor
    sin: Tensor
    windows: Segments
    images: Segments

    @classmethod
    def of(cls, config: VisionConfig, grids: Sequence[Grid], device: torch.device) -> VisionPlan:
        """Return the plan for images of these sizes.

        Raises:
            ModelError: for a size that the tower cannot take.
        """
        merge = config.spatial_merge_size
        edge = config.window_size // config.factor  # merged tokens per edge of a window
        orders, lengths, positions = [], [], []
        first = 0
        for frames, rows, columns in grids:
            if frames != 1 or rows < merge or columns < merge or rows % merge or columns % merge:
                raise ModelError(
                    f"image grid {(frames, rows, columns)}: expected one frame and an even number "
                    f"of patches per edge, {config.factor} px each two"
                )
            high, wide = rows // merge, columns // merge
            tokens = first + torch.arange(high * wide).view(high, wide)
            for top in range(0, high, edge):
                for left in range(0, wide, edge):
                    window = tokens[top : top + edge, left : left + edge].flatten()
                    orders.append(window)
                    lengths.append(len(window) * merge**2)
            # Patches come merge block by merge block, as the merger needs them.
            row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
            positions += [
                axis.view(high, merge, wide, merge).transpose(1, 2).reshape(-1, merge**2)
                for axis in (row, column)
            ]
            first += high * wide
        order = torch.cat(orders)
        head = config.hidden_size // config.num_heads
        frequencies = 1.0 / 10000.0 ** (torch.arange(0, head // 2, 2).float() / (head // 2))
        place = torch.stack([torch.cat(positions[0::2]), torch.cat(positions[1::2])], dim=-1)
        angles = place[order].reshape(-1, 2, 1).float() * frequencies
        angles = angles.reshape(-1, 1, head // 2).repeat(1, 1, 2)
        return cls(
            grids=tuple(grids),
            order=order.to(device),
            back=torch.argsort(order).to(device),
            cos=angles.cos().to(device),
            sin=angles.sin().to(device),
            windows=Segments.of(lengths).to(device),
            images=Segments.of([rows * columns for _, rows, columns in grids]).to(device),
        )


class _Attention(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.heads = config.num_heads
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.proj = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, segments: Segments) -> Tensor:
        qkv = self.qkv(x).view(len(x), 3, self.heads, -1).transpose(0, 1)
        turned = rotate(qkv[:2], cos, sin)
        out: Tensor = self.proj(segments.attend(torch.cat((turned, qkv[2:]))))
        return out


class _Block(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.norm1 = RMSNorm(config.hidden_size, 1e-6)
        self.norm2 = RMSNorm(config.hidden_size, 1e-6)
        self.attn = _Attention(config)
        self.mlp = GatedMLP(config.hidden_size, config.intermediate_size, bias=True)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, segments: Segments) -> Tensor:
        x = x + self.attn(self.norm1(x), cos, sin, segments)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class _PatchEmbed(nn.Module):
    """A convolution whose kernel is one patch: a matrix product on flattened patches."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        kernel = (config.temporal_patch_size, config.patch_size, config.patch_size)
        self.proj = nn.Conv3d(
            config.in_channels, config.hidden_size, kernel, stride=kernel, bias=False
        )

    def forward(self, patches: Tensor) -> Tensor:
        weight = self.proj.weight
        return functional.linear(patches.to(weight.dtype), weight.flatten(1))


class _Merger(nn.Module):
    """Joins the patches of a merge block into one token of the decoder's width."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        width = config.hidden_size * config.spatial_merge_size**2
        self.ln_q = RMSNorm(config.hidden_size, 1e-6)
        self.mlp = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.Linear(width, config.out_hidden_size)
        )
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.mlp(self.ln_q(x).view(-1, self.width))
        return out


class VisionTower(nn.Module):
    """Patches to image tokens; parameters are named as in the checkpoint."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embed = _PatchEmbed(config)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.depth))
        self.merger = _Merger(config)

    def forward(self, patches: Tensor, plan: VisionPlan, run: Run = call) -> Tensor:
        """Return (merged tokens, out_hidden_size), in the order of the images.

        Args:
            patches: (patches, 1176) normalised, image after image, merge block by merge block.
            plan: for the sizes of these images.
            run: how a block is called.
        """
        block = self.config.spatial_merge_size**2
        x = self.patch_embed(patches)
        x = x.view(-1, block, x.shape[-1])[plan.order].view(x.shape)
        full = set(self.config.fullatt_block_indexes)
        for index, layer in enumerate(self.blocks):
            segments = plan.images if index in full else plan.windows
            x = run(layer, x, plan.cos, plan.sin, segments)
        out: Tensor = self.merger(x)[plan.back]
        return out
