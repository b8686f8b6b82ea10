"""A loop's histogram of lateness as figures."""

from __future__ import annotations

from dataclasses import dataclass

from wall_oss_ros.core.errors import BringUpError

_WIDTH = 50


@dataclass(frozen=True, slots=True)
class Lateness:
    """Ticks by how late they began.

    Attributes:
        bounds_ms: upper edges of the bins [ms].
        counts: ticks per bin; one more than edges.
    """

    bounds_ms: tuple[float, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.bounds_ms or len(self.counts) != len(self.bounds_ms) + 1:
            raise BringUpError(
                f"a histogram of {len(self.counts)} bins and {len(self.bounds_ms)} edges; expected "
                "one bin more than edges"
            )

    def since(self, earlier: Lateness) -> Lateness:
        """Return what was counted after an earlier state of the same histogram.

        Raises:
            BringUpError: if it began anew in between.
        """
        counts = tuple(now - then for now, then in zip(self.counts, earlier.counts, strict=True))
        if min(counts) < 0:
            raise BringUpError("the loop was started anew while it was measured")
        return Lateness(self.bounds_ms, counts)

    @property
    def ticks(self) -> int:
        """Number of ticks."""
        return sum(self.counts)

    def percentile_ms(self, percent: float) -> float:
        """Return the upper edge of the bin that holds a percentile [ms]; infinite past the last."""
        if not self.ticks:
            return float("nan")
        wanted, seen = percent / 100.0 * self.ticks, 0
        for count, edge in zip(self.counts, (*self.bounds_ms, float("inf")), strict=True):
            seen += count
            if seen >= wanted and count:
                return edge
        return float("inf")

    def within(self, percent: float, limit_ms: float) -> bool:
        """Return whether a percentile is certainly at most a limit."""
        return self.percentile_ms(percent) <= limit_ms

    def figures(self) -> tuple[str, ...]:
        """Return ticks, p50, p99, p99.9 and the largest, as bounds: what is known of them."""
        return (
            str(self.ticks),
            *(self._bound(self.percentile_ms(percent)) for percent in (50.0, 99.0, 99.9, 100.0)),
        )

    def drawn(self) -> str:
        """Return the histogram as lines of text."""
        most = max(*self.counts, 1)
        names = [f"<= {edge:g} ms" for edge in self.bounds_ms] + [f"> {self.bounds_ms[-1]:g} ms"]
        return "\n".join(
            f"  {name:>10} {count:7} {'#' * -(-_WIDTH * count // most)}"
            for name, count in zip(names, self.counts, strict=True)
        )

    def _bound(self, ms: float) -> str:
        return f"> {self.bounds_ms[-1]:g}" if ms == float("inf") else f"<= {ms:g}"
