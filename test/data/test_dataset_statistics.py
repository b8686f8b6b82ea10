"""Pins: statistics are numpy's over everything they count, whatever was counted where."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wall_oss_ros.data.dataset_statistics import (
    QUANTILES,
    STATISTICS,
    PictureHistogram,
    vector_statistics,
)


@given(seed=st.integers(0, 2**32 - 1), heights=st.lists(st.integers(1, 9), min_size=1, max_size=5))
@settings(deadline=None, max_examples=30, derandomize=True)
def test_sums_of_histograms_are_as_exact_as_all_pixels_at_once(
    seed: int, heights: list[int]
) -> None:
    draw = np.random.default_rng(seed)
    pictures = [draw.integers(0, 256, (height, 5, 3), np.uint8) for height in heights]
    parts = []
    for picture in pictures:
        parts.append(PictureHistogram())
        parts[-1].add(picture)
    found = PictureHistogram.total(parts).statistics()
    pixels = np.concatenate([picture.reshape(-1, 3) for picture in pictures]) / 255
    expected = {
        "min": pixels.min(0),
        "max": pixels.max(0),
        "mean": pixels.mean(0),
        "std": pixels.std(0),
        **{name: np.quantile(pixels, share, axis=0) for name, share in QUANTILES.items()},
    }
    for name, values in expected.items():
        assert np.shape(found[name]) == (3, 1, 1)
        np.testing.assert_allclose(np.ravel(found[name]), values, atol=1e-12)
    assert found["count"] == [len(pictures)]
    assert set(found) == set(STATISTICS)


def test_a_vector_of_whole_numbers_has_exact_statistics() -> None:
    found = vector_statistics(np.arange(101))
    assert found["min"] == [0] and found["max"] == [100] and found["count"] == [101]
    np.testing.assert_allclose(found["q01"] + found["q50"] + found["q99"], [1, 50, 99])
    assert set(found) == set(STATISTICS)


def test_large_sums_lose_nothing_to_float32() -> None:
    values = np.full((200_000, 1), 16_777_217, np.int64)
    assert vector_statistics(values)["mean"] == [16_777_217]
    assert vector_statistics(values)["std"] == [0]
