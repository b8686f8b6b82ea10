"""Pins: the model sees the pixels that it was trained on.

Sizes follow the published rules, resizing equals Pillow's bicubic bit by bit, patches equal
those of the Qwen2-VL image processor.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wall_oss_ros.core.errors import ModelError
from wall_oss_ros.model.bicubic import resample
from wall_oss_ros.model.config import VisionConfig
from wall_oss_ros.model.images import (
    MAX_PIXELS,
    MEAN,
    MIN_PIXELS,
    STD,
    checked_frame,
    grid,
    patchify,
    resize,
    resize_steps,
)

Array = np.ndarray
VISION = VisionConfig()
sides = st.integers(1, 3000)


def noise(height: int, width: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def checkerboard(height: int, width: int) -> Array:
    """Black and white: the kernel overshoots as much as it can."""
    return noise(height, width) // 128 * 255


def smooth(height: int, width: int) -> Array:
    y, x = np.mgrid[0:height, 0:width]
    planes = [127 + 120 * np.sin(y / 31 + x / 17), y * 255 / height, x * 255 / width]
    return np.stack(planes, axis=-1).astype(np.uint8)


def pillow(frame: Array, height: int, width: int) -> Array:
    image = pytest.importorskip("PIL.Image")
    # One after the other: which one Pillow takes first depends on its version.
    wide = image.fromarray(frame).resize((width, len(frame)), image.Resampling.BICUBIC)
    return np.asarray(wide.resize((width, height), image.Resampling.BICUBIC))


# --- sizes


@pytest.mark.parametrize(
    ("height", "width", "long_side", "first", "target", "tokens"),
    [
        (448, 448, 448, (448, 448), (448, 448), 256),
        (480, 640, 448, (336, 448), (336, 448), 192),
        (640, 480, 448, (448, 336), (448, 336), 192),
        (256, 256, 256, (256, 256), (252, 252), 81),
        (480, 640, 256, (192, 256), (196, 252), 63),
        (480, 640, -1, (480, 640), (476, 644), 391),
        (720, 1280, 448, (252, 448), (252, 448), 144),
        (128, 128, 448, (448, 448), (448, 448), 256),
        (1, 1, -1, (1, 1), (56, 56), 4),
        (70, 98, -1, (70, 98), (56, 112), 8),  # 2.5 and 3.5 times 28: half to even
        (8000, 8000, -1, (8000, 8000), (3584, 3584), 16384),
    ],
)
def test_the_size_follows_the_two_published_steps(
    height: int,
    width: int,
    long_side: int,
    first: tuple[int, int],
    target: tuple[int, int],
    tokens: int,
) -> None:
    assert resize_steps(height, width, long_side) == (first, target)
    _, rows, columns = grid(*target)
    assert rows * columns // 4 == tokens


@given(sides, sides, st.sampled_from([-1, 256, 448]))
def test_both_sides_are_multiples_of_28_within_the_range_of_pixels(
    height: int, width: int, long_side: int
) -> None:
    try:
        _, (rows, columns) = resize_steps(height, width, long_side)
    except ModelError:
        assert max(height, width) / min(height, width) > 100
        return
    assert rows % 28 == columns % 28 == 0
    assert MIN_PIXELS <= rows * columns <= MAX_PIXELS
    assert resize_steps(rows, columns)[1] == (rows, columns), "the processor's own resize is idle"


@given(sides, sides)
def test_the_second_step_is_that_of_the_published_image_processor(height: int, width: int) -> None:
    module = pytest.importorskip("transformers.models.qwen2_vl.image_processing_pil_qwen2_vl")
    if max(height, width) > 200 * min(height, width):
        with pytest.raises(ModelError, match="200"):
            resize_steps(height, width)
    elif min(height, width) >= 28:  # below, its rounding gives 0
        theirs = module.smart_resize(height, width, 28, MIN_PIXELS, MAX_PIXELS)
        assert resize_steps(height, width)[1] == theirs


@pytest.mark.parametrize(("height", "width"), [(1, 201), (2011, 10), (0, 5)])
def test_a_picture_without_area_or_hardly_any_is_refused(height: int, width: int) -> None:
    with pytest.raises(ModelError, match=f"{width}x{height}"):
        resize_steps(height, width)


# --- resizing


@pytest.mark.parametrize("draw", [noise, checkerboard, smooth])
@pytest.mark.parametrize(
    ("size", "target"),
    [
        ((480, 640), (336, 448)),
        ((640, 480), (448, 336)),
        ((256, 256), (252, 252)),
        ((128, 128), (448, 448)),
        ((720, 1280), (252, 448)),
        ((37, 53), (84, 112)),
        ((100, 100), (100, 60)),
        ((100, 100), (60, 100)),
        ((1, 9), (28, 3)),
    ],
)
def test_resizing_equals_pillow(
    draw: object, size: tuple[int, int], target: tuple[int, int]
) -> None:
    frame = draw(*size)  # type: ignore[operator]
    ours = resample(torch.from_numpy(frame), *target)
    assert ours.dtype == torch.uint8 and ours.is_contiguous()
    assert np.array_equal(ours.numpy(), pillow(frame, *target))


small = st.integers(1, 40)


@given(small, small, small, small, st.integers(0, 9))
@example(1, 1, 40, 40, 0)
def test_resizing_equals_pillow_at_any_size(
    height: int, width: int, rows: int, columns: int, seed: int
) -> None:
    frame = noise(height, width, seed)
    ours = resample(torch.from_numpy(frame), rows, columns)
    assert np.array_equal(ours.numpy(), pillow(frame, rows, columns))


def test_a_picture_is_resized_twice_where_it_was_in_training() -> None:
    frame = noise(480, 640)
    ours = resize(frame, 256)
    assert np.array_equal(ours.numpy(), pillow(pillow(frame, 192, 256), 196, 252))
    assert not np.array_equal(ours.numpy(), pillow(frame, 196, 252))


def test_a_picture_that_fits_is_not_touched() -> None:
    frame = noise(448, 448)
    same = resize(frame, 448)
    assert np.shares_memory(same.numpy(), frame)
    tensor = torch.from_numpy(frame)
    assert resize(tensor, 448).data_ptr() == tensor.data_ptr()


def test_arrays_and_tensors_give_the_same() -> None:
    frame = noise(96, 128)
    assert torch.equal(resize(frame, 112), resize(torch.from_numpy(frame), 112))


def test_views_are_taken_as_they_look() -> None:
    frame = noise(60, 90)
    reversed_colours = frame[..., ::-1]
    upside_down = frame[::-1, ::-1]
    every_second = noise(120, 180)[::2, ::2]
    read_only = frame.copy()
    read_only.setflags(write=False)
    for view in (reversed_colours, upside_down, every_second, read_only):
        expected = torch.from_numpy(np.ascontiguousarray(view).copy())
        assert torch.equal(checked_frame(view), expected)
        assert torch.equal(resize(view, 56), resize(expected, 56))


def test_read_only_memory_is_taken_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    frame = np.frombuffer(noise(28, 56).tobytes(), np.uint8).reshape(28, 56, 3)
    checked_frame(frame)
    assert not recwarn.list


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (np.zeros((28, 28, 3), np.float32), "face_view is float32; expected uint8"),
        (np.full((28, 28, 3), np.nan), "face_view is float64 and holds NaN at 2352 places"),
        (torch.full((28, 28, 3), math.nan), "face_view is float32 and holds NaN at 2352 places"),
        (torch.zeros(28, 28, 3, dtype=torch.int16), "face_view is int16; expected uint8"),
        (np.zeros((28, 28), np.uint8), r"face_view has shape \(28, 28\); expected \(h, w, 3\)"),
        (np.zeros((28, 28, 4), np.uint8), r"face_view has shape \(28, 28, 4\)"),
        (np.zeros((3, 28, 28), np.uint8), r"face_view has shape \(3, 28, 28\)"),
        (np.zeros((0, 28, 3), np.uint8), r"face_view has shape \(0, 28, 3\)"),
        (np.zeros((1, 300, 3), np.uint8), "face_view: picture is 300x1"),
        ([[[0, 0, 0]]], "face_view is a list; expected a uint8 array"),
        (None, "face_view is a NoneType"),
    ],
)
def test_what_is_no_picture_is_refused(frame: object, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        resize(frame, 448, name="face_view")


# --- patches


def expected_patches(frame: Array) -> Array:
    """Patch by patch, number by number, in float64."""
    scaled = (frame / 255.0 - np.array(MEAN)) / np.array(STD)  # (h, w, 3)
    out = []
    for row in range(0, len(frame), 28):
        for column in range(0, frame.shape[1], 28):
            for down in (0, 14):
                for right in (0, 14):
                    top, left = row + down, column + right
                    patch = scaled[top : top + 14, left : left + 14].transpose(2, 0, 1)
                    out.append(np.stack([patch, patch], axis=1).ravel())  # (3, 2, 14, 14)
    return np.array(out)


@given(arrays(np.uint8, (56, 84, 3)))
def test_patches_are_those_of_the_description(frame: Array) -> None:
    ours = patchify(torch.from_numpy(frame)[None], VISION)
    assert ours.dtype == torch.float32 and ours.shape == (24, 1176)
    assert ours.numpy() == pytest.approx(expected_patches(frame), abs=1e-6)


@pytest.mark.parametrize(("height", "width"), [(56, 56), (84, 112), (336, 448)])
def test_patches_equal_those_of_the_published_image_processor(height: int, width: int) -> None:
    module = pytest.importorskip("transformers.models.qwen2_vl.image_processing_pil_qwen2_vl")
    processor = module.Qwen2VLImageProcessorPil(min_pixels=MIN_PIXELS, max_pixels=MAX_PIXELS)
    frame = noise(height, width)
    theirs = processor(images=[frame], return_tensors="np")
    assert theirs["image_grid_thw"].tolist() == [list(grid(height, width))]
    ours = patchify(torch.from_numpy(frame)[None], VISION)
    assert ours.numpy() == pytest.approx(theirs["pixel_values"], abs=1e-6)


def test_a_stack_is_cut_like_its_pictures() -> None:
    frames = torch.from_numpy(np.stack([noise(56, 84, seed) for seed in range(3)]))
    one_by_one = torch.cat([patchify(frame[None], VISION) for frame in frames])
    assert torch.equal(patchify(frames, VISION), one_by_one)


@pytest.mark.parametrize(
    ("frames", "says"),
    [
        (torch.zeros(1, 28, 28, 3), "torch.float32"),
        (torch.zeros(28, 28, 3, dtype=torch.uint8), "expected uint8"),
        (torch.zeros(1, 30, 28, 3, dtype=torch.uint8), "28x30.*multiples of 28"),
        (torch.zeros(0, 28, 28, 3, dtype=torch.uint8), "0 pictures"),
    ],
)
def test_only_resized_pictures_are_cut(frames: torch.Tensor, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        patchify(frames, VISION)


def test_cutting_does_not_wait_for_the_device() -> None:
    """On the meta device nothing has a value: whatever asks for one fails."""
    frames = torch.zeros(2, 56, 84, 3, dtype=torch.uint8, device="meta")
    assert patchify(frames, VISION).shape == (48, 1176)
