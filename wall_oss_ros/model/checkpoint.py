"""Loads a checkpoint: configuration, weights in any published form, normalisation statistics.

The model is built without memory and filled tensor by tensor, so loading needs the model and one
tensor more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from wall_oss_ros.core.errors import CheckpointError
from wall_oss_ros.model import naming
from wall_oss_ros.model.config import ModelConfig
from wall_oss_ros.model.config_file import config_from, read_config
from wall_oss_ros.model.normalizer import Normalizers
from wall_oss_ros.model.weights import WeightFiles, find_weights, open_weights, read_tensors

Model = TypeVar("Model", bound=nn.Module)

# Kept in float32 whatever the rest is, as published: norms of the decoder, and the flow head.
_FLOAT32 = ("action_preprocessor.", "layernorms.", "model.norms.")
_KINDS = {"action": "action", "propri": "state"}
_SHOWN = 8


def parameter_dtype(name: str, dtype: torch.dtype) -> torch.dtype:
    """Return the type of a parameter in a model of type `dtype`."""
    return torch.float32 if any(part in name for part in _FLOAT32) else dtype


def load(
    cls: type[Model],
    *,
    folder: str | Path | None,
    weights: str | Path | None,
    config: str | Path | None,
    normalizers: Any,
    dtype: torch.dtype,
    device: torch.device,
) -> Model:
    """Return a model of class `cls(config, normalizers)`; see `WallOssModel.from_pretrained`.

    Raises:
        CheckpointError: with everything that is wrong with the checkpoint at once.
    """
    if (folder is None) == (weights is None):
        raise CheckpointError("give a checkpoint folder, or weights=... and config=...")
    if folder is not None:
        root = Path(folder).expanduser()
        if not root.is_dir():
            raise CheckpointError(f"no checkpoint folder {root}")
        content = read_config(Path(config) if config else root / "config.json")
        files = find_weights(root)
    else:
        if config is None:
            raise CheckpointError("config=... is missing; expected the weights' config.json")
        root, content = None, read_config(Path(config))
        files = open_weights(Path(str(weights)).expanduser())
    prefix = naming.common_prefix(files.shapes)
    settled = settle_config(content, files.shapes, prefix)
    with torch.device("meta"):
        model = cls(settled, None)
    try:
        inside = fill(model, files, prefix, dtype, device, settled)
    except torch.OutOfMemoryError:
        needed = sum(
            value.numel() * parameter_dtype(name, dtype).itemsize
            for name, value in model.named_parameters()
        )
        raise CheckpointError(
            f"{device} has too little memory: the weights alone need {needed / 1e9:.1f} GB as "
            f"{str(dtype).removeprefix('torch.')}; end what else uses it, or take another device"
        ) from None
    if normalizers is not None:
        found = Normalizers.of(normalizers)
    else:
        found = Normalizers.of(_merge(inside, _side_files(root, settled) if root else {}))
    model.normalizers = found  # type: ignore[assignment]
    return model.eval()


def settle_config(
    content: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], prefix: str
) -> ModelConfig:
    """Return the configuration with what the weights say in place of what the file says.

    Raises:
        CheckpointError: if both speak of different action or state dimensions.
    """
    ours = {naming.place(key.removeprefix(prefix)).name: shape for key, shape in shapes.items()}
    config = config_from({**content, **naming.describe(ours)})
    found = naming.dimensions(ours)
    if config.agent_pos_config and config.state_as_text:
        found.pop("state_dim", None)  # nothing in the weights depends on it
    for key, name in (("action_dim", "dof_config"), ("state_dim", "agent_pos_config")):
        stated = sum(getattr(config, name).values())
        if key in found and stated and stated != found[key]:
            raise CheckpointError(
                f"config.json's {name} adds up to {stated} numbers, the weights have {found[key]}: "
                "configuration and weights are not of the same model"
            )
    return replace(config, **found)  # type: ignore[arg-type]


def fill(
    model: nn.Module,
    files: WeightFiles,
    prefix: str,
    dtype: torch.dtype,
    device: torch.device,
    config: ModelConfig,
) -> dict[str, dict[str, dict[str, Tensor]]]:
    """Put the tensors of the files into a model without memory.

    Returns:
        Statistics found among the weights: kind, key, ``min`` or ``delta``.

    Raises:
        CheckpointError: listing missing, unexpected and wrongly shaped tensors, before any is read.
    """
    wanted = {name: tuple(value.shape) for name, value in model.named_parameters()}
    places = _places(wanted, files, prefix, config)
    statistics: dict[str, dict[str, dict[str, Tensor]]] = {}
    made: dict[str, Tensor] = {}
    for key, tensor in files.tensors():
        kind = naming.statistics_key(key.removeprefix(prefix))
        if kind is not None:
            if kind[0] in _KINDS:
                sets = statistics.setdefault(_KINDS[kind[0]], {})
                sets.setdefault(kind[2], {})[kind[1]] = tensor.clone()
        elif key in places:
            name = places[key].name
            if name not in made:
                to = parameter_dtype(name, dtype)
                made[name] = torch.empty(wanted[name], dtype=to, device=device)
                set_parameter(model, name, made[name])
            _copy(tensor, made[name], places[key], config)
    return statistics


def _places(
    wanted: Mapping[str, tuple[int, ...]], files: WeightFiles, prefix: str, config: ModelConfig
) -> dict[str, naming.Place]:
    """Return where each weight of the files goes, judged by names and shapes alone."""
    places: dict[str, naming.Place] = {}
    parts: dict[str, set[int]] = {}
    counts: dict[str, int] = {}
    unexpected, unfit = [], []
    for key, shape in files.shapes.items():
        bare = key.removeprefix(prefix)
        if naming.statistics_key(bare) or (bare == "lm_head.weight" and config.tied_head):
            continue
        spot = naming.place(bare)
        if spot.name not in wanted:
            unexpected.append(key)
            continue
        there = parts.setdefault(spot.name, set())
        if spot.part in there or counts.setdefault(spot.name, spot.parts) != spot.parts:
            unfit.append(f"{key} gives {spot.name} a second time")
        there.add(spot.part)
        expected = (_rows(spot, wanted[spot.name], config)[1], *wanted[spot.name][1:])
        if shape != expected and not _padded(spot, shape, expected):
            unfit.append(f"{key} is {shape}, expected {expected}")
        places[key] = spot
    missing = [name for name in wanted if len(parts.get(name, ())) < counts.get(name, 1)]
    if missing or unexpected or unfit:
        raise CheckpointError(
            f"these weights look like {config.variant}, but do not fit it. "
            f"Missing {len(missing)} of {len(wanted)}: {_shown(missing)}. "
            f"Unexpected {len(unexpected)}: {_shown(unexpected)}. "
            f"Of another shape {len(unfit)}: {_shown(unfit, '; ')}"
        )
    return places


def _rows(spot: naming.Place, shape: tuple[int, ...], config: ModelConfig) -> tuple[int, int]:
    """Return the first row of a parameter that a part fills, and how many."""
    if spot.parts == 1:
        return 0, shape[0]
    if spot.parts == 2:  # gate, up
        return spot.part * (shape[0] // 2), shape[0] // 2
    heads = (config.num_attention_heads, config.num_key_value_heads, config.num_key_value_heads)
    return sum(heads[: spot.part]) * config.head_dim, heads[spot.part] * config.head_dim


def _padded(spot: naming.Place, shape: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    """Return whether a shape is a vision MLP's, widened."""
    if len(shape) != len(expected) or not spot.name.startswith("visual.blocks."):
        return False
    if ".mlp.gate_up_proj." in spot.name:
        whole = spot.parts == 1
        return shape[0] > expected[0] and shape[1:] == expected[1:] and not (whole and shape[0] % 2)
    if spot.name.endswith(".mlp.down_proj.weight"):
        return shape[0] == expected[0] and shape[1] > expected[1]
    return False


