"""Pins: `wall-oss bench` without a subject measures the model, says how, and prints clean JSON.

Nothing here is about speed; the figures only have to be figures. The machine needs torch and numpy
and nothing else of what this package can use.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tiny_checkpoint import make_checkpoint

from wall_oss_ros.cli.main import main
from wall_oss_ros.model.config import TINY
from wall_oss_ros.model.floor import floor
from wall_oss_ros.model.peaks import Peaks

ROOT = Path(__file__).parents[2]
SMALL = ["bench", "--size", "tiny", "--cameras", "1", "--resolution", "56", "--text", "20"]
SMALL += ["--device", "cpu", "--calls", "5", "--steps", "2"]
PEAKS = ["--peak-tflops", "0.1", "--peak-tbs", "0.01"]


def bench(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    assert main([*SMALL, "--json", *more]) == 0
    result = json.loads(capsys.readouterr().out)  # one object and nothing else
    assert isinstance(result, dict)
    return result


def numbers(value: Any) -> list[float]:
    if isinstance(value, Mapping):
        return [number for item in value.values() for number in numbers(item)]
    if isinstance(value, list):
        return [number for item in value for number in numbers(item)]
    return [float(value)] if isinstance(value, (int, float)) else []


def test_the_figures_are_there_and_finite(capsys: pytest.CaptureFixture[str]) -> None:
    result = bench(capsys)
    assert set(result["ms"]) == {"upload", "vision", "prompt", "denoise", "total"}
    assert all(set(stage) == {"p50", "p95", "p99", "max"} for stage in result["ms"].values())
    assert all(math.isfinite(number) for number in numbers(result))
    assert (result["prefix"], result["prefix_filled"], result["calls"]) == (24, 24, 5)
    assert (result["engine_asked"], result["engine_used"]) == ("auto", "eager")
    assert result["weights"] == "random, size tiny"
    assert "measured" in result["peak_source"]
    assert any("5 calls" in note for note in result["notes"])


def test_the_floor_is_that_of_the_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    result = bench(capsys, *PEAKS, "--no-eager")
    peaks = Peaks("", 0.1e12, 0.01e12, "")
    expected = floor(TINY, peaks, images=[(56, 56)], text=20, steps=2, number_bytes=4)
    assert result["floor_ms"]["total"] == pytest.approx(expected.ms)
    assert result["floor_ms"]["recomputed"] == pytest.approx(expected.recomputed_ms)
    assert result["compared"] == []


def test_plain_recomputation_gives_the_same_chunk(capsys: pytest.CaptureFixture[str]) -> None:
    (compared,) = bench(capsys, *PEAKS)["compared"]
    assert compared["with"] == "recomputation"
    assert compared["agrees"] and compared["largest_difference"] < 1e-3


def test_an_engine_that_this_machine_lacks_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    result = bench(capsys, *PEAKS, "--engine", "graphs", "--no-eager")
    assert (result["engine_asked"], result["engine_used"]) == ("graphs", "eager")
    assert any("graphs" in note for note in result["notes"])


def test_a_checkpoint_in_place_of_random_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_checkpoint(tmp_path / "small", tokenizer=False)
    sizes = [word for word in SMALL if word not in ("--size", "tiny")]
    assert main([*sizes, *PEAKS, "--json", "--checkpoint", str(tmp_path / "small")]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["weights"] == "small"
    assert str(tmp_path) not in json.dumps(result)


def test_a_person_gets_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, *PEAKS]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("p99", "denoise", "floor", "agrees", "warm up"))


def test_the_floor_of_known_devices_needs_no_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--floor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 5 * 4
    assert "| 918 | 5.27 | 6.61 | 2.04 | 13.91 | 73 |" in lines[2]


@pytest.mark.parametrize(
    "wrong",
    [
        ["--calls", "0"],
        ["--resolution", "50"],
        ["--text", "1"],
        ["--device", "cuda:77"],
        ["--device", "toaster"],
        ["--peak-tflops", "1"],
        ["--checkpoint", "/nowhere"],
    ],
)
def test_what_cannot_be_measured_is_a_sentence(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*SMALL, *wrong]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("wall-oss bench: ")


def test_torch_and_numpy_are_enough() -> None:
    forbidden = ("rclpy", "mujoco", "transformers", "safetensors", "yaml")
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        f"for name in {forbidden!r}: sys.modules[name] = None\n"
        "from wall_oss_ros.cli.main import main\n"
        f"sys.exit(main({[*SMALL, *PEAKS, '--json']!r}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["engine_used"] == "eager"
