"""Latencies of the stages of a chain, as state messages and diagnostics report them."""

from __future__ import annotations

from dataclasses import dataclass

from wall_oss_ros.core.rates import Percentiles

# How many measurements the percentiles look back over.
_KEPT = 500


@dataclass(frozen=True, slots=True)
class StageReport:
    """One stage: its name, (p50, p95, p99) [ms] over the last measurements, count of all."""

    name: str
    ms: tuple[float, ...]
    count: int


class LatencyStages:
    """What one node measures of the chain from camera to controller.

    One thread adds; another may read at the same time.
    """

    def __init__(self, *names: str) -> None:
        """Create stages without measurements.

        Args:
            names: of the stages, in the order they are reported.
        """
        self._stages = {name: Percentiles(_KEPT) for name in names}
        self._counts = dict.fromkeys(names, 0)

    def add(self, name: str, begin_ns: int, end_ns: int) -> None:
        """Take one measurement of a stage.

        Args:
            name: one of the stages.
            begin_ns: when it began [ns].
            end_ns: when it ended, on the same clock [ns].

        Raises:
            KeyError: for a name that is none of the stages.
        """
        self._stages[name].add((end_ns - begin_ns) / 1e6)
        self._counts[name] += 1

    def reports(self) -> tuple[StageReport, ...]:
        """Return every stage; zeros before its first measurement."""
        return tuple(
            StageReport(name, stage.at(50, 95, 99), self._counts[name])
            for name, stage in self._stages.items()
        )

    def clear(self) -> None:
        """Forget everything."""
        for name, stage in self._stages.items():
            stage.clear()
            self._counts[name] = 0
