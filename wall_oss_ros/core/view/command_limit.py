"""Which commands of a browser are carried out: all of a person's, few of a script that runs wild.

An e-stop is never refused. A second one within a moment asks for nothing that the first did not.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum

from wall_oss_ros.core.view.token_bucket import TokenBucket

# Two e-stops closer than this are one [ns].
_SAME_ESTOP_NS = 50_000_000
_BURST_S = 2.0
# All browsers together may ask for as much as so many of them.
_CROWD = 3
_MOST_CLIENTS = 256


class Answer(Enum):
    """What becomes of a command."""

    DO = "do"
    MERGE = "merge"  # the same was asked for just now
    REFUSE = "refuse"


class CommandLimit:
    """Judges each command as it comes; use from one thread, or under a lock.

    Args:
        per_s: commands a second of one browser, steadily [Hz].
    """

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._burst = max(2.0, _BURST_S * per_s)
        self._all = TokenBucket(_CROWD * per_s, _CROWD * self._burst)
        self._of: dict[Hashable, TokenBucket] = {}
        self._estop_ns: int | None = None
        self.refused = 0

    def judge(self, client: Hashable, now_ns: int, *, estop: bool = False) -> Answer:
        """Return what becomes of a command.

        Args:
            client: who asks.
            now_ns: when, on a clock that does not jump [ns].
            estop: whether it is an e-stop.
        """
        if estop:
            last, self._estop_ns = self._estop_ns, now_ns
            if last is not None and 0 <= now_ns - last < _SAME_ESTOP_NS:
                self._estop_ns = last  # so that a flood is sent on at 20 Hz and not never
                return Answer.MERGE
            return Answer.DO
        bucket = self._of.get(client)
        if bucket is None:
            if len(self._of) >= _MOST_CLIENTS:
                self._of.pop(next(iter(self._of)))
            bucket = self._of[client] = TokenBucket(self._per_s, self._burst)
        if bucket.take(now_ns) and self._all.take(now_ns):
            return Answer.DO
        self.refused += 1
        return Answer.REFUSE

    def forget(self, client: Hashable) -> None:
        """Forget a browser that is gone."""
        self._of.pop(client, None)
