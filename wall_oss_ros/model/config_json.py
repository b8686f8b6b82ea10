"""Writes a `ModelConfig` as the config.json that `config_file.py` reads: keys as published."""

from __future__ import annotations

from typing import Any

from wall_oss_ros.model.config import ModelConfig


def config_json(config: ModelConfig) -> dict[str, Any]:
    """Return the content of a config.json, flat as published; reading it gives the same again.

    What a reader takes from the weights instead (size of the vocabulary, how the state enters) is
    written all the same.
    """
    vision = config.vision
    optional = {
        "pad_token_id": config.pad_token_id,
        "action_token_id": config.action_token_id,
        "propri_token_id": config.state_token_id,
    }
    return {
        "architectures": ["Qwen2_5_VLMoEForAction"],
        "model_type": "qwen2_5_vl",
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.experts[0].intermediate_size,
        "num_hidden_layers": config.num_hidden_layers,
        "num_attention_heads": config.num_attention_heads,
        "num_key_value_heads": config.num_key_value_heads,
        "hidden_act": "silu",
        "rms_norm_eps": config.rms_norm_eps,
        "rope_theta": config.rope_theta,
        "rope_scaling": {"type": "mrope", "mrope_section": list(config.mrope_section)},
        "use_sliding_window": False,
        "tie_word_embeddings": config.tied_head,
        # None begins a prompt; left out, readers take that of the published vocabulary.
        "bos_token_id": None,
        "eos_token_id": config.eos_token_id,
        "vision_start_token_id": config.vision_start_token_id,
        "image_token_id": config.image_token_id,
        "video_token_id": config.video_token_id,
        **{key: value for key, value in optional.items() if value is not None},
        "vision_config": {
            "depth": vision.depth,
            "hidden_act": "silu",
            "hidden_size": vision.hidden_size,
            "intermediate_size": vision.intermediate_size,
            "num_heads": vision.num_heads,
            "in_channels": vision.in_channels,
            "out_hidden_size": vision.out_hidden_size,
            "patch_size": vision.patch_size,
            "temporal_patch_size": vision.temporal_patch_size,
            "spatial_merge_size": vision.spatial_merge_size,
            "window_size": vision.window_size,
            "fullatt_block_indexes": list(vision.fullatt_block_indexes),
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
        "use_adarms": False,
        "proj_with_mask": config.proj_with_mask,
        "use_state_string_representation": config.state_as_text,
        "use_flow_action_expert": True,
        "causal_action_attention_mask": config.causal_actions,
        "use_x_pred": config.predict_x,
        "noise_scheduler": {
            "beta_alpha": 1.5,
            "beta_beta": 1.0,
            "s": config.time_scale,
            "time_shift": config.time_shift,
        },
        "action_horizon_flow": config.horizon,
        "dof_config": dict(config.dof_config),
        "agent_pos_config": dict(config.agent_pos_config),
        "resolution": config.resolution,
        "cameras": list(config.cameras),
        "continuation": config.continuation,
    }
