"""Ties the codes of action chunks to what the robot sees happen while it carries them out.

Two options of the action tokenizer, after those of X-Tokenizer (arXiv 2606.14752). Both are small
heads that only training has. *Alignment*: of all changes of the pictures in a batch, a chunk's
codes find the one that it brought about (contrastive, arXiv 1807.03748). *Next frame*: from the
pictures before a chunk and its codes follow the pictures behind it. Pictures are thumbnails here:
what moves is a gripper and a cube, and no other network is needed to see that.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

# Edge of a thumbnail [px], channels of the heads, sharpness of the choice among changes.
_EDGE = 8
_WIDTH = 128
_TEMPERATURE = 0.1
# Variance of a thumbnail's numbers that no loss is divided by less than: noise of the camera.
_LEAST_VARIANCE = 1e-5


def thumbnails(pictures: Tensor) -> Tensor:
    """Return (n, cameras * 192) uint8 thumbnails of pictures (n, cameras, h, w, 3) uint8."""
    count, cameras = pictures.shape[:2]
    colours = pictures.flatten(0, 1).permute(0, 3, 1, 2).to(torch.float32)
    small = functional.adaptive_avg_pool2d(colours, _EDGE).round().to(torch.uint8)
    return small.reshape(count, cameras * 3 * _EDGE * _EDGE)


class PictureLosses(nn.Module):
    """The two heads.

    Args:
        codes: numbers of a chunk's codes.
        pixels: numbers of a thumbnail.
    """

    def __init__(self, codes: int, pixels: int) -> None:
        super().__init__()
        self.of_codes = _head(codes, _WIDTH)
        self.of_change = _head(2 * pixels, _WIDTH)
        self.onwards = _head(codes + pixels, pixels)

    def forward(self, codes: Tensor, before: Tensor, behind: Tensor) -> tuple[Tensor, Tensor]:
        """Return the losses of alignment and of the next frame.

        Both are 1 for codes that tell nothing: alignment as a share of choosing at random, the next
        frame as a share of the variance of what changes.

        Args:
            codes: (n, codes) of chunks, n above 1.
            before: (n, pixels) uint8 thumbnails at their beginnings.
            behind: (n, pixels) uint8 at their ends.
        """
        first = before.to(torch.float32) / 255.0 - 0.5
        change = (behind.to(torch.float32) - before.to(torch.float32)) / 255.0
        seen = functional.normalize(self.of_change(torch.cat((first, change), dim=1)), dim=1)
        meant = functional.normalize(self.of_codes(codes), dim=1)
        alike = meant @ seen.T / _TEMPERATURE
        which = torch.arange(len(codes), device=codes.device)
        chosen = functional.cross_entropy(alike, which) + functional.cross_entropy(alike.T, which)
        align = chosen / (2.0 * torch.log(torch.tensor(float(len(codes)))))
        wrong = self.onwards(torch.cat((codes, first), dim=1)) - change
        return align, wrong.square().mean() / (change.var() + _LEAST_VARIANCE)


def _head(width: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, _WIDTH), nn.SiLU(), nn.Linear(_WIDTH, out))
