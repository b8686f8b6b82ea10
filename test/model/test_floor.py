"""Pins: the floor is the published arithmetic at the published sizes, and grows with the work."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from wall_oss_ros.model.config import PUBLISHED, TINY
from wall_oss_ros.model.floor import Floor, floor, image_tokens
from wall_oss_ros.model.peaks import KNOWN, Peaks, known_peaks, measured_peaks, peaks_of

H200, RTX5090 = KNOWN["H200"], KNOWN["RTX 5090"]


def of(cameras: int, pixels: int, peaks: Peaks = H200, text: int = 150, steps: int = 10) -> Floor:
    images = [(pixels, pixels)] * cameras
    return floor(PUBLISHED, peaks, images=images, text=text, steps=steps)


@pytest.mark.parametrize(
    ("peaks", "cameras", "pixels", "prefix", "vision", "prompt", "denoise", "total"),
    [
        (H200, 1, 224, 214, 0.45, 1.52, 1.97, 3.9),
        (H200, 2, 224, 278, 0.88, 1.97, 1.97, 4.8),
        (H200, 3, 224, 342, 1.30, 2.43, 1.98, 5.7),
        (H200, 1, 448, 406, 1.76, 2.88, 1.98, 6.6),
        (H200, 2, 448, 662, 3.51, 4.73, 2.01, 10.3),
        (H200, 3, 448, 918, 5.27, 6.61, 2.04, 13.9),
        (RTX5090, 1, 224, 214, 1.63, 5.69, 4.73, 12.1),
        (RTX5090, 2, 224, 278, 3.22, 7.40, 4.76, 15.4),
        (RTX5090, 3, 224, 342, 4.83, 9.12, 4.79, 18.7),
        (RTX5090, 1, 448, 406, 6.51, 10.84, 4.82, 22.2),
        (RTX5090, 2, 448, 662, 13.03, 17.80, 4.93, 35.8),
        (RTX5090, 3, 448, 918, 19.54, 24.85, 5.05, 49.4),
    ],
)
def test_the_published_arithmetic_comes_out(
    peaks: Peaks,
    cameras: int,
    pixels: int,
    prefix: int,
    vision: float,
    prompt: float,
    denoise: float,
    total: float,
) -> None:
    got = of(cameras, pixels, peaks)
    assert got.prefix == prefix
    assert (got.vision.ms, got.prompt.ms, got.denoise.ms) == (
        pytest.approx(vision, abs=0.0051),
        pytest.approx(prompt, abs=0.0051),
        pytest.approx(denoise, abs=0.0051),
    )
    assert got.ms == pytest.approx(total, abs=0.051)


@pytest.mark.parametrize(
    ("peaks", "pixels", "total"),
    [(RTX5090, 448, 273), (H200, 448, 73), (RTX5090, 224, 101), (H200, 224, 28)],
)
def test_without_reuse_of_the_prompt(peaks: Peaks, pixels: int, total: float) -> None:
    assert of(3, pixels, peaks).recomputed_ms == pytest.approx(total, abs=0.51)


def test_arithmetic_and_bytes_of_three_large_pictures() -> None:
    got = of(3, 448)
    flops = [stage.flops / 1e12 for stage in (got.vision, got.prompt, got.denoise)]
    moved = [stage.bytes / 1e9 for stage in (got.vision, got.prompt, got.denoise)]
    assert flops == pytest.approx([4.03, 5.22, 0.34], abs=0.0051)
    assert moved == pytest.approx([6.42, 8.88, 8.71], abs=0.0051)


@pytest.mark.parametrize("steps", [4, 5])
def test_fewer_steps_save_denoising_only(steps: int) -> None:
    assert of(3, 448, RTX5090, steps=steps).ms == pytest.approx(
        {4: 46.4, 5: 46.9}[steps], abs=0.051
    )


def test_more_work_never_takes_less() -> None:
    for many, few in [
        (of(3, 448), of(2, 448)),
        (of(1, 448), of(1, 420)),
        (of(2, 224, text=400), of(2, 224, text=100)),
        (of(2, 224, steps=11), of(2, 224, steps=10)),
        (of(2, 224, RTX5090), of(2, 224, H200)),
    ]:
        assert many.ms > few.ms
        assert many.recomputed_ms > few.recomputed_ms
    assert of(2, 224).recomputed_ms > of(2, 224).ms
    assert of(2, 224, steps=1).recomputed_ms == pytest.approx(of(2, 224, steps=1).ms)


def test_twice_the_bytes_cost_more_and_twice_the_device_half() -> None:
    images = [(224, 224)]
    wide = floor(PUBLISHED, H200, images=images, text=100, number_bytes=4)
    assert wide.denoise.ms > 1.9 * floor(PUBLISHED, H200, images=images, text=100).denoise.ms
    twice = replace(H200, flops=2 * H200.flops, bandwidth=2 * H200.bandwidth)
    assert of(3, 448, twice).ms == pytest.approx(of(3, 448).ms / 2)


def test_no_picture_and_a_picture_that_is_no_square() -> None:
    blind = floor(PUBLISHED, H200, images=[], text=100)
    assert (blind.vision.ms, blind.prefix) == (0.0, 100)
    assert image_tokens(PUBLISHED.vision, (336, 448)) == 192
    wide = floor(PUBLISHED, H200, images=[(336, 448)], text=100)
    assert of(1, 336, text=100).vision.ms < wide.vision.ms < of(1, 448, text=100).vision.ms


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("NVIDIA H200", "H200"),
        ("NVIDIA GeForce RTX 5090", "RTX 5090"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA Thor", "Thor"),
        ("NVIDIA GeForce RTX 5090 Laptop GPU", None),
        ("NVIDIA H200 MIG 1g.18gb", None),
        ("NVIDIA H100 PCIe", None),
        ("NVIDIA GH200 480GB", None),
        ("NVIDIA A10", None),
    ],
)
def test_a_device_is_known_by_its_name(name: str, known: str | None) -> None:
    peaks = known_peaks(name)
    assert (peaks.name if peaks else None) == known


def test_an_unknown_device_is_measured_and_says_so() -> None:
    cpu = torch.device("cpu")
    assert "measured" in peaks_of(cpu, torch.float32).source
    peaks = measured_peaks(cpu, torch.float32, sizes=(64,))
    assert peaks.flops > 0 and peaks.bandwidth > 0
    assert floor(TINY, peaks, images=[(56, 56)], text=20, number_bytes=4).ms > 0
