"""What a device can do at most: arithmetic and memory traffic, from a table or measured here."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Peaks:
    """The two numbers that a floor is made from.

    Attributes:
        name: of the device.
        flops: floating-point operations per second, dense matrix products.
        bandwidth: bytes per second of its memory.
        source: where the two come from.
    """

    name: str
    flops: float
    bandwidth: float
    source: str


_SUSTAINED = "sustained rate assumed for bfloat16, below the data sheet's"
_SHEET = "data sheet, dense bfloat16 with float32 sums"
_ROUGH = "data sheet, rounded"

# Part of the name that torch.cuda.get_device_name gives: TFLOP/s and TB/s.
_TABLE: tuple[tuple[str, float, float, str], ...] = (
    ("H200", 790.0, 4.3, _SUSTAINED),
    ("H100", 700.0, 3.0, _SUSTAINED),
    ("RTX 5090", 210.0, 1.79, _SHEET),
    ("RTX 4090", 165.0, 1.008, _SHEET),
    ("Thor", 250.0, 0.273, _ROUGH),
)
KNOWN: dict[str, Peaks] = {
    name: Peaks(name, tera * 1e12, bytes_ * 1e12, source) for name, tera, bytes_, source in _TABLE
}


def known_peaks(device_name: str) -> Peaks | None:
    """Return the table's line for a CUDA device's name; None where it has none.

    A laptop's chip or a card's of the same name is another chip, a slice of one is not all of it.
    """
    if re.search(r"\b(Laptop|MIG|PCIe|NVL)\b", device_name):
        return None
    return next((p for part, p in KNOWN.items() if re.search(rf"\b{part}\b", device_name)), None)


def device_name(device: torch.device) -> str:
    """Return what a device calls itself."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()


def peaks_of(device: torch.device, dtype: torch.dtype) -> Peaks:
    """Return the peaks of a device: the table's in bfloat16, else measured now (seconds)."""
    known = known_peaks(device_name(device)) if device.type == "cuda" else None
    return known if known and dtype == torch.bfloat16 else measured_peaks(device, dtype)


def measured_peaks(device: torch.device, dtype: torch.dtype, *, sizes: Sequence[int] = ()) -> Peaks:
    """Return the fastest of several large matrix products and of several large copies.

    Args:
        device: where.
        dtype: of the numbers.
        sizes: edges of the matrices, laid out as a layer's; none for what suits the device.
    """
    sizes = sizes or ((4096, 8192) if device.type == "cuda" else (256, 512, 1024))
    flops = 0.0
    with torch.no_grad():
        for size in sizes:
            one = torch.ones(size, size, dtype=dtype, device=device)
            seconds = _fastest(partial(functional.linear, one, one), device)
            flops = max(flops, 2.0 * size**3 / seconds)
        # Far more than any cache holds.
        source = torch.ones(16 * max(sizes) ** 2, dtype=dtype, device=device)
        copy = torch.empty_like(source)
        seconds = _fastest(partial(copy.copy_, source), device)
    bandwidth = 2.0 * source.numel() * source.element_size() / seconds
    kind = str(dtype).removeprefix("torch.")
    return Peaks(device_name(device), flops, bandwidth, f"measured in this run, {kind}")


def _fastest(work: Callable[[], object], device: torch.device, times: int = 8) -> float:
    """Return the shortest of several runs [s]."""
    best = float("inf")
    for _ in range(times):
        _wait(device)
        begin = time.perf_counter()
        work()
        _wait(device)
        best = min(best, time.perf_counter() - begin)
    return best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
