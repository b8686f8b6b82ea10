"""What a loaded checkpoint is, in words: for a person who wants to know before it moves a robot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from torch import nn

from wall_oss_ros.core import action_space
from wall_oss_ros.core.errors import choices
from wall_oss_ros.model.config import ModelConfig
from wall_oss_ros.model.layout import columns_of
from wall_oss_ros.model.processor import ProcessorSettings
from wall_oss_ros.model.prompt import camera_label
from wall_oss_ros.model.tokenizer import Tokenizer
from wall_oss_ros.model.wall_oss import WallOssModel

Line = tuple[str, str]


def describe_model(model: WallOssModel) -> list[Line]:
    """Return name and text of what weights, configuration and statistics say."""
    config, statistics = model.config, model.normalizers
    return [
        ("model", config.variant),
        ("parameters", _parameters(model)),
        ("chunk", f"{config.horizon} rows as trained, {config.action_dim} numbers each"),
        ("action", _layout(config, action=True)),
        ("state", _layout(config, action=False)),
        (
            "normalisers",
            f"action: {choices(statistics.action)}; state: {choices(statistics.state)}",
        ),
    ]


def describe_prompt(
    tokenizer: Tokenizer, config: ModelConfig, settings: ProcessorSettings, cameras: Sequence[str]
) -> list[Line]:
    """Return name and text of what the prompt is made of, with what nobody has confirmed.

    Args:
        tokenizer: of the checkpoint.
        config: of the model.
        settings: in use.
        cameras: names, in the model's order.
    """
    labels = ", ".join(f"'{camera_label(name, settings)}' for {name}" for name in cameras)
    state = f"one token ({tokenizer.state_id})"
    if config.state_as_text:
        state = (
            f"text in {settings.state_bins} steps; no file says how many a checkpoint was trained "
            "with, published code has 256 and 512 (--state-bins)"
        )
    return [
        (
            "tokenizer",
            f"{tokenizer.size} ids in an embedding of {config.vocab_size} rows; image "
            f"{tokenizer.image_id}, vision start {tokenizer.vision_start_id}, state "
            f"{tokenizer.state_id}, action {tokenizer.action_id}",
        ),
        ("state enters", f"as {state}"),
        (
            "cameras",
            f"{labels}; fine-tuning may have used other words, such as the names as they are "
            "(--raw-camera-names)",
        ),
        ("pictures", f"long side {settings.resolution} px"),
        ("system prompt", f"'{settings.system_prompt}'; that of pre-training is not public"),
    ]


def _parameters(model: nn.Module) -> str:
    kinds: Counter[str] = Counter()
    for parameter in model.parameters():
        kinds[str(parameter.dtype).removeprefix("torch.")] += parameter.numel()
    parts = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
    return f"{sum(kinds.values()):,}: {parts}"


def _layout(config: ModelConfig, *, action: bool) -> str:
    """Return keys with their columns, and who says so."""
    keys = config.dof_config if action else config.agent_pos_config
    if keys:
        return f"{_columns(columns_of(keys))} (config.json)"
    width = config.action_dim if action else config.state_dim
    if width != action_space.ACTION_DIM:
        return f"{width} numbers; config.json does not say which"
    fields = {f.action_key if action else f.name: f.columns for f in action_space.FIELDS}
    return f"{_columns(fields)} (ASSUMED: config.json does not say; this is the order of the base)"


def _columns(places: dict[str, slice]) -> str:
    def text(place: slice) -> str:
        last = place.stop - 1
        return str(place.start) if last == place.start else f"{place.start}-{last}"

    return ", ".join(f"{text(place)} {name}" for name, place in places.items())