def _copy(tensor: Tensor, to: Tensor, spot: naming.Place, config: ModelConfig) -> None:
    """Fill a part of a parameter, leaving out the zeros that padded a vision MLP."""
    first, rows = _rows(spot, tuple(to.shape), config)
    if not spot.name.startswith("visual.blocks."):
        to[first : first + rows] = tensor
    elif ".mlp.gate_up_proj." in spot.name and spot.parts == 1:
        half = rows // 2
        for start, piece in zip((0, half), tensor.chunk(2), strict=True):
            to[start : start + half] = _unpadded(spot.name, piece, 0, half)
    elif spot.name.endswith(".mlp.down_proj.weight"):
        to[:] = _unpadded(spot.name, tensor, 1, to.shape[1])
    else:
        to[first : first + rows] = _unpadded(spot.name, tensor, 0, rows)


def _unpadded(name: str, part: Tensor, axis: int, width: int) -> Tensor:
    surplus = part.shape[axis] - width
    if surplus <= 0:
        return part
    kept, rest = part.split((width, surplus), dim=axis)
    if bool(rest.any()):
        raise CheckpointError(
            f"{name} is {surplus} wider than the configuration says, and not padded with zeros"
        )
    return kept


def set_parameter(model: nn.Module, name: str, value: Tensor) -> None:
    """Put a tensor in the place of a parameter, as of one on the meta device."""
    parent, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(parent), leaf, nn.Parameter(value, requires_grad=False))


