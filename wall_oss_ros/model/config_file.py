"""Reads a config.json into a `ModelConfig`, and refuses what is malformed by the key at fault.

Names are the checkpoint's own keys. Where the file is silent the values of the published code of
that variant hold; where the weights say otherwise (`naming.py`) the weights win.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from wall_oss_ros.core.errors import CheckpointError, choices
from wall_oss_ros.model.config import CONTINUATIONS, ExpertConfig, ModelConfig, VisionConfig


def read_config(path: Path) -> dict[str, Any]:
    """Return the content of a config.json.

    Raises:
        CheckpointError: if it is missing or no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"no model configuration: {path}: {error.strerror}") from None
    except ValueError as error:
        raise CheckpointError(f"{path} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} is not a JSON object")
    return content


def config_from(content: Mapping[str, Any]) -> ModelConfig:
    """Return the configuration that a config.json states.

    Args:
        content: the file, flat (text fields at the top level) or with a ``text_config``.

    Raises:
        CheckpointError: if a needed key is missing, or asks for something that is not supported.
    """
    content = {**content, **_table(content, "text_config")}
    _refuse_unsupported(content)
    rope = _table(content, "rope_scaling") or _table(content, "rope_parameters")
    scheduler = _table(content, "noise_scheduler")
    dof, agent = (
        {key: _whole(table, key, least=0) for key in table}
        for table in (_table(content, "dof_config"), _table(content, "agent_pos_config"))
    )
    attention_moe = _flag(content, "attention_moe", False)
    hidden = _whole(content, "hidden_size")
    experts = _experts(content)
    config = ModelConfig(
        vocab_size=_whole(content, "vocab_size"),
        hidden_size=hidden,
        num_hidden_layers=_whole(content, "num_hidden_layers"),
        num_attention_heads=_whole(content, "num_attention_heads"),
        num_key_value_heads=_whole(content, "num_key_value_heads"),
        rms_norm_eps=_positive(content, "rms_norm_eps", 1e-6),
        rope_theta=_positive(content if content.get("rope_theta") else rope, "rope_theta", 1e6),
        mrope_section=_sections(rope),
        experts=experts,
        attention_moe=attention_moe,
        norm_moe=_flag(content, "norm_moe", False),
        action_dim=sum(dof.values()) or 26,
        state_dim=sum(agent.values()) or sum(dof.values()) or 26,
        action_hidden_size=_whole(content, "action_hidden_size", experts[1].hidden_size),
        state_hidden_size=_whole(content, "state_hidden_size", hidden),
        proj_with_mask=_flag(content, "proj_with_mask", True),
        state_as_text=_flag(content, "use_state_string_representation", False),
        causal_actions=_flag(content, "causal_action_attention_mask", False),
        predict_x=_flag(content, "use_x_pred", False),
        # The code of flow v0.1 ignores the scheduler at inference and leaves masked dimensions
        # alone; that of 0.5 uses both.
        time_scale=_positive(scheduler, "s", 0.999) if attention_moe else 1.0,
        time_shift=_positive(scheduler, "time_shift", 1.0) if attention_moe else 1.0,
        slide_masked=attention_moe,
        tied_head=_flag(content, "tie_word_embeddings", True),
        horizon=_whole(content, "action_horizon_flow", 32),
        # Not in published files: what ours are trained with and how they are run.
        resolution=_whole(content, "resolution", 448, least=-1),
        cameras=_names(content, "cameras"),
        continuation=_one_of(content, "continuation", CONTINUATIONS),
        image_token_id=_whole(content, "image_token_id", 151655, least=0),
        video_token_id=_whole(content, "video_token_id", 151656, least=0),
        vision_start_token_id=_whole(content, "vision_start_token_id", 151652, least=0),
        eos_token_id=_first(content, "eos_token_id", 151645),
        pad_token_id=_maybe(content, "pad_token_id"),
        action_token_id=_maybe(content, "action_token_id"),
        state_token_id=_maybe(content, "propri_token_id"),
        dof_config=dof,
        agent_pos_config=agent,
        vision=_vision_from(_table(content, "vision_config"), hidden),
    )
    _check_widths(config)
    return config


def _check_widths(config: ModelConfig) -> None:
    """Refuse widths that do not fit into each other, into heads, or into rotary sections."""
    text, action = config.experts
    if (
        text.hidden_size != config.hidden_size
        or action.hidden_size > config.hidden_size
        or config.action_hidden_size > action.hidden_size
        or config.state_hidden_size > config.hidden_size
    ):
        raise CheckpointError(
            f"config: dim_inputs {[text.hidden_size, action.hidden_size]}, action_hidden_size "
            f"{config.action_hidden_size} and state_hidden_size {config.state_hidden_size} do not "
            f"fit into a stream of hidden_size {config.hidden_size}"
        )
    heads, shared = config.num_attention_heads, config.num_key_value_heads
    if heads < 1 or shared < 1 or config.hidden_size % heads or heads % shared:
        raise CheckpointError(
            f"config: hidden_size {config.hidden_size}, {heads} attention heads and {shared} "
            "key-value heads do not divide into each other"
        )
    if 2 * sum(config.mrope_section) != config.head_dim:
        raise CheckpointError(
            f"config: mrope_section {list(config.mrope_section)} adds up to "
            f"{sum(config.mrope_section)}, expected {config.head_dim // 2}, half a head of "
            f"{config.head_dim} channels"
        )
    vision = config.vision
    if vision.out_hidden_size != config.hidden_size or vision.window_size < vision.factor:
        raise CheckpointError(
            f"config: vision_config has out_hidden_size {vision.out_hidden_size} and windows of "
            f"{vision.window_size} px; expected {config.hidden_size} and at least {vision.factor}"
        )
    width, count = vision.hidden_size, vision.num_heads
    if count < 1 or width % (4 * count):
        raise CheckpointError(
            f"config: vision_config has {count} heads for {width} channels; expected a multiple "
            "of 4 channels per head"
        )


