"""A checkpoint folder as the published one is laid out, of a size for tests.

Its weights are made so that chunks look like those of a trained model: the velocity carries noise
towards the middle of the statistics, and what prompt, pictures and state say bends it a little.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import qwen_vocabulary
import torch
from safetensors.torch import save_file

from wall_oss_ros.core import action_space
from wall_oss_ros.model import WallOssModel
from wall_oss_ros.model.config import TINY, ModelConfig
from wall_oss_ros.model.random_weights import random_model

# Sizes of TINY; a vocabulary that ends behind the two placeholders, and the published layout.
CONFIG = replace(
    TINY,
    vocab_size=151680,
    dof_config={field.action_key: field.size for field in action_space.FIELDS},
    agent_pos_config={field.name: field.size for field in action_space.FIELDS},
)
KEYS = ("x2_normal", "ex_normal")
# How much of the way from noise to the middle of the statistics the velocity covers.
_PULL = 0.85


def make_checkpoint(
    folder: Path,
    *,
    seed: int = 0,
    config: ModelConfig = CONFIG,
    keys: Sequence[str] = KEYS,
    layout: bool = True,
    tokenizer: bool = True,
) -> Path:
    """Write config.json, model.safetensors, normalisers and tokenizer files.

    Args:
        folder: made where it is missing.
        seed: of the weights.
        config: sizes; an action expert of `action_dim` channels or more.
        keys: of the normalisers, each with statistics of its own; none for no normaliser files.
        layout: whether config.json says what the columns of action and state are.
        tokenizer: whether tokenizer files are written, where the published vocabulary is at hand.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = config_json(config)
    if not layout:
        del content["dof_config"], content["agent_pos_config"]
    (folder / "config.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    model = calm_model(config, seed)
    save_file(
        {name: value.contiguous() for name, value in model.named_parameters()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    for name, bounds in (("action", action_bounds), ("propri", state_bounds)):
        tensors = {}
        for index, key in enumerate(keys):
            low, width = bounds(1.0 - 0.5 * index)
            tensors |= {f"min.{key}": low, f"delta.{key}": width}
        if keys:
            torch.save(tensors, folder / f"normalizer_{name}.pth")
    ranks = qwen_vocabulary.ranks_file() if tokenizer else None
    if ranks is not None:
        qwen_vocabulary.write(folder, ranks)
    return folder


def calm_model(config: ModelConfig, seed: int) -> WallOssModel:
    """A random model whose velocity mostly points from where a row is to zero."""
    model = random_model(config, dtype=torch.bfloat16, seed=seed)
    head, rows = model.action_preprocessor, config.action_dim
    assert config.experts[1].hidden_size >= head.inner >= rows
    # The head hands a row on as it is: silu(z) is z / 2 for small z.
    small = 0.05
    for matrix in (head.w1.weight, head.w2.weight, head.w3.weight):
        matrix.data.zero_()
    head.w1.weight.data[:rows, :rows] = small * torch.eye(rows)
    head.w2.weight.data[:rows, :rows] = torch.eye(rows)
    head.w3.weight.data[:rows, :rows] = 2.0 / small * torch.eye(rows)
    # After the last norm the row's length is that of the norm, so it is pulled in at a fixed rate.
    back = head.action_proj_back.weight.data
    back *= 0.02
    length = (rows / config.experts[1].hidden_size) ** 0.5
    back[:, :rows] -= _PULL * length * torch.eye(rows)
    for name, value in model.named_parameters():
        if ".o_proj_experts.1." in name or ".experts.1.down_proj." in name:
            value.data *= 0.3
    return model


def config_json(config: ModelConfig) -> dict[str, Any]:
    """All keys that a published config.json has, flat as there."""
    vision = config.vision
    return {
        "architectures": ["Qwen2_5_VLMoEForAction"],
        "model_type": "qwen2_5_vl",
        "torch_dtype": "bfloat16",
        # As published: that of the base model. The weights have the last word.
        "vocab_size": 151936,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.experts[0].intermediate_size,
        "num_hidden_layers": config.num_hidden_layers,
        "num_attention_heads": config.num_attention_heads,
        "num_key_value_heads": config.num_key_value_heads,
        "hidden_act": "silu",
        "rms_norm_eps": config.rms_norm_eps,
        "rope_theta": config.rope_theta,
        "rope_scaling": {"type": "mrope", "mrope_section": list(config.mrope_section)},
        "max_position_embeddings": 128000,
        "use_sliding_window": False,
        "tie_word_embeddings": config.tied_head,
        "bos_token_id": 151643,
        "eos_token_id": config.eos_token_id,
        "vision_start_token_id": config.vision_start_token_id,
        "vision_end_token_id": 151653,
        "vision_token_id": 151654,
        "image_token_id": config.image_token_id,
        "video_token_id": config.video_token_id,
        "vision_config": {
            "depth": vision.depth,
            "hidden_act": "silu",
            "hidden_size": vision.hidden_size,
            "intermediate_size": vision.intermediate_size,
            "num_heads": vision.num_heads,
            "in_chans": vision.in_channels,
            "out_hidden_size": vision.out_hidden_size,
            "patch_size": vision.patch_size,
            "temporal_patch_size": vision.temporal_patch_size,
            "spatial_merge_size": vision.spatial_merge_size,
            "window_size": vision.window_size,
            "fullatt_block_indexes": list(vision.fullatt_block_indexes),
            "tokens_per_second": 2,
        },
        "num_experts": len(config.experts),
        "experts": [
            {
                "hidden_size": expert.hidden_size,
                "intermediate_size": expert.intermediate_size,
                "hidden_act": "silu",
            }
            for expert in config.experts
        ],
        "dim_inputs": [expert.hidden_size for expert in config.experts],
        "action_hidden_size": config.action_hidden_size,
        "state_hidden_size": config.state_hidden_size,
        "attention_moe": config.attention_moe,
        "mlp_moe": True,
        "norm_moe": config.norm_moe,
        "mot_opt": True,
        "use_adarms": False,
        "adarms_cond_dim": None,
        "proj_with_mask": config.proj_with_mask,
        "use_state_string_representation": config.state_as_text,
        "use_flow_action_expert": True,
        "causal_action_attention_mask": config.causal_actions,
        "use_x_pred": config.predict_x,
        "use_x_loss": True,
        "noise_scheduler": {
            "beta_alpha": 1.5,
            "beta_beta": 1.0,
            "s": config.time_scale,
            "time_shift": config.time_shift,
            "num_inference_timesteps": 10,
        },
        "action_horizon_flow": config.horizon,
        "dof_config": dict(config.dof_config),
        "agent_pos_config": dict(config.agent_pos_config),
    }


def action_bounds(scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Minimum and delta of relative rows: decimetres, small turns, everything else as it is."""
    low, high = torch.zeros(action_space.ACTION_DIM), torch.ones(action_space.ACTION_DIM)
    for side in action_space.SIDES:
        low[action_space.POSITION[side]] = -0.1 * scale
        high[action_space.POSITION[side]] = 0.1 * scale
        identity = torch.tensor((1.0, 0.0, 0.0, 0.0, 1.0, 0.0))
        low[action_space.ROTATION[side]] = identity - 0.1 * scale
        high[action_space.ROTATION[side]] = identity + 0.1 * scale
    _others(low, high)
    return low, high - low


def state_bounds(scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Minimum and delta of states: a box before the robot, any rotation."""
    low, high = torch.zeros(action_space.ACTION_DIM), torch.ones(action_space.ACTION_DIM)
    for side in action_space.SIDES:
        low[action_space.POSITION[side]] = torch.tensor((0.2, -0.8, 0.4)) * scale
        high[action_space.POSITION[side]] = torch.tensor((1.0, 0.8, 1.6))
        low[action_space.ROTATION[side]], high[action_space.ROTATION[side]] = -1.0, 1.0
    _others(low, high)
    return low, high - low


def _others(low: torch.Tensor, high: torch.Tensor) -> None:
    """Base at walking pace, lift and head within the simulated robot's range."""
    low[action_space.BASE], high[action_space.BASE] = -0.2, 0.2
    low[action_space.LIFT], high[action_space.LIFT] = 0.28, 0.32
    low[action_space.HEAD], high[action_space.HEAD] = -0.8, 0.1
