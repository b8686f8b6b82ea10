"""Transformers' configuration of the Qwen2.5-VL that one of ours is without its action rows."""

from __future__ import annotations

from typing import Any

from wall_oss_ros.model.config import ModelConfig
from wall_oss_ros.model.decoder import TEXT


def twin_configuration(config: ModelConfig, **tokens: int | None) -> Any:
    """`tokens` are the ids of begin and end of text, for its own generation."""
    from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLConfig

    vision = config.vision
    return Qwen2_5_VLConfig(
        text_config={
            "vocab_size": config.vocab_size,
            "hidden_size": config.hidden_size,
            "intermediate_size": config.experts[TEXT].intermediate_size,
            "num_hidden_layers": config.num_hidden_layers,
            "num_attention_heads": config.num_attention_heads,
            "num_key_value_heads": config.num_key_value_heads,
            "rms_norm_eps": config.rms_norm_eps,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": config.rope_theta,
                "mrope_section": list(config.mrope_section),
            },
            "tie_word_embeddings": True,
            "pad_token_id": 0,
            **tokens,
        },
        vision_config={
            "depth": vision.depth,
            "hidden_size": vision.hidden_size,
            "intermediate_size": vision.intermediate_size,
            "num_heads": vision.num_heads,
            "out_hidden_size": vision.out_hidden_size,
            "fullatt_block_indexes": list(vision.fullatt_block_indexes),
        },
        image_token_id=config.image_token_id,
        video_token_id=config.video_token_id,
        vision_start_token_id=config.vision_start_token_id,
        vision_end_token_id=config.vision_start_token_id + 1,
        tie_word_embeddings=True,
    )
