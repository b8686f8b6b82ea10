"""Resizes pictures as Pillow does, bit by bit, with nothing but torch, on any device.

The checkpoints were trained on pictures that Pillow resized. Torch's own antialiased bicubic is up
to 2 grey levels away, because it rounds its weights differently. Here the weights are Pillow's: the
cubic kernel with a = -0.5, stretched when shrinking, in fixed point with 22 bits
(``src/libImaging/Resample.c`` of Pillow); first to the width, then to the height, with whole grey
levels in between. Pillow 13 takes the height first where it shrinks much more than the width; the
checkpoints are older.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from torch import Tensor

_A = -0.5  # the kernel's free number (R. Keys, 1981)
_REACH = 2.0  # of the kernel, in pixels of the coarser grid
_BITS = 22  # of a weight; 8 for the grey level, 2 for sums that overshoot, fill 32

# Input pixel and its weight, per tap: (n_out,) int64 and (n_out, 1) int32 tensors.
_Taps = tuple[tuple[Tensor, Tensor], ...]


def resample(frame: Tensor, height: int, width: int) -> Tensor:
    """Return a picture of another size.

    Args:
        frame: (h, w, c) uint8.
        height: of the result [px].
        width: of the result [px].

    Returns:
        (height, width, c) uint8 on the same device; the frame itself where the size fits.
    """
    if width != frame.shape[1]:
        frame = _along_rows(frame.transpose(0, 1), width).transpose(0, 1)
    if height != frame.shape[0]:
        frame = _along_rows(frame, height)
    return frame.contiguous()


def _along_rows(frame: Tensor, size: int) -> Tensor:
    """Return (size, w, c) uint8 of a picture (h, w, c) uint8."""
    flat = frame.reshape(len(frame), -1).to(torch.int32)
    half = 1 << (_BITS - 1)
    total = torch.full((size, flat.shape[1]), half, dtype=torch.int32, device=frame.device)
    for pixel, weight in _taps(len(frame), size, frame.device):
        total.addcmul_(flat.index_select(0, pixel), weight)
    return (total >> _BITS).clamp_(0, 255).to(torch.uint8).view(size, *frame.shape[1:])


@functools.lru_cache(maxsize=64)
def _taps(size_in: int, size_out: int, device: torch.device) -> _Taps:
    """Return which input pixels an output pixel is made of, and how much of each."""
    scale = size_in / size_out
    stretch = max(scale, 1.0)
    reach = _REACH * stretch
    centre = (np.arange(size_out) + 0.5) * scale
    # Truncation, as in C: both are positive once the picture's border cuts them.
    first = np.maximum(0, (centre - reach + 0.5).astype(np.int64))
    end = np.minimum(size_in, (centre + reach + 0.5).astype(np.int64))
    count = 2 * math.ceil(reach) + 1
    pixels = first[:, None] + np.arange(count)  # (size_out, count)
    inside = pixels < end[:, None]
    weights = np.where(inside, _kernel((pixels - centre[:, None] + 0.5) / stretch), 0.0)
    # Summed one by one, in Pillow's order: the last bit can decide a rounding.
    total = functools.reduce(np.add, weights.T)
    fixed = weights / total[:, None] * (1 << _BITS)
    whole = np.trunc(fixed + np.copysign(0.5, fixed)).astype(np.int32)
    pixels = np.where(inside, pixels, 0)
    return tuple(
        (
            torch.from_numpy(pixels[:, tap].copy()).to(device),
            torch.from_numpy(whole[:, tap, None].copy()).to(device),
        )
        for tap in range(count)
        if whole[:, tap].any()
    )


def _kernel(x: np.ndarray) -> np.ndarray:
    """Return the cubic convolution kernel at distances x."""
    x = np.abs(x)
    near = ((_A + 2.0) * x - (_A + 3.0)) * x * x + 1.0
    far = (((x - 5.0) * x + 8.0) * x - 4.0) * _A
    return np.where(x < 1.0, near, np.where(x < _REACH, far, 0.0))
