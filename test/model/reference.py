"""The reference implementation's own runs, as recorded: weights, inputs, and what came out.

A variant of `v05` has its weights and inputs, except for the arrays in its own file; arrays named
`weight_...` there are weights that only it has.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from wall_oss_ros.model import WallOssModel

DATA = Path(__file__).parent / "data"
CASES = ("v05", "v05_full", "flow_lerobot")
VARIANTS = (
    "v05_time_shift",  # times bent by 3
    "v05_bidirectional",  # action rows see each other both ways
    "v05_x_prediction",  # the head predicts the clean action
    "v05_unpermuted",  # mot_opt off; 5 steps
    "v05_state_token",  # the state is one token; weight of its projection
    "v05_batch",  # two rows: other words, other images in another order, another mask
)
_WEIGHT = "weight_"
_SHARED = ("in_", "normalizer_")


def _read(case: str) -> dict[str, torch.Tensor]:
    with np.load(DATA / f"{case}.npz") as file:
        return {key: torch.from_numpy(file[key]) for key in file.files}


def arrays(case: str) -> dict[str, torch.Tensor]:
    own = _read(case)
    if case not in VARIANTS:
        return own
    return {**{key: value for key, value in _read("v05").items() if key.startswith(_SHARED)}, **own}


def weights(case: str) -> dict[str, torch.Tensor]:
    found = load_file(DATA / f"{'v05' if case in VARIANTS else case}.safetensors")
    own = {key: value for key, value in _read(case).items() if key.startswith(_WEIGHT)}
    return {**found, **{key.removeprefix(_WEIGHT): value for key, value in own.items()}}


def load(case: str, **options: object) -> WallOssModel:
    data = arrays(case)
    normalizers = None
    if "normalizer_action_min" in data:
        normalizers = {
            kind: {"test": (data[f"normalizer_{name}_min"], data[f"normalizer_{name}_delta"])}
            for kind, name in (("action", "action"), ("state", "propri"))
        }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.safetensors"
        save_file(weights(case), file)
        return WallOssModel.from_pretrained(
            weights=file,
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
        "num_inference_timesteps": len(data["times"]),
    }


if __name__ == "__main__":
    # The table of docs/model.md.
    torch.set_num_threads(2)
    print("| recorded run | largest difference, normalised | in the robot's units |\n|---|---|---|")
    for case in CASES + VARIANTS:
        recorded = arrays(case)
        ours = load(case).generate_flow_action(**arguments(recorded))  # type: ignore[arg-type]
        cells = [
            f"{float((ours[key] - recorded[key]).abs().max()):.1e}" if key in ours else "none given"
            for key in ("predict_action_normalized", "predict_action")
        ]
        print(f"| `{case}` | {cells[0]} | {cells[1]} |")
