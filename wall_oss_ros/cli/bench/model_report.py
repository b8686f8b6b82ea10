"""The figures of `bench model` as text for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_QUANTILES = ("p50", "p95", "p99", "max")


def report(result: Mapping[str, Any]) -> str:
    """Return a report of some twenty lines.

    Args:
        result: from `wall_oss_ros.cli.bench.model.measure`.
    """
    asked, used = result["engine_asked"], result["engine_used"]
    build = f"CUDA {result['cuda']}" if result["cuda"] else f"{result['threads']} threads"
    filled = result["prefix_filled"]
    padding = f", filled up to {filled}" if filled != result["prefix"] else ""
    lines = [
        f"{result['date']}, {result['device']}, torch {result['torch']} ({build}), "
        f"{result['machine']}, {result['cores']} cores",
        f"model     {result['variant']}",
        f"          {result['parameters']:,} parameters, {result['dtype']}, {result['weights']}",
        f"chunk     {result['cameras']} pictures of {result['resolution']} px, {result['text']} "
        f"text tokens: prefix {result['prefix']}{padding}; {result['horizon']} rows, "
        f"{result['steps']} steps",
        f"engine    {asked}" + (f", in effect {used}" if used != asked else ""),
        f"calls     {result['calls']}, after {result['warm_up']} to warm up and "
        f"{result['prepared_s']:.1f} s to prepare",
        "",
        *_table(result),
        "",
        f"rate      {result['hz']:.2f} chunks a second",
        f"floor     {result['peak_flops'] / 1e12:.4g} TFLOP/s, "
        f"{result['peak_bandwidth'] / 1e12:.4g} TB/s: {result['peak_source']}",
        f"memory    {result['memory_bytes'] / 1e9:.2f} GB ({result['memory_of']})",
        *(_compared(entry, result) for entry in result["compared"]),
        *(f"note      {note}" for note in result["notes"]),
    ]
    return "\n".join(lines)


def _table(result: Mapping[str, Any]) -> list[str]:
    """Return one line per stage, in milliseconds."""
    head = "".join(f"{name:>10}" for name in (*_QUANTILES, "floor", "p50/floor"))
    lines = [f"{'[ms]':10}{head}"]
    for stage, times in result["ms"].items():
        line = f"{stage:10}" + "".join(f"{times[name]:10.2f}" for name in _QUANTILES)
        least = result["floor_ms"].get(stage)
        if least:
            line += f"{least:10.2f}{times['p50'] / least:10.2f}"
        lines.append(line)
    return lines


def _compared(entry: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """Return how another way of computing compares."""
    said = "agrees" if entry["agrees"] else "DISAGREES"
    text = (
        f"{said}: largest difference {entry['largest_difference']:.2g}, relative "
        f"{entry['relative_difference']:.2g} (at most {entry['tolerance']:g})"
    )
    if entry["with"] != "recomputation":
        return f"{entry['with']:10}{text}"
    ratio = entry["p50_ms"] / result["ms"]["total"]["p50"]
    floor = result["floor_ms"]["recomputed"]
    return (
        f"plain     {entry['p50_ms']:.1f} ms (p50 of {entry['calls']}) where every step runs the "
        f"whole sequence again: {ratio:.2f} times the engine; its floor {floor:.1f} ms\n"
        f"          {text}"
    )