def _vision_from(content: Mapping[str, Any], hidden_size: int) -> VisionConfig:
    content = {"in_channels": content.get("in_chans"), **content}  # the name in older files
    blocks = content.get("fullatt_block_indexes", VisionConfig().fullatt_block_indexes)
    if not isinstance(blocks, list | tuple) or not all(type(block) is int for block in blocks):
        raise CheckpointError(
            f"config: fullatt_block_indexes is {blocks!r}; expected whole numbers"
        )
    sizes = {
        item.name: _whole(content, item.name, item.default)
        for item in fields(VisionConfig)
        if item.name not in ("out_hidden_size", "fullatt_block_indexes")
    }
    return VisionConfig(
        **sizes,
        out_hidden_size=_whole(content, "out_hidden_size", hidden_size),
        fullatt_block_indexes=tuple(blocks),
    )


def _experts(content: Mapping[str, Any]) -> tuple[ExpertConfig, ExpertConfig]:
    """Return text and action expert; ``dim_inputs`` has the last word on their channels."""
    given = content.get("experts")
    if not isinstance(given, list) or len(given) != 2:
        got = f"{len(given)} of them" if isinstance(given, list) else repr(given)
        raise CheckpointError(f"config: experts is {got}; expected a list of 2 (text, action)")
    tables = [_table({f"experts[{i}]": entry}, f"experts[{i}]") for i, entry in enumerate(given)]
    widths = content.get("dim_inputs") or [table.get("hidden_size") for table in tables]
    if not isinstance(widths, list | tuple) or len(widths) != 2:
        raise CheckpointError(f"config: dim_inputs is {widths!r}; expected 2 numbers")
    text, action = (
        ExpertConfig(
            _whole({"dim_inputs": width}, "dim_inputs"), _whole(table, "intermediate_size")
        )
        for width, table in zip(widths, tables, strict=True)
    )
    return text, action


def _refuse_unsupported(content: Mapping[str, Any]) -> None:
    """Refuse what no published checkpoint uses and no test vector covers."""
    for key, fault in {
        "use_adarms": "adaptive norms",
        "use_sliding_window": "sliding-window attention",
    }.items():
        if content.get(key):
            raise CheckpointError(f"config: {key} is true, but {fault} are not supported")
    for key, fault in {
        "mlp_moe": "an MLP shared by the experts is",
        "use_flow_action_expert": "a model without flow head is",
    }.items():
        if content.get(key) is False:
            raise CheckpointError(f"config: {key} is false, but {fault} not supported")
    widths = {expert.hidden_size for expert in _experts(content)}
    if not content.get("attention_moe") and len(widths) > 1:
        raise CheckpointError(
            f"config: shared attention (attention_moe false) with experts of widths "
            f"{sorted(widths)} is not supported"
        )
    if content.get("hidden_act", "silu") != "silu":
        raise CheckpointError(f"config: hidden_act is {content['hidden_act']!r}; expected 'silu'")


def _sections(rope: Mapping[str, Any]) -> tuple[int, int, int]:
    value = rope.get("mrope_section", (16, 24, 24))
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise CheckpointError(f"config: mrope_section is {value!r}; expected 3 numbers")
    t, h, w = (_whole({"mrope_section": number}, "mrope_section") for number in value)
    return t, h, w


def _table(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return an object inside the file; empty where it is missing or null."""
    value = content.get(key)
    if value is not None and not isinstance(value, Mapping):
        raise CheckpointError(f"config: {key} is {value!r}; expected an object")
    return value or {}


def _whole(content: Mapping[str, Any], key: str, default: Any = None, least: int = 1) -> int:
    value = default if content.get(key) is None else content[key]
    if value is None:
        raise CheckpointError(f"config: key '{key}' is missing")
    if type(value) is not int or value < least:
        raise CheckpointError(f"config: {key} is {value!r}; expected a whole number from {least}")
    return value


def _flag(content: Mapping[str, Any], key: str, default: bool) -> bool:
    value = default if content.get(key) is None else content[key]
    if type(value) is not bool:
        raise CheckpointError(f"config: {key} is {value!r}; expected true or false")
    return value


def _positive(content: Mapping[str, Any], key: str, default: float) -> float:
    value = default if content.get(key) is None else content[key]
    if type(value) not in (int, float) or not 0.0 < value < math.inf:
        raise CheckpointError(f"config: {key} is {value!r}; expected a number above 0")
    return float(value)


def _names(content: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = content.get(key) or []
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise CheckpointError(f"config: {key} is {value!r}; expected a list of names")
    return tuple(value)


def _one_of(content: Mapping[str, Any], key: str, valid: Sequence[str]) -> str:
    value = valid[0] if content.get(key) is None else content[key]
    if value not in valid:
        raise CheckpointError(f"config: {key} is {value!r}; expected one of {choices(valid)}")
    return str(value)


def _first(content: Mapping[str, Any], key: str, default: int) -> int:
    value = content.get(key)
    return _whole({key: value[0] if isinstance(value, list) and value else value}, key, default, 0)


def _maybe(content: Mapping[str, Any], key: str) -> int | None:
    return None if content.get(key) is None else _whole(content, key, least=0)
