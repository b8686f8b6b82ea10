"""Chunks of the model on this machine: stages, the floor below them, plain recomputation above.

Needs torch, numpy and this checkout, no ROS: ``python3 -m wall_oss_ros.cli.main bench``.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from wall_oss_ros.cli.bench.model_report import report
from wall_oss_ros.core.errors import ModelError

try:
    import torch
except ImportError as error:
    raise ModelError(f"{error}; pip install 'wall_oss_ros[model]'") from None

from wall_oss_ros.cli.bench.floor_table import floor_table
from wall_oss_ros.cli.bench.machine import describe, memory
from wall_oss_ros.model.config import PUBLISHED, TINY
from wall_oss_ros.model.device import pick_device, pick_dtype
from wall_oss_ros.model.engine import Engine, EngineOutput
from wall_oss_ros.model.floor import floor
from wall_oss_ros.model.inputs import FlowInputs
from wall_oss_ros.model.peaks import Peaks, peaks_of
from wall_oss_ros.model.program import Shape
from wall_oss_ros.model.random_weights import random_inputs, random_model
from wall_oss_ros.model.recomputation import recompute
from wall_oss_ros.model.wall_oss import WallOssModel

# Calls before the first that counts; each shape is compiled before even these.
_WARM_UP = 3
# A 99 % quantile needs some calls to be of.
_FULL_REPORT = 200
_RECOMPUTED = 10
_BUCKET = 64
# How far two ways of computing may be apart: root mean square of the difference over that of the
# actions. Rounding of bfloat16 gives about 0.01 in a published port (rel. L2), float32 1e-5.
_TOLERANCE = {torch.bfloat16: 0.05, torch.float32: 1e-3}
_STAGES = ("upload", "vision", "prompt", "denoise", "total")


def run(options: argparse.Namespace) -> int:
    """Measure, print text or JSON; return 1 if two ways of computing disagree."""
    for name in ("calls", "steps", "horizon"):
        if getattr(options, name) < 1:
            raise ModelError(f"--{name}: got {getattr(options, name)}; expected 1 or more")
    given = (options.peak_tflops, options.peak_tbs)
    if given != (None, None) and (None in given or min(given) <= 0):
        raise ModelError("--peak-tflops and --peak-tbs: expected both, above 0")
    if options.floor:
        print(floor_table(options))
        return 0
    with _warnings() as notes:
        result = measure(options, notes)
    print(json.dumps(result) if options.json else report(result))
    return 0 if all(entry["agrees"] for entry in result["compared"]) else 1


def measure(options: argparse.Namespace, notes: list[str]) -> dict[str, Any]:
    """Return all figures.

    Args:
        options: of the command.
        notes: what the engine had to say; more is added.
    """
    device = pick_device(options.device)
    dtype = pick_dtype(options.dtype or "auto", device)
    model, weights = _model(options, device, dtype)
    key = options.normalizer_key or next(iter(model.normalizers.action), None)
    chunks = [_inputs(options, model, seed) for seed in range(4)]
    engine = Engine(
        model, options.engine, steps=options.steps, bucket=_BUCKET, autotune=options.autotune
    )
    _say(f"preparing engine '{engine.kind}' on {device}")
    begin = time.perf_counter()
    engine.prepare(chunks[0])
    for index in range(_WARM_UP):
        engine.generate(chunks[index], key)
    prepared_s = time.perf_counter() - begin
    _say(f"measuring {options.calls} chunks")
    outputs = [engine.generate(chunks[index % len(chunks)], key) for index in range(options.calls)]
    held = memory(device)
    if options.calls < _FULL_REPORT:
        notes.append(f"{options.calls} calls; a full report takes {_FULL_REPORT} or more")
    peaks = _peaks(options, device, dtype)
    lowest = floor(
        model.config,
        peaks,
        images=[(options.resolution, options.resolution)] * options.cameras,
        text=options.text,
        horizon=options.horizon,
        steps=options.steps,
        number_bytes=dtype.itemsize,
    )
    ms = {name: _quantiles(outputs, name) for name in _STAGES}
    filled = Shape.of(chunks[0], options.steps, _BUCKET).prompt
    floor_ms = {name: getattr(lowest, name).ms for name in ("vision", "prompt", "denoise")}
    result = {
        **describe(device),
        "dtype": "bf16" if dtype == torch.bfloat16 else "fp32",
        "weights": weights,
        "variant": model.config.variant,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "engine_asked": options.engine,
        "engine_used": engine.kind,
        "prepared_s": prepared_s,
        "cameras": options.cameras,
        "resolution": options.resolution,
        "text": options.text,
        "prefix": lowest.prefix,
        "prefix_filled": lowest.prefix if engine.kind == "eager" else filled,
        "horizon": options.horizon,
        "steps": options.steps,
        "calls": options.calls,
        "warm_up": _WARM_UP,
        "ms": ms,
        "hz": 1e3 / ms["total"]["p50"],
        "peak_flops": peaks.flops,
        "peak_bandwidth": peaks.bandwidth,
        "peak_source": peaks.source,
        "floor_ms": {**floor_ms, "total": lowest.ms, "recomputed": lowest.recomputed_ms},
        "total_over_floor": ms["total"]["p50"] / lowest.ms,
        **held,
    }
    result["compared"] = _compare(options, engine, chunks, key, dtype)
    result["notes"] = notes
    return result


def _model(
    options: argparse.Namespace, device: torch.device, dtype: torch.dtype
) -> tuple[WallOssModel, str]:
    """Return the model and what its weights are."""
    if options.checkpoint:
        if options.size:
            raise ModelError("--size and --checkpoint are both given; expected one of them")
        _say(f"loading {options.checkpoint}")
        folder = Path(options.checkpoint)
        return WallOssModel.from_pretrained(folder, dtype=dtype, device=device), folder.name
    size = options.size or ("full" if device.type == "cuda" else "tiny")
    _say(f"making random weights, size {size}")
    config = PUBLISHED if size == "full" else TINY
    return random_model(config, dtype=dtype, device=device), f"random, size {size}"


def _inputs(options: argparse.Namespace, model: WallOssModel, seed: int) -> FlowInputs:
    return random_inputs(
        model.config,
        cameras=options.cameras,
        resolution=options.resolution,
        text=options.text,
        horizon=options.horizon,
        seed=seed,
    )


def _peaks(options: argparse.Namespace, device: torch.device, dtype: torch.dtype) -> Peaks:
    given = (options.peak_tflops, options.peak_tbs)
    if given == (None, None):
        return peaks_of(device, dtype)
    return Peaks("given", given[0] * 1e12, given[1] * 1e12, "given as options")


def _quantiles(outputs: Sequence[EngineOutput], stage: str) -> dict[str, float]:
    """Return quantiles of a stage over the calls [ms]."""
    times = [getattr(output.times, stage) for output in outputs]
    p50, p95, p99 = (float(value) for value in np.percentile(times, (50, 95, 99)))
    return {"p50": p50, "p95": p95, "p99": p99, "max": float(max(times))}


def _compare(
    options: argparse.Namespace,
    engine: Engine,
    chunks: Sequence[FlowInputs],
    key: str | None,
    dtype: torch.dtype,
) -> list[dict[str, Any]]:
    """Return how the engine's numbers differ from plainer ways, and how long the plainest takes."""
    ours = engine.generate(chunks[0], key).normalized
    found = []
    if engine.kind != "eager":
        plain = Engine(engine.model, "eager", steps=options.steps).generate(chunks[0], key)
        found.append({"with": "eager", **_difference(ours, plain.normalized, dtype)})
    if not options.no_eager:
        _say("recomputing the whole sequence in every step, to compare")
        calls = min(_RECOMPUTED, options.calls)
        times = []
        for _ in range(calls + 1):  # the first warms up
            begin = time.perf_counter()
            actions = recompute(engine.model, chunks[0], options.steps, key)
            times.append((time.perf_counter() - begin) * 1e3)
        p50 = float(np.median(times[1:]))
        difference = _difference(ours, actions, dtype)
        found.append({"with": "recomputation", "calls": calls, "p50_ms": p50, **difference})
    return found


def _difference(ours: torch.Tensor, other: torch.Tensor, dtype: torch.dtype) -> dict[str, Any]:
    apart = (ours - other).double()
    relative = float(apart.square().mean().sqrt() / other.double().square().mean().sqrt())
    return {
        "largest_difference": float(apart.abs().max()),
        "relative_difference": relative,
        "tolerance": _TOLERANCE[dtype],
        "agrees": relative <= _TOLERANCE[dtype],  # not so for what is not a number
    }


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collect what the engine has to say, beside its way to the log."""
    notes: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: notes.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("wall_oss_ros.model")
    log.addHandler(handler)
    try:
        yield notes
    finally:
        log.removeHandler(handler)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
