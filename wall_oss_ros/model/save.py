"""Writes a checkpoint folder in the published layout, which `checkpoint.py` reads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from wall_oss_ros.core.errors import CheckpointError
from wall_oss_ros.model.checkpoint import parameter_dtype
from wall_oss_ros.model.config import ModelConfig
from wall_oss_ros.model.config_json import config_json
from wall_oss_ros.model.normalizer import Normalizers

# What a tokenizer may consist of.
TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt"),
    *("special_tokens_map.json", "added_tokens.json"),
)
# Where statistics are among the weights, by kind.
_STATISTICS = {"action": "normalizer_action", "state": "normalizer_propri"}


def save(
    folder: Path,
    config: ModelConfig,
    parameters: Mapping[str, Tensor],
    normalizers: Normalizers,
    tokenizer: Path,
    dtype: torch.dtype = torch.bfloat16,
) -> None:
    """Write config.json, model.safetensors with the statistics, and the tokenizer.

    The weights get their name when they are whole; what was there before is replaced.

    Args:
        folder: made where it is missing.
        config: of the model.
        parameters: by our names, which are those of 0.5.
        normalizers: of the data.
        tokenizer: folder with its files; may be the same.
        dtype: of the large matrices; norms and flow head are float32.

    Raises:
        CheckpointError: if it cannot be written, or safetensors is missing.
    """
    try:
        from safetensors.torch import save_file
    except ImportError as error:
        raise CheckpointError(
            f"weights cannot be written: {error}; pip install 'wall_oss_ros[model]'"
        ) from None
    tensors = {
        name: value.detach().to("cpu", parameter_dtype(name, dtype)).contiguous()
        for name, value in parameters.items()
    }
    for kind, name in _STATISTICS.items():
        for key, statistics in getattr(normalizers, kind).items():
            prefix = f"action_preprocessor.{name}"
            tensors[f"{prefix}.min.{key}"] = statistics.minimum.clone()
            tensors[f"{prefix}.delta.{key}"] = statistics.delta.clone()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in TOKENIZER_FILES:
            if (tokenizer / file).is_file() and tokenizer.resolve() != folder.resolve():
                shutil.copyfile(tokenizer / file, folder / file)
        text = json.dumps(config_json(config), indent=1)
        (folder / "config.json").write_text(text, encoding="utf-8")
        partial = folder / "model.safetensors.partial"
        save_file(tensors, partial, metadata={"format": "pt"})
        partial.replace(folder / "model.safetensors")
    except OSError as error:
        raise CheckpointError(f"cannot write to {folder}: {error.strerror or error}") from None
