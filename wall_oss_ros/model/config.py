"""What kind of Wall-OSS a checkpoint is: every size and every choice.

Read from a checkpoint by `config_file.py` (what its config.json says) and `naming.py` (what its
weights say).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# How a chunk goes on from the running motion: not at all, or in one of the ways of `rtc.py`.
CONTINUATIONS = ("off", "inpainted", "guided", "prefix")


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """The vision tower of Qwen2.5-VL.

    Attributes:
        depth: blocks.
        hidden_size: channels of a patch.
        intermediate_size: channels inside the MLP.
        num_heads: attention heads.
        in_channels: 3, colours.
        out_hidden_size: channels of a merged token, those of the decoder.
        patch_size: edge of a patch [px].
        temporal_patch_size: frames a patch spans; a still image is repeated.
        spatial_merge_size: patches per edge of a merged token.
        window_size: edge of an attention window [px].
        fullatt_block_indexes: blocks that attend across the whole image.
    """

    depth: int = 32
    hidden_size: int = 1280
    intermediate_size: int = 3420
    num_heads: int = 16
    in_channels: int = 3
    out_hidden_size: int = 2048
    patch_size: int = 14
    temporal_patch_size: int = 2
    spatial_merge_size: int = 2
    window_size: int = 112
    fullatt_block_indexes: tuple[int, ...] = (7, 15, 23, 31)

    @property
    def patch_numbers(self) -> int:
        """Numbers in one row of ``pixel_values``."""
        return self.in_channels * self.temporal_patch_size * self.patch_size**2

    @property
    def factor(self) -> int:
        """Edges of an image are multiples of this [px]."""
        return self.patch_size * self.spatial_merge_size


@dataclass(frozen=True, slots=True)
class ExpertConfig:
    """One expert of the decoder: channels it reads and writes, channels inside its MLP."""

    hidden_size: int
    intermediate_size: int


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Everything that shapes the model.

    Attributes:
        vocab_size: rows of the embedding table.
        hidden_size: channels of the residual stream.
        num_hidden_layers: decoder layers.
        num_attention_heads: query heads, the same for every expert.
        num_key_value_heads: key and value heads.
        rms_norm_eps: epsilon of every norm.
        rope_theta: base of the rotary frequencies.
        mrope_section: frequencies that take the temporal, height and width position.
        experts: 0 text and images, 1 actions.
        attention_moe: experts have their own projections (0.5); otherwise expert 0's serve both.
        norm_moe: experts have their own norms.
        action_dim: numbers in an action row.
        state_dim: numbers in the state.
        action_hidden_size: channels of the flow head.
        state_hidden_size: channels of the projected state.
        proj_with_mask: actions and state enter with their masks beside them.
        state_as_text: the state is written into the prompt; otherwise one token carries it.
        causal_actions: an action row sees the rows before it; otherwise it sees all rows.
        predict_x: the head predicts the clean action (x-prediction), not the velocity.
        time_scale: times end here instead of at 1 (``s`` of the noise scheduler).
        time_shift: times are bent by k t / (1 + (k - 1) t).
        slide_masked: masked dimensions slide to their normalised zero; otherwise they run free.
        tied_head: text logits come from the embedding table (no ``lm_head`` of its own).
        horizon: rows of a chunk as trained.
        resolution: long side of the pictures as trained [px]; -1 leaves them as they come.
        image_token_id: placeholder of one merged image token.
        video_token_id: placeholder of a video token (not supported, recognised).
        vision_start_token_id: before an image.
        pad_token_id: fills up a row; never in a prompt. None where the file is silent.
        eos_token_id: ends a generated text.
        action_token_id: placeholder of one action row, None if only the token types tell.
        state_token_id: placeholder of the projected state, None for one below the action token.
        cameras: the model's names of the pictures it was trained with, in order; empty where the
            checkpoint does not say, and it is shown all that the robot has.
        continuation: how its chunks are best made to go on from the running motion, one of
            `CONTINUATIONS`; "off" where the checkpoint does not say.
        dof_config: action keys and their widths, in order.
        agent_pos_config: state keys and their widths, in order.
        vision: the vision tower.
    """

    vocab_size: int = 155765
    hidden_size: int = 2048
    num_hidden_layers: int = 36
    num_attention_heads: int = 16
    num_key_value_heads: int = 2
    rms_norm_eps: float = 1e-6
    rope_theta: float = 1e6
    mrope_section: tuple[int, int, int] = (16, 24, 24)
    experts: tuple[ExpertConfig, ExpertConfig] = (
        ExpertConfig(2048, 11008),
        ExpertConfig(1024, 2048),
    )
    attention_moe: bool = True
    norm_moe: bool = True
    action_dim: int = 26
    state_dim: int = 26
    action_hidden_size: int = 1024
    state_hidden_size: int = 2048
    proj_with_mask: bool = True
    state_as_text: bool = True
    causal_actions: bool = True
    predict_x: bool = False
    time_scale: float = 0.999
    time_shift: float = 1.0
    slide_masked: bool = True
    tied_head: bool = True
    horizon: int = 32
    resolution: int = 448
    image_token_id: int = 151655
    video_token_id: int = 151656
    vision_start_token_id: int = 151652
    pad_token_id: int | None = None
    eos_token_id: int = 151645
    action_token_id: int | None = None
    state_token_id: int | None = None
    cameras: tuple[str, ...] = ()
    continuation: str = "off"
    dof_config: Mapping[str, int] = field(default_factory=dict)
    agent_pos_config: Mapping[str, int] = field(default_factory=dict)
    vision: VisionConfig = field(default_factory=VisionConfig)

    @property
    def head_dim(self) -> int:
        """Channels of an attention head."""
        return self.hidden_size // self.num_attention_heads

    @property
    def attention_experts(self) -> int:
        """How many sets of attention projections there are."""
        return 2 if self.attention_moe else 1

    @property
    def variant(self) -> str:
        """Which published family this is, in words."""
        attention = "per-expert" if self.attention_moe else "shared"
        block = "causal" if self.causal_actions else "bidirectional"
        state = "text" if self.state_as_text else "token"
        family = "Wall-OSS-0.5" if self.attention_moe else "Wall-OSS flow v0.1"
        return (
            f"{family} ({attention} attention, {block} action block, state as {state}, "
            f"{self.action_dim}-D)"
        )


# The model as published: section 1 of the checkpoint's own configuration.
PUBLISHED = ModelConfig()

# The smallest that still has every part; for tests and `wall-oss bench --size tiny`.
TINY = ModelConfig(
    vocab_size=155765,
    hidden_size=64,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    mrope_section=(2, 3, 3),
    experts=(ExpertConfig(64, 96), ExpertConfig(32, 48)),
    action_hidden_size=32,
    state_hidden_size=64,
    vision=VisionConfig(
        depth=4,
        hidden_size=32,
        intermediate_size=48,
        num_heads=2,
        out_hidden_size=64,
        fullatt_block_indexes=(1, 3),
    ),
)
