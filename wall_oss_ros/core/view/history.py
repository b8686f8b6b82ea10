"""Figures over the last seconds, as a plot wants them."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

NANOSECONDS = 1_000_000_000
_MOST_POINTS = 1200


class History:
    """Named series over one time axis.

    Args:
        names: of the series.
        seconds: how far back it goes.
        most: samples that are kept at most.
    """

    def __init__(self, names: tuple[str, ...], seconds: float, most: int = _MOST_POINTS) -> None:
        self.names = names
        self._keep_ns = round(seconds * NANOSECONDS)
        self._samples: deque[tuple[int, tuple[float, ...]]] = deque(maxlen=most)

    def add(self, now_ns: int, values: tuple[float, ...]) -> None:
        """Take one value per series; NaN where it is not known.

        Args:
            now_ns: when [ns]; going back in time begins anew.
            values: in the order of the names.

        Raises:
            ValueError: for another number of values.
        """
        if len(values) != len(self.names):
            raise ValueError(f"{len(values)} values for the series {', '.join(self.names)}")
        if self._samples and now_ns <= self._samples[-1][0]:
            self._samples.clear()
        self._samples.append((now_ns, values))
        while self._samples[0][0] < now_ns - self._keep_ns:
            self._samples.popleft()

    def columns(self) -> tuple[NDArray[np.float64], ...]:
        """Return times before the newest [s, negative or 0] and one array per series, all (N,)."""
        if not self._samples:
            return tuple(np.zeros(0) for _ in range(len(self.names) + 1))
        times = np.array([stamp for stamp, _ in self._samples], dtype=np.int64)
        values = np.array([values for _, values in self._samples], dtype=np.float64)
        return ((times - times[-1]) / NANOSECONDS, *values.T)
