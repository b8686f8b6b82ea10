"""Names of tensors: from every published spelling to the one this package uses, that of 0.5.

Some spellings hold a matrix in parts (q, k and v; gate and up) where ours is one matrix with the
parts stacked as rows. `place` says for any key which of our parameters it is, and which part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wall_oss_ros.core.errors import CheckpointError

_STATISTICS = re.compile(r"(?:^|\.)normalizer_(\w+?)\.(min|delta)\.(.+)$")

# Spelling, our name, and which part of how many.
_RULES: tuple[tuple[re.Pattern[str], str, int, int], ...] = tuple(
    (re.compile(pattern), name, part, parts)
    for pattern, name, part, parts in (
        (r"(.*\.self_attn)\.q_proj_experts\.(\d)\.(\w+)", r"\1.qkv_proj_experts.\2.\3", 0, 3),
        (r"(.*\.self_attn)\.k_proj_experts\.(\d)\.(\w+)", r"\1.qkv_proj_experts.\2.\3", 1, 3),
        (r"(.*\.self_attn)\.v_proj_experts\.(\d)\.(\w+)", r"\1.qkv_proj_experts.\2.\3", 2, 3),
        (r"(.*\.self_attn)\.q_proj\.(\w+)", r"\1.qkv_proj_experts.0.\2", 0, 3),
        (r"(.*\.self_attn)\.k_proj\.(\w+)", r"\1.qkv_proj_experts.0.\2", 1, 3),
        (r"(.*\.self_attn)\.v_proj\.(\w+)", r"\1.qkv_proj_experts.0.\2", 2, 3),
        (r"(.*\.self_attn)\.qkv_proj\.(\w+)", r"\1.qkv_proj_experts.0.\2", 0, 1),
        (r"(.*\.self_attn)\.o_proj\.(\w+)", r"\1.o_proj_experts.0.\2", 0, 1),
        (r"(.*\.(?:experts\.\d|mlp))\.gate_proj\.(\w+)", r"\1.gate_up_proj.\2", 0, 2),
        (r"(.*\.(?:experts\.\d|mlp))\.up_proj\.(\w+)", r"\1.gate_up_proj.\2", 1, 2),
        (r"(model\.layers\..*layernorm)\.weight", r"\1s.0.weight", 0, 1),
        (r"model\.norm\.weight", r"model.norms.0.weight", 0, 1),
    )
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor of a file goes: our parameter, and the part of it counted from 0."""

    name: str
    part: int = 0
    parts: int = 1


def place(key: str) -> Place:
    """Return where a tensor goes; an unknown key keeps its name."""
    for pattern, name, part, parts in _RULES:
        match = pattern.fullmatch(key)
        if match:
            return Place(match.expand(name), part, parts)
    return Place(key)


def statistics_key(key: str) -> tuple[str, str, str] | None:
    """Return kind, ``min`` or ``delta``, and dataset of a normaliser tensor; None for a weight."""
    match = _STATISTICS.search(key)
    return (match[1], match[2], match[3]) if match else None


def common_prefix(keys: Iterable[str]) -> str:
    """Return what a wrapper put before every name, as in ``policy.visual.patch_embed...``."""
    marker = "visual.patch_embed.proj.weight"
    found = [key.removesuffix(marker) for key in keys if key.endswith(marker)]
    return found[0] if len(found) == 1 else ""


def describe(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, object]:
    """Return what the weights themselves say about the variant, as keys of a config.json.

    Args:
        shapes: shape by our name.

    Raises:
        CheckpointError: for a variant that is not supported.
    """
    adaptive = [key for key in shapes if "time_mlp" in key or ".dense." in key]
    if adaptive:
        raise CheckpointError(f"the weights have adaptive norms ({adaptive[0]}): not supported")
    says: dict[str, object] = {}
    # Over all layers: one tensor that is missing does not make another variant.
    layers = [key for key in shapes if key.startswith("model.layers.")]
    if any(".self_attn." in key for key in layers):
        says["attention_moe"] = any(".self_attn.qkv_proj_experts.1." in key for key in layers)
    if any(".input_layernorms." in key for key in layers):
        says["norm_moe"] = any(".input_layernorms.1." in key for key in layers)
    says["use_state_string_representation"] = "action_preprocessor.propri_proj.weight" not in shapes
    table = _matrix(shapes, "model.embed_tokens.weight")
    if table is not None:
        says["vocab_size"] = table[0]
    return says


def dimensions(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int | bool]:
    """Return widths of action and state and whether masks enter beside them, from the flow head."""
    found: dict[str, int | bool] = {}
    out = _matrix(shapes, "action_preprocessor.action_proj_back.weight")
    into = _matrix(shapes, "action_preprocessor.w1.weight")
    state = _matrix(shapes, "action_preprocessor.propri_proj.weight")
    if out is not None:
        found["action_dim"] = found["state_dim"] = out[0]
        if into is not None:
            found["proj_with_mask"] = into[1] == 2 * out[0]
    if state is not None:
        found["state_dim"] = state[1] // (2 if found.get("proj_with_mask", True) else 1)
    return found


def _matrix(shapes: Mapping[str, tuple[int, ...]], name: str) -> tuple[int, ...] | None:
    """Return the shape of a matrix; None if it is missing or, as is found later, no matrix."""
    shape = shapes.get(name, ())
    return shape if len(shape) == 2 and min(shape) > 0 else None
