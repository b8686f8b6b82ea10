"""A model and inputs of true size without a checkpoint: random weights, made where they live.

Speed depends on sizes and types, not on what the numbers say. So a machine can be measured with
nothing but this package, and no eight-gigabyte file.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wall_oss_ros.core.errors import ModelError
from wall_oss_ros.model.checkpoint import parameter_dtype, set_parameter
from wall_oss_ros.model.config import ModelConfig
from wall_oss_ros.model.inputs import FlowInputs, check_flow_inputs
from wall_oss_ros.model.wall_oss import WallOssModel

# Rows of the published vocabulary that are words; special tokens follow.
_WORDS = 151643
# Where the action placeholder is in the published vocabulary; the state's is one below.
_ACTION_ID = 151666
# Standard deviation of an embedding in language models of this family.
_EMBEDDING = 0.02


def random_model(
    config: ModelConfig,
    *,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    seed: int = 0,
) -> WallOssModel:
    """Return a model with random weights, without normalisers.

    A matrix of n inputs gets the standard deviation 1 / sqrt(n), 0.022 at the published width, so
    that numbers keep their size through all layers; norms are 1, biases 0.

    Args:
        config: sizes.
        dtype: of the large matrices; norms and flow head are float32 as in a checkpoint.
        device: where the weights are made; nothing passes through the host's memory.
        seed: same seed, same device: same weights.
    """
    with torch.device("meta"):
        model = WallOssModel(config)
    draw = torch.Generator(device).manual_seed(seed)
    for name, like in list(model.named_parameters()):
        kind = parameter_dtype(name, dtype)
        value = torch.empty(like.shape, dtype=kind, device=device)
        _fill(name, value, draw)
        set_parameter(model, name, value)
    return model.eval()


def _fill(name: str, value: Tensor, draw: torch.Generator) -> None:
    if name.endswith("bias"):
        value.zero_()
    elif value.ndim == 1:
        value.fill_(1.0)
    else:
        inputs = value[0].numel()
        std = _EMBEDDING if name.endswith("embed_tokens.weight") else inputs**-0.5
        value.normal_(std=std, generator=draw)


def random_inputs(
    config: ModelConfig,
    *,
    cameras: int = 3,
    resolution: int = 448,
    text: int = 150,
    horizon: int = 32,
    seed: int = 0,
) -> FlowInputs:
    """Return inputs as the prompt template gives them, with random words and pictures.

    Args:
        config: of the model.
        cameras: pictures, each between its start and end token.
        resolution: edge of the square pictures [px].
        text: prompt tokens that are not image tokens.
        horizon: action rows.
        seed: of words, pictures and noise.

    Raises:
        ModelError: for sizes that no prompt can have.
    """
    vision = config.vision
    if cameras < 0 or resolution < vision.factor or resolution % vision.factor:
        raise ModelError(
            f"{cameras} pictures of {resolution} px; expected 0 or more, "
            f"with edges that are multiples of {vision.factor} px"
        )
    # Start and end of every picture, one word before and behind them, and the state's place.
    least = 2 * cameras + (2 if config.state_as_text else 3)
    if text < least:
        raise ModelError(f"{text} text tokens; {cameras} pictures need at least {least}")
    action = config.action_token_id
    if action is None:
        action = min(_ACTION_ID, config.vocab_size - 1)
    state = config.state_token_id if config.state_token_id is not None else action - 1
    draw = torch.Generator().manual_seed(seed)
    last = min(_WORDS, config.vision_start_token_id, config.image_token_id, state)
    words: list[int] = torch.randint(0, last, (text,), generator=draw).tolist()
    ids = [words.pop()]
    for _ in range(cameras):
        words = words[:-2]
        start, tokens = config.vision_start_token_id, (resolution // vision.factor) ** 2
        ids += [start, *[config.image_token_id] * tokens, start + 1]
    if not config.state_as_text:
        words[-1] = state
    ids += words
    rows = torch.ones(1, horizon, config.action_dim)
    return check_flow_inputs(
        config,
        input_ids=torch.tensor([[*ids, *[action] * horizon]]),
        images=[
            torch.randint(0, 256, (resolution, resolution, 3), dtype=torch.uint8, generator=draw)
            for _ in range(cameras)
        ],
        proprioception=torch.rand(1, 1, config.state_dim, generator=draw) * 2.0 - 1.0,
        agent_pos_mask=torch.ones(1, 1, config.state_dim),
        dof_mask=rows,
        moe_token_types=torch.tensor([[0] * len(ids) + [1] * horizon]),
        action_horizon=horizon,
        action_dim=config.action_dim,
        generator=draw,
    )
