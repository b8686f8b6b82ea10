"""Statistics of features as LeRobot keeps them, to normalise with: exact over what they count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

QUANTILES: Final[Mapping[str, float]] = MappingProxyType(
    {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
)
STATISTICS: Final = ("min", "max", "mean", "std", "count", *QUANTILES)
_LEVELS: Final = 256


def vector_statistics(values: NDArray[Any]) -> dict[str, list[float]]:
    """Return the statistics of each dimension, and how many frames they are of.

    Args:
        values: (N, D) or (N,), N > 0.
    """
    exact = values.reshape(len(values), -1).astype(np.float64)  # (N, D)
    found = {
        "min": exact.min(0),
        "max": exact.max(0),
        "mean": exact.mean(0),
        "std": exact.std(0),
        "count": np.array([len(exact)]),
    }
    levels = np.quantile(exact, list(QUANTILES.values()), axis=0)  # (5, D)
    found.update(zip(QUANTILES, levels, strict=True))
    return {name: array.tolist() for name, array in found.items()}


class PictureHistogram:
    """How often each level of each channel occurs in pictures of one camera.

    Levels are whole numbers, so sums of histograms give exact statistics of all pictures that were
    counted, whatever their number.
    """

    def __init__(self, counts: NDArray[np.int64] | None = None, pictures: int = 0) -> None:
        """Begin with nothing counted, or go on from what was.

        Args:
            counts: (3, 256) how often each level occurred.
            pictures: how many pictures these are of.
        """
        self.counts = np.zeros((3, _LEVELS), np.int64) if counts is None else counts
        self.pictures = pictures

    def add(self, picture: NDArray[np.uint8]) -> None:
        """Count a picture, (height, width, 3)."""
        for channel in range(3):
            levels = picture[:, :, channel].ravel()
            self.counts[channel] += np.bincount(levels, minlength=_LEVELS)
        self.pictures += 1

    @staticmethod
    def total(histograms: Sequence[PictureHistogram]) -> PictureHistogram:
        """Return one histogram of the pictures of all."""
        counts = np.sum([histogram.counts for histogram in histograms], axis=0)
        return PictureHistogram(counts, sum(histogram.pictures for histogram in histograms))

    def statistics(self) -> dict[str, list[Any]]:
        """Return the statistics of each channel, nested [[[r]], [[g]], [[b]]], levels 0 to 1.

        The count is of pictures.
        """
        levels = np.arange(_LEVELS) / (_LEVELS - 1)
        total = self.counts.sum(1)  # (3,)
        mean = self.counts @ levels / total
        squares = (self.counts * (levels - mean[:, None]) ** 2).sum(1)
        found = {
            "min": levels[[self._level(channel, 0) for channel in range(3)]],
            "max": levels[[self._level(channel, int(total[channel]) - 1) for channel in range(3)]],
            "mean": mean,
            "std": np.sqrt(squares / total),
        }
        for name, share in QUANTILES.items():
            found[name] = np.array([self._quantile(channel, share) for channel in range(3)])
        nested: dict[str, list[Any]] = {
            name: values[:, None, None].tolist() for name, values in found.items()
        }
        return nested | {"count": [self.pictures]}

    def _level(self, channel: int, rank: int) -> int:
        """Return the level at a place of the sorted pixels."""
        return int(np.searchsorted(np.cumsum(self.counts[channel]), rank, side="right"))

    def _quantile(self, channel: int, share: float) -> float:
        place = share * (int(self.counts[channel].sum()) - 1)
        below = int(place)
        low = self._level(channel, below)
        # The last place has none above it, and a share of 0 of the one above.
        high = self._level(channel, below + 1) if place > below else low
        return (low + (place - below) * (high - low)) / (_LEVELS - 1)