def _side_files(root: Path, config: ModelConfig) -> dict[str, dict[str, dict[str, Tensor]]]:
    """Return the statistics beside the weights: published .pth files, or norm_stats.json."""
    found: dict[str, dict[str, dict[str, Tensor]]] = {}
    for name, kind in _KINDS.items():
        path = root / f"normalizer_{name}.pth"
        if path.is_file():
            for key, value in read_tensors(path).items():
                bound, _, dataset = key.partition(".")
                if bound in ("min", "delta") and dataset:
                    found.setdefault(kind, {}).setdefault(dataset, {})[bound] = value
    path = root / "norm_stats.json"
    if path.is_file():
        content = read_config(path)
        stats = content.get("norm_stats", content)
        if not isinstance(stats, Mapping):
            raise CheckpointError(f"{path}: norm_stats is {stats!r}; expected an object")
        sizes = {"action": config.action_dim, "state": config.state_dim}
        for name, kind in (("action", "action"), ("observation.state", "state")):
            if name in stats:
                entry = _from_quantiles(stats[name], sizes[kind], f"{path}: {name}")
                found.setdefault(kind, {})["norm_stats"] = entry
    return found


def _from_quantiles(stats: Mapping[str, Any], width: int, where: str) -> dict[str, Tensor]:
    """Return minimum and delta, filled up to `width` with 0 and 1 as in training."""
    try:
        low = torch.tensor(stats["q01"], dtype=torch.float32)
        high = torch.tensor(stats["q99"], dtype=torch.float32)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{where}: q01 and q99 expected: {error!r}") from None
    if low.shape != high.shape or low.ndim != 1 or len(low) > width:
        raise CheckpointError(f"{where}: expected up to {width} numbers each in q01 and q99")
    rest = width - len(low)
    return {
        "min": torch.cat((low, torch.zeros(rest))),
        "delta": torch.cat((high - low, torch.ones(rest))),
    }


def _merge(
    inside: dict[str, dict[str, dict[str, Tensor]]], beside: dict[str, dict[str, dict[str, Tensor]]]
) -> dict[str, dict[str, tuple[Tensor, Tensor]]]:
    """Return complete statistics; a side file has the last word on a key."""
    merged: dict[str, dict[str, tuple[Tensor, Tensor]]] = {}
    for found in (inside, beside):
        for kind, sets in found.items():
            for key, bounds in sets.items():
                if len(bounds) != 2:
                    raise CheckpointError(f"normalizer {kind} '{key}' lacks its min or delta")
                merged.setdefault(kind, {})[key] = (bounds["min"], bounds["delta"])
    return merged


def _shown(names: list[str], separator: str = ", ") -> str:
    if not names:
        return "none"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return separator.join(names[:_SHOWN]) + more
