"""The reference implementation's own runs, as recorded: weights, inputs, and what came out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from wall_oss_ros.model import WallOssModel

DATA = Path(__file__).parent / "data"
CASES = ("v05", "v05_full", "flow_lerobot")


def arrays(case: str) -> dict[str, torch.Tensor]:
    with np.load(DATA / f"{case}.npz") as file:
        return {key: torch.from_numpy(file[key]) for key in file.files}


def load(case: str, **options: object) -> WallOssModel:
    data = arrays(case)
    normalizers = None
    if "normalizer_action_min" in data:
        normalizers = {
            kind: {"test": (data[f"normalizer_{name}_min"], data[f"normalizer_{name}_delta"])}
            for kind, name in (("action", "action"), ("state", "propri"))
        }
    return WallOssModel.from_pretrained(
        weights=DATA / f"{case}.safetensors",
        config=DATA / f"{case}.config.json",
        normalizers=normalizers,
        **options,
    )


def arguments(data: dict[str, torch.Tensor]) -> dict[str, object]:
    horizon, width = data["noise"].shape[1:]
    return {
        **{key.removeprefix("in_"): value for key, value in data.items() if key.startswith("in_")},
        "noise": data["noise"],
        "action_horizon": horizon,
        "action_dim": width,
    }
