"""How much of something is allowed: a burst, then a steady rate."""

from __future__ import annotations

NANOSECONDS = 1_000_000_000


class TokenBucket:
    """Holds up to `burst`, refills at `rate` a second; what is taken is gone.

    Args:
        rate: refill per second, above 0.
        burst: what it holds, and holds at the beginning; above 0.
    """

    def __init__(self, rate: float, burst: float) -> None:
        if rate <= 0.0 or burst <= 0.0:
            raise ValueError(f"rate {rate}, burst {burst}; expected both above 0")
        self._rate, self._burst = rate, burst
        self._level = burst
        self._at_ns: int | None = None

    def take(self, now_ns: int, amount: float = 1.0) -> bool:
        """Take an amount if it is there; return whether it was."""
        self._refill(now_ns)
        if self._level < amount:
            return False
        self._level -= amount
        return True

    def owe(self, now_ns: int, amount: float) -> float:
        """Take an amount in any case; return how long to wait before more is taken [s]."""
        self._refill(now_ns)
        self._level -= amount
        return max(0.0, -self._level / self._rate)

    def _refill(self, now_ns: int) -> None:
        if self._at_ns is not None:
            passed_s = max(0, now_ns - self._at_ns) / NANOSECONDS
            self._level = min(self._burst, self._level + passed_s * self._rate)
        self._at_ns = now_ns
