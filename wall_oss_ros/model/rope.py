"""Rotary positions: the three-axis index of Qwen2.5-VL and the tables made from it.

A text token has the same position on the axes time, height and width; an image that starts at s has
time s, height s + row and width s + column on its merged grid; the next token follows the largest
position used (Qwen2-VL technical report, arXiv 2409.12191, section 2.1).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from wall_oss_ros.core.errors import ModelError


def position_ids(
    input_ids: Tensor, grids: Sequence[tuple[int, int, int]], image_token_id: int, merge: int
) -> Tensor:
    """Return positions (3, B, S) on the axes time, height, width.

    Args:
        input_ids: (B, S), unpadded.
        grids: frames, rows and columns of patches of every image, row after row of the batch.
        image_token_id: placeholder of a merged image token.
        merge: patches per edge of a merged token.

    Raises:
        ModelError: if the placeholders do not fit the images.
    """
    remaining = list(grids)
    rows = []
    for row in input_ids.tolist():
        positions: list[Tensor] = []
        index, start = 0, 0
        while index < len(row):
            if row[index] != image_token_id:
                run = index
                while run < len(row) and row[run] != image_token_id:
                    run += 1
                text = torch.arange(start, start + run - index)
                positions.append(text.expand(3, -1))
                start, index = start + run - index, run
                continue
            if not remaining:
                raise ModelError("the prompt holds more image placeholders than images were given")
            frames, high, wide = remaining.pop(0)
            high, wide = high // merge, wide // merge
            count = frames * high * wide
            if row[index : index + count] != [image_token_id] * count:
                raise ModelError(
                    f"an image of {count} tokens ({wide} x {high}) meets another number of "
                    f"placeholders at position {index} of the prompt"
                )
            if frames != 1:
                raise ModelError(f"an image has {frames} frames; expected 1 (video is unsupported)")
            image = torch.stack(
                [
                    torch.zeros(high, wide, dtype=torch.long),
                    torch.arange(high)[:, None].expand(high, wide),
                    torch.arange(wide)[None, :].expand(high, wide),
                ]
            )
            positions.append(start + image.reshape(3, count))
            start, index = start + max(high, wide), index + count
        rows.append(torch.cat(positions, dim=1))
    if remaining:
        raise ModelError(f"{len(remaining)} images have no placeholders in the prompt")
    return torch.stack(rows, dim=1)


class MultimodalRope(torch.nn.Module):
    """Cosines and sines for positions on three axes.

    The frequencies of a head are cut into runs of `sections`; run i turns with axis i.
    """

    def __init__(self, head_dim: int, theta: float, sections: Sequence[int]) -> None:
        super().__init__()
        if sum(sections) != head_dim // 2:
            raise ModelError(f"mrope_section {list(sections)} does not add up to {head_dim // 2}")
        self.head_dim, self.theta = head_dim, theta
        self.sections = tuple(sections)

    def forward(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return cosine and sine (B, 1, S, head_dim), float32, for positions (3, B, S)."""
        device = positions.device
        index = torch.arange(0, self.head_dim, 2, device=device, dtype=torch.float32)
        frequencies = 1.0 / self.theta ** (index / self.head_dim)
        # (head_dim / 2, B, S): the position on the axis of each frequency.
        along = torch.cat(
            [positions[axis].expand(run, -1, -1) for axis, run in enumerate(self.sections)]
        )
        angles = along.permute(1, 2, 0).to(torch.float32) * frequencies
        angles = torch.cat((angles, angles), dim=-1)[:, None]
        return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn x by the tables; channel i is paired with channel i + half ("rotate half")."""
    first, second = x.to(torch.float32).chunk(2, dim=-1)
    turned = torch.cat((-second, first), dim=-1)
    return (x.to(torch.float32) * cos + turned * sin).to(x.dtype)
