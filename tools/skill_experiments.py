"""Does the way through bags lose anything, does the loss of discrete action tokens help?

What docs/skill.md says about the pipeline itself. Trains six small policies; half an hour on two
cores.

    python tools/skill_experiments.py --folder FOLDER
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

import torch

from wall_oss_ros.data.dataset_reader import open_dataset
from wall_oss_ros.model import WallOssModel
from wall_oss_ros.model.processor import Processor, ProcessorSettings
from wall_oss_ros.model.tokenizer import Tokenizer
from wall_oss_ros.training.batches import Batches
from wall_oss_ros.training.sample_cache import cached_samples
from wall_oss_ros.training.validation import Errors, measure

CAMERAS = "left_wrist_view,right_wrist_view"
# Frames that errors are measured on.
_FRAMES, _BATCH = 1024, 32


def main() -> int:
    """Collect, go through bags, train, and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for data and models")
    parser.add_argument("--episodes", type=int, default=60)
    parser.add_argument("--steps", type=int, default=800, help="of each training")
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each kind")
    options = parser.parse_args()
    folder: Path = options.folder
    direct, unseen, exported = (folder / name for name in ("direct", "unseen", "exported"))
    plain = ("--unpushed", "--validation", "0", "--quiet")
    _once(direct, "collect", "--episodes", options.episodes, "--seed", 200_000, *plain)
    _once(unseen, "collect", "--episodes", 12, "--seed", 300_000, *plain)
    _once(folder / "bags", "import", direct, "--quiet")
    _once(exported, "export", folder / "bags", "--validation", "0", "--quiet")
    kinds = {
        "directly collected": (direct, ()),
        "collected, to bags, exported": (exported, ()),
        "directly collected, discrete tokens": (direct, ("--discrete", "0.01")),
    }
    print("| trained on | seed | flow loss at the end | first half second mm | beginnings mm |")
    print("| --- | --- | --- | --- | --- |")
    for number, (kind, (data, extra)) in enumerate(kinds.items()):
        found: list[Errors] = []
        for seed in range(options.seeds):
            model = folder / f"model_{number}_{seed}"
            _once(
                model, "train", data, "--cameras", CAMERAS, "--compile", "--truth", "0",
                "--draws", "2", "--steps", options.steps, "--seed", seed, "--save-every",
                options.steps, *extra,
            )  # fmt: skip
            errors = _errors(model, unseen, folder / "samples")
            found.append(errors)
            print(f"| {kind} | {seed} | {_flow(model):.4f} | {_row(errors)} |", flush=True)
        print(f"| **{kind}** | mean | | {mean(e.near_mm for e in found):.2f} "
              f"| {mean(e.first_mm for e in found):.2f} |", flush=True)  # fmt: skip
    print(f"\nAn arm that stays is off by {found[0].still_mm:.2f} mm.")
    return 0


def _once(output: Path, command: str, *words: object) -> None:
    """Run a command of wall-oss that makes a folder, unless the folder is there."""
    if output.exists():
        return
    given = [command, *map(str, words), "--output", str(output)]
    done = subprocess.run(["wall-oss", *given], stdout=subprocess.PIPE, check=False, text=True)
    if done.returncode:
        sys.exit(f"wall-oss {' '.join(given)}: exit {done.returncode}\n{done.stdout}")


@torch.no_grad()
def _errors(checkpoint: Path, dataset: Path, cache: Path) -> Errors:
    """Return the errors of a checkpoint on episodes that nothing was trained on."""
    model = WallOssModel.from_pretrained(checkpoint, dtype=torch.float32)
    config = model.config
    data = open_dataset(dataset)
    samples = cached_samples(cache, data, range(len(data.episodes)), config)
    settings = ProcessorSettings(resolution=config.resolution)
    processor = Processor(Tokenizer.load(checkpoint), config, settings)
    (key,) = model.normalizers.action
    action, state = model.normalizers.action[key], model.normalizers.state[key]
    batches = Batches(samples, processor, config, action, state)
    generator = torch.Generator().manual_seed(0)
    return measure(model, batches, action, count=_FRAMES, size=_BATCH, generator=generator)


def _flow(checkpoint: Path) -> float:
    with (checkpoint / "training.csv").open(encoding="utf-8") as file:
        rows: Sequence[dict[str, str]] = list(csv.DictReader(file))
    return float(rows[-1]["flow"])


def _row(errors: Errors) -> str:
    return f"{errors.near_mm:.2f} | {errors.first_mm:.2f}"


if __name__ == "__main__":
    sys.exit(main())
