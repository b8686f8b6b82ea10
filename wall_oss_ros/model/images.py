"""Pictures on their way to the vision tower: which size, resized, cut into patches.

The size follows the published code in two steps: the long side to a resolution, then both sides to
multiples of 28 within a range of pixels. A picture is resized twice where the steps differ, as it
was in training.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wall_oss_ros.core.errors import ModelError
from wall_oss_ros.model.bicubic import resample
from wall_oss_ros.model.config import VisionConfig

# Qwen2.5-VL: a patch is 14 px wide, 2 by 2 of them become a token.
FACTOR = 28
MIN_PIXELS = 4 * 28 * 28
MAX_PIXELS = 16384 * 28 * 28
MAX_ASPECT = 200
# A resolution that leaves the long side alone.
OFF = -1

# Mean and standard deviation of red, green and blue in CLIP's training pictures, of 0 to 1.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)

Size = tuple[int, int]


def resize_steps(
    height: int, width: int, long_side: int = OFF, factor: int = FACTOR
) -> tuple[Size, Size]:
    """Return the two sizes, height and width [px] each, that a picture takes one after the other.

    Args:
        height: of the picture [px].
        width: of the picture [px].
        long_side: what the longer side becomes first [px]; -1 leaves it. The other keeps the
            aspect, rounded down.
        factor: both sides then become the nearest multiples of this [px], within the range of
            pixels that Qwen2.5-VL takes.

    Raises:
        ModelError: for an empty picture, or one more than 200 times as long as wide.
    """
    if min(height, width) < 1:
        raise ModelError(f"picture is {width}x{height}; expected at least 1x1 pixels")
    first = (height, width)
    if long_side != OFF and width > height:
        first = (int(long_side * height / width), long_side)
    elif long_side != OFF:
        first = (long_side, int(long_side * width / height))
    if max(first) > MAX_ASPECT * min(first):
        raise ModelError(
            f"picture is {width}x{height}; expected one side at most {MAX_ASPECT} times the other"
        )
    return first, _multiples(*first, factor)


def _multiples(height: int, width: int, factor: int) -> Size:
    """Round half to even; outside the range of pixels scale into it, and round to its inside."""
    rows = max(factor, round(height / factor) * factor)
    columns = max(factor, round(width / factor) * factor)
    if rows * columns > MAX_PIXELS:
        shrink = math.sqrt(height * width / MAX_PIXELS)
        rows = max(factor, math.floor(height / shrink / factor) * factor)
        columns = max(factor, math.floor(width / shrink / factor) * factor)
    elif rows * columns < MIN_PIXELS:
        grow = math.sqrt(MIN_PIXELS / (height * width))
        rows = math.ceil(height * grow / factor) * factor
        columns = math.ceil(width * grow / factor) * factor
    return rows, columns


def resize(frame: Any, long_side: int = OFF, factor: int = FACTOR, name: str = "picture") -> Tensor:
    """Return a picture at the size at which the model sees it.

    Args:
        frame: uint8 (h, w, 3) RGB, array or tensor.
        long_side: see `resize_steps`.
        factor: see `resize_steps`.
        name: for messages, e.g. the camera.

    Returns:
        (rows, columns, 3) uint8 on the frame's device, Pillow's bicubic bit by bit. Where the size
        fits it is the frame itself and may share its memory.

    Raises:
        ModelError: for a picture that cannot be used, see `checked_frame` and `resize_steps`.
    """
    picture = checked_frame(frame, name)
    try:
        steps = resize_steps(picture.shape[0], picture.shape[1], long_side, factor)
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from None
    for rows, columns in steps:
        picture = resample(picture, rows, columns)
    return picture


def checked_frame(frame: Any, name: str = "picture") -> Tensor:
    """Return a picture as a (h, w, 3) uint8 tensor; memory is shared where torch can.

    Args:
        frame: array or tensor, RGB.
        name: for messages, e.g. the camera.

    Raises:
        ModelError: for another type, another shape, or no pixels; NaN is named.
    """
    if not isinstance(frame, np.ndarray | Tensor):
        raise ModelError(f"{name} is a {type(frame).__name__}; expected a uint8 array (h, w, 3)")
    kind, shape = str(frame.dtype).removeprefix("torch."), tuple(frame.shape)
    if kind != "uint8":
        raise ModelError(f"{name} is {kind}{_nan_text(frame)}; expected uint8 of 0 to 255")
    if len(shape) != 3 or shape[2] != len(MEAN) or 0 in shape:
        raise ModelError(f"{name} has shape {shape}; expected (h, w, 3) with h and w above 0")
    if isinstance(frame, Tensor):
        return frame
    # Torch refuses negative strides (BGR seen as RGB) and warns of read-only memory (a message's).
    if not frame.flags.writeable or min(frame.strides) < 0:
        frame = frame.copy()
    return torch.from_numpy(frame)


def _nan_text(frame: np.ndarray | Tensor) -> str:
    if isinstance(frame, Tensor):
        bad = frame.isnan() if frame.is_floating_point() else None
    else:
        bad = np.isnan(frame) if frame.dtype.kind == "f" else None
    return f" and holds NaN at {int(bad.sum())} places" if bad is not None and bad.any() else ""


def grid(height: int, width: int, patch: int = 14) -> tuple[int, int, int]:
    """Return frames (1), rows and columns of patches of a resized picture."""
    return 1, height // patch, width // patch


def patchify(frames: Tensor, vision: VisionConfig) -> Tensor:
    """Return the rows that the vision tower reads.

    Only tensor operations with numbers known beforehand: fit for CUDA graphs and torch.compile.

    Args:
        frames: (n, h, w, 3) uint8, sides multiples of ``vision.factor``.
        vision: sizes of patches.

    Returns:
        (n * patches, 3 * 2 * 14 * 14) float32 on the same device: colours normalised, a still
        picture repeated in time; the patches of a merged token are neighbours.

    Raises:
        ModelError: for another shape or type.
    """
    if frames.dtype != torch.uint8 or frames.ndim != 4 or frames.shape[3] != len(MEAN):
        raise ModelError(
            f"pictures are {frames.dtype} {tuple(frames.shape)}; expected uint8 (n, h, w, 3)"
        )
    count, height, width, _ = frames.shape
    if height % vision.factor or width % vision.factor or not frames.numel():
        raise ModelError(
            f"{count} pictures of {width}x{height}; expected at least one, with sides that are "
            f"multiples of {vision.factor}: resize them first"
        )
    # (value / 255 - mean) / std with one multiplication and one addition.
    colours = [
        frames[..., c].to(torch.float32) * (1.0 / (255.0 * std)) - mean / std
        for c, (mean, std) in enumerate(zip(MEAN, STD, strict=True))
    ]
    patch, merge = vision.patch_size, vision.spatial_merge_size
    rows, columns = height // vision.factor, width // vision.factor
    x = torch.stack(colours, dim=1)  # (n, 3, h, w)
    x = x.view(count, len(colours), rows, merge, patch, columns, merge, patch)
    x = x.permute(0, 2, 5, 3, 6, 1, 4, 7)  # (n, rows, columns, merge, merge, 3, patch, patch)
    x = x.unsqueeze(6).expand(*x.shape[:6], vision.temporal_patch_size, patch, patch)
    return x.reshape(-1, vision.patch_numbers)
