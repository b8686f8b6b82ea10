"""Which figures of the graph are plotted over time."""

from __future__ import annotations

import math

from wall_oss_ros.core.view.history import History
from wall_oss_ros.core.view.snapshot import Snapshot

LATENCIES = "latency, p50 [ms]"
RATES = "rates [Hz]"

_STAGES = ("camera_to_chunk", "inference", "camera_to_command", "command_to_controller")
_PARTS = ("chunks", "commands", "supervisor")


class Figures:
    """Latencies and rates of the last seconds.

    Args:
        seconds: how far back they go.

    Attributes:
        histories: by title.
    """

    def __init__(self, seconds: float) -> None:
        self.histories = {LATENCIES: History(_STAGES, seconds), RATES: History(_PARTS, seconds)}

    def add(self, snapshot: Snapshot, now_ns: int) -> None:
        """Take the figures of a moment; what nobody says is NaN.

        Args:
            snapshot: what was heard.
            now_ns: when [ns].
        """
        stages = {stage.name: stage.p50_ms for stage in snapshot.stages}
        values = tuple(stages.get(name, math.nan) for name in _STAGES)
        self.histories[LATENCIES].add(now_ns, values)
        parts = (snapshot.policy, snapshot.executor, snapshot.safety)
        rates = tuple(math.nan if part is None else part.rate_hz for part in parts)
        self.histories[RATES].add(now_ns, rates)
