"""How sure a share or a mean of few episodes is: 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

_Z = 1.959963984540054  # of a normal distribution, two-sided 95 %
_DRAWS = 2000


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Return Wilson's score interval of a share, 0 to 1 (Wilson 1927, JASA 22:209).

    Args:
        successes: how many of the trials.
        trials: at least one.
    """
    share, square = successes / trials, _Z**2 / trials
    middle = (share + square / 2) / (1 + square)
    half = _Z / (1 + square) * math.sqrt(share * (1 - share) / trials + square / (4 * trials))
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap(values: Sequence[float], rng: np.random.Generator) -> tuple[float, float]:
    """Return the percentile interval of a mean under resampling.

    Args:
        values: at least one.
        rng: of the resampling.
    """
    drawn = rng.choice(np.asarray(values, np.float64), (_DRAWS, len(values)))
    low, high = np.quantile(drawn.mean(axis=1), [0.025, 0.975])
    return float(low), float(high)
