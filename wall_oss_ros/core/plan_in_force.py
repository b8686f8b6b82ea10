"""Which motion the next chunk goes on from, and how much of it will be over when it arrives.

The executor reports what it really follows (`CommittedPlan`): of which chunk how much, since when
and how fast. A report always comes later than the chunk it is about. Until then the chunk that was
published last stands in for it, for a short time and only for a robot that was following. What the
rows of that chunk were to the policy, they stay.
"""

from __future__ import annotations

import math
from dataclasses import replace

from wall_oss_ros.core.chunk import NANOSECONDS, ActionChunk
from wall_oss_ros.core.committed import committed_rows, plan_of
from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.rates import Percentiles

# Before any chunk was measured [s].
_FIRST_GUESS_S = 0.1
# The executor reports ten times a second and on every chunk; silence of three periods is a fault.
_SILENCE_S = 0.3


class DelayEstimate:
    """How long the next chunk will take, from how long the last ones took.

    Measured from an observation's capture until its chunk is followed. The largest of the window by
    default: a chunk that arrives later than planned for is joined by force, one that arrives sooner
    costs a little freedom. Calls that are slow for reasons of their own (the first ones, which
    compile and allocate) are not to be given, or they count until the window forgets.
    """

    def __init__(self, initial_s: float, window: int = 50, percent: float = 100.0) -> None:
        """Begin with a guess.

        Args:
            initial_s: the estimate before the first measurement [s].
            window: how many measurements count.
            percent: which percentile of them is the estimate; 100 for the largest.

        Raises:
            ValueError: if one of them is out of range.
        """
        if not (0.0 <= initial_s < math.inf and window >= 1 and 0.0 <= percent <= 100.0):
            raise ValueError(f"initial_s {initial_s}, window {window}, percent {percent}")
        self._guess_s, self._percent = initial_s, percent
        self._measured = Percentiles(window)
        self.count = 0

    def add(self, latency_s: float) -> None:
        """Take a measurement [s]; a stamp ahead of the clock, a negative latency, is no delay.

        Raises:
            ValueError: if it is not finite.
        """
        self._measured.add(_checked(latency_s))
        self.count += 1

    def guess(self, latency_s: float) -> None:
        """Replace the guess that holds until the first measurement [s].

        Raises:
            ValueError: if it is not finite.
        """
        self._guess_s = _checked(latency_s)

    @property
    def seconds(self) -> float:
        """The estimate [s]."""
        return self._measured.at(self._percent)[0] if self.count else self._guess_s


class PlanInForce:
    """Keeps the executor's last report and the chunk it has not answered yet.

    One thread uses it.
    """

    def __init__(self) -> None:
        """Begin with nothing to go on from."""
        self._report: CommittedPlan | None = None
        self._sent: ActionChunk | None = None
        self._sent_ns = 0
        self._slow: set[int] = set()  # sequence numbers whose delay says nothing about the next
        self._delay = DelayEstimate(_FIRST_GUESS_S)

    def forget(self) -> None:
        """There is nothing to go on from until a chunk of this new beginning is followed."""
        self._sent = None
        self._slow.clear()

    def published(self, chunk: ActionChunk, *, slow: bool = False) -> None:
        """Take a chunk that goes out now.

        Args:
            chunk: it.
            slow: whether it was late for a reason that the next one will not have, as a first call
                that compiles.
        """
        self._sent = chunk
        self._sent_ns = chunk.stamp_ns + round(chunk.stages.total_ms * 1e-3 * NANOSECONDS)
        if slow:
            self._slow.add(chunk.seq)

    def report(self, plan: CommittedPlan | None) -> None:
        """Take what the executor says, None where it said nothing yet; learn from it how late."""
        before, self._report = self._report, plan
        if plan is None or self._sent is None or plan.epoch != self._sent.epoch or plan.seq == 0:
            return
        if before is not None and (before.epoch, before.seq) == (plan.epoch, plan.seq):
            return
        if plan.seq not in self._slow:
            self._learn(plan)
        self._slow = {seq for seq in self._slow if seq > plan.seq}

    @property
    def delay_s(self) -> float:
        """How long the next chunk will take from capture to being followed [s]."""
        return self._delay.seconds

    def at(self, stamp_ns: int) -> CommittedPlan | None:
        """Return what is followed from the capture time of an observation on; None for nothing.

        Nothing where the executor is silent, stands still, follows what came before the last
        `forget`, or where the clock was set back.

        Args:
            stamp_ns: capture time [ns].
        """
        report, sent = self._report, self._sent
        if report is None or sent is None or stamp_ns < sent.stamp_ns:
            return None
        if not report.following or report.epoch != sent.epoch:
            return None
        if stamp_ns - report.stamp_ns > _SILENCE_S * NANOSECONDS:
            return None
        if report.seq == sent.seq:
            # The executor reports where it is in the chunk, and what it makes of the rows: with the
            # offsets by which it joined them to the motion before. Those decay, and a policy that
            # goes on from them says them again, chunk after chunk: it is given its own rows.
            return replace(report, actions=sent.actions[: len(report.actions)])
        answered = report.seq > sent.seq or report.refused_seq == sent.seq
        if answered or stamp_ns - self._sent_ns > _SILENCE_S * NANOSECONDS:
            return report
        return plan_of(sent, report.speed_scale)

    def committed_rows(self, plan: CommittedPlan, dt: float, valid_rows: int) -> int:
        """Return how many first rows of a new chunk are decided, see `committed.committed_rows`.

        Args:
            plan: from `at`.
            dt: time between rows of the new chunk [s].
            valid_rows: rows that the plan still has for it.
        """
        return committed_rows(self.delay_s * plan.speed_scale, dt, valid_rows)

    def _learn(self, plan: CommittedPlan) -> None:
        """Take the delay of a chunk that was taken over: the smaller of what passed and was moved.

        What counts is motion. A robot that stood for part of the way moved less than the time that
        passed; where it stood all the way (the first chunk), how long that took is only a guess
        for the next (LeRobot counted it as motion and jumped: huggingface/lerobot#4223, #4454).
        """
        if plan.consumed <= 0.0:
            self._delay.guess(plan.latency_s)
            return
        moved_s = plan.consumed * plan.dt / plan.speed_scale if plan.speed_scale > 0 else math.inf
        self._delay.add(min(plan.latency_s, moved_s))


def _checked(latency_s: float) -> float:
    if not math.isfinite(latency_s):
        raise ValueError(f"latency {latency_s} s")
    return max(latency_s, 0.0)
