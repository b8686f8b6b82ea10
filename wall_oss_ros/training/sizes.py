"""The small Wall-OSS: every part of the large one, of a size that learns a task on a processor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from wall_oss_ros.model.config import ExpertConfig, ModelConfig, VisionConfig
from wall_oss_ros.model.tokenizer import Tokenizer

# The state enters as one token (use_state_string_representation false) and the head predicts the
# clean action (use_x_pred): both are choices of the published code. A state in words costs ninety
# tokens, more than all the rest of a prompt of this size.
SMALL = ModelConfig(
    vocab_size=512,
    hidden_size=192,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=2,
    mrope_section=(6, 9, 9),
    experts=(ExpertConfig(192, 384), ExpertConfig(160, 320)),
    rope_theta=10_000.0,
    action_hidden_size=160,
    state_hidden_size=192,
    state_as_text=False,
    predict_x=True,
    horizon=32,
    resolution=112,
    continuation="inpainted",
    vision=VisionConfig(
        depth=3,
        hidden_size=128,
        intermediate_size=256,
        num_heads=4,
        out_hidden_size=192,
        window_size=56,
        fullatt_block_indexes=(1, 2),
    ),
)
SIZES: Mapping[str, ModelConfig] = {"small": SMALL}


def for_tokenizer(config: ModelConfig, tokenizer: Tokenizer, action_tokens: int = 0) -> ModelConfig:
    """Return a configuration whose ids are those of a tokenizer.

    Args:
        config: sizes.
        tokenizer: its words.
        action_tokens: rows of the embedding behind the words, for discrete action tokens.
    """
    return replace(
        config,
        vocab_size=tokenizer.size + action_tokens,
        image_token_id=tokenizer.image_id,
        video_token_id=tokenizer.image_id + 1,
        vision_start_token_id=tokenizer.vision_start_id,
        eos_token_id=tokenizer.im_end_id,
        action_token_id=tokenizer.action_id,
        state_token_id=tokenizer.state_id,
    )
