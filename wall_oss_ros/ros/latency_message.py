"""Latencies of the chain in state messages and in /diagnostics."""

from __future__ import annotations

from wall_oss_ros.core.latency import LatencyStages
from wall_oss_ros.msg import LatencyStage


def latency_messages(stages: LatencyStages) -> list[LatencyStage]:
    """Return every stage for a state message."""
    return [
        LatencyStage(name=stage.name, ms=stage.ms, count=stage.count) for stage in stages.reports()
    ]


def latency_values(stages: LatencyStages) -> dict[str, str]:
    """Return every stage for /diagnostics."""
    return {
        f"{stage.name} p50 p95 p99 [ms]": " ".join(f"{value:.2f}" for value in stage.ms)
        for stage in stages.reports()
    }
