"""The floor of every known device as a table: arithmetic, nothing is measured."""

from __future__ import annotations

import argparse

from wall_oss_ros.model.config import PUBLISHED
from wall_oss_ros.model.floor import floor
from wall_oss_ros.model.peaks import KNOWN

_CHUNKS = ((3, 448), (3, 224), (1, 448), (1, 224))
_HEAD = ("device", "pictures", "prefix", "vision", "prompt", "denoise", "total", "without reuse")


def floor_table(options: argparse.Namespace) -> str:
    """Return a table in Markdown, milliseconds, for the model as published in bfloat16.

    Args:
        options: of the command; `text`, `horizon` and `steps` are used.
    """
    rows = [_HEAD, ("---",) * len(_HEAD)]
    for name, peaks in KNOWN.items():
        for cameras, resolution in _CHUNKS:
            least = floor(
                PUBLISHED,
                peaks,
                images=[(resolution, resolution)] * cameras,
                text=options.text,
                horizon=options.horizon,
                steps=options.steps,
            )
            stages = (least.vision.ms, least.prompt.ms, least.denoise.ms, least.ms)
            rows.append(
                (
                    f"{name} ({peaks.flops / 1e12:g} TFLOP/s, {peaks.bandwidth / 1e12:g} TB/s)",
                    f"{cameras} x {resolution} px",
                    str(least.prefix),
                    *(f"{ms:.2f}" for ms in stages),
                    f"{least.recomputed_ms:.0f}",
                )
            )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
