"""Draws docs/skill_training.png: how the shipped small policy was trained.

    python docs/make_training_curve.py [training.csv]

The file is the one that `wall-oss train` writes; without it the shipped policy's.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

DOCS = Path(__file__).parent
PANELS = (
    (
        "where the named object is (loss)",
        {"truth": "while training, at the end of the prompt", "val_truth": "unseen scenes"},
    ),
    (
        "tools' positions in the first half second [mm]",
        {
            "val_near_mm": "unseen episodes",
            "val_first_mm": "their beginnings",
            "val_still_mm": "an arm that stays",
        },
    ),
    ("flow matching (loss)", {"flow": "while training"}),
)


def main(given: list[str]) -> None:
    """Read, draw, write."""
    source = Path(given[0]) if given else DOCS / "skill_training.csv"
    with source.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    steps = [float(row["step"]) for row in rows]
    figure, axes = plt.subplots(1, len(PANELS), figsize=(13, 3.6), layout="constrained")
    for axis, (title, lines) in zip(axes, PANELS, strict=True):
        for column, label in lines.items():
            axis.plot(steps, [float(row[column]) for row in rows], label=label)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("step")
        if "loss" in title:
            axis.set_yscale("log")
        axis.grid(visible=True, which="both", alpha=0.3)
        axis.legend(fontsize=8)
    figure.savefig(DOCS / "skill_training.png", dpi=100)


if __name__ == "__main__":
    main(sys.argv[1:])
