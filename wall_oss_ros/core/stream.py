"""One input stream as a short history on the sender's clock. The same code serves live and bags."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

Value = TypeVar("Value")

# A stamp this much older than the newest one is another clock (bag loop, simulation reset), not a
# late message: drivers and networks reorder by milliseconds.
RESET_TOLERANCE_NS = 1_000_000_000


class PushOutcome(Enum):
    """What happened to a pushed sample."""

    ACCEPTED = "accepted"
    REPEATED = "repeated stamp"
    LATE = "out of order"
    RESTARTED = "clock jumped back"


@dataclass(frozen=True, slots=True)
class Sample(Generic[Value]):
    """A value, when it was captured and when it arrived [ns]."""

    stamp_ns: int
    received_ns: int
    value: Value


class StreamBuffer(Generic[Value]):
    """The last samples of a stream, in stamp order."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity {capacity}, expected at least 1")
        self._capacity = capacity
        self._samples: list[Sample[Value]] = []

    def push(self, stamp_ns: int, received_ns: int, value: Value) -> PushOutcome:
        """Add a sample; a repeated or late one is left out, a jump back starts anew."""
        outcome = PushOutcome.ACCEPTED
        if self._samples:
            newest = self._samples[-1].stamp_ns
            if stamp_ns == newest:
                return PushOutcome.REPEATED
            if stamp_ns < newest - RESET_TOLERANCE_NS:
                self._samples.clear()
                outcome = PushOutcome.RESTARTED
            elif stamp_ns < newest:
                return PushOutcome.LATE
        self._samples.append(Sample(stamp_ns, received_ns, value))
        del self._samples[: -self._capacity]
        return outcome

    @property
    def newest(self) -> Sample[Value] | None:
        """The sample with the newest stamp."""
        return self._samples[-1] if self._samples else None

    def nearest(self, stamp_ns: int) -> Sample[Value] | None:
        """Return the sample whose stamp is nearest; the older one on a tie."""
        return min(self._samples, key=lambda sample: abs(sample.stamp_ns - stamp_ns), default=None)

    def newest_not_later(self, stamp_ns: int) -> Sample[Value] | None:
        """Return the newest sample whose stamp is not later: no look into the future."""
        index = bisect.bisect_right(self._samples, stamp_ns, key=lambda sample: sample.stamp_ns)
        return self._samples[index - 1] if index else None

    def clear(self) -> None:
        """Forget everything."""
        self._samples.clear()
