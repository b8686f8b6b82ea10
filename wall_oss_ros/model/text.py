"""Words from the model: answers, and the next subtask of a long instruction.

Only expert 0 takes part; without action rows it is a Qwen2.5-VL, and writes as one: token after
token, each seeing all before it. The embedding table is also the output head (tied weights).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from wall_oss_ros.core.errors import ModelError
from wall_oss_ros.model.decoder import TEXT, Growing
from wall_oss_ros.model.inputs import FlowInputs, check_prompt
from wall_oss_ros.model.rope import position_ids

if TYPE_CHECKING:
    from wall_oss_ros.model.wall_oss import WallOssModel

Pick = Callable[[Tensor], int]


@torch.no_grad()
def greedy(
    model: WallOssModel,
    input_ids: Any,
    attention_mask: Any = None,
    pixel_values: Any = None,
    image_grid_thw: Any = None,
    images: Sequence[Any] = (),
    *,
    max_new_tokens: int = 100,
    stop_ids: Collection[int] | None = None,
    retry_temperature: float | None = None,
    generator: torch.Generator | None = None,
) -> list[int]:
    """Return the tokens that follow a prompt, the likeliest one each time.

    Nothing is forbidden to the model: a token that is a placeholder of an image, a state or an
    action row comes out like any other, and counts as a word afterwards.

    Args:
        model: with tied output head.
        input_ids: (1, S) prompt with placeholders for image tokens; one prompt at a time.
        attention_mask: (1, S) all ones; padding is refused.
        pixel_values: (patches, 1176) normalised, all images in the order of the prompt.
        image_grid_thw: (images, 3) frames, rows and columns of patches.
        images: uint8 (h, w, 3) RGB each, in place of pixel values and their grids.
        max_new_tokens: the text ends here at the latest.
        stop_ids: tokens that end the text, not part of it; None for the model's own.
        retry_temperature: where the text would be empty, draw it once instead, from the
            probabilities at this temperature, as the reference implementation does at 0.7; None to
            leave it empty. A drawn text may be empty again.
        generator: of the draw, on the CPU.

    Returns:
        Token ids, at most `max_new_tokens`; empty if the first token ends the text.

    Raises:
        ModelError: naming what cannot be used; also when the model's numbers are not finite.
    """
    if max_new_tokens < 1:
        raise ModelError(f"max_new_tokens is {max_new_tokens}; expected 1 or more")
    if retry_temperature is not None and not retry_temperature > 0.0:
        raise ModelError(f"retry_temperature is {retry_temperature}; expected more than 0, or None")
    prompt = _check(model, input_ids, attention_mask, pixel_values, image_grid_thw, images)
    stops = frozenset((model.config.eos_token_id,) if stop_ids is None else stop_ids)
    memories = [Growing() for _ in model.model.layers]
    x = model.embed_prompt(prompt)
    rope = model.model.rope(prompt.positions)
    logits = _logits(model, model.model(x, TEXT, rope, memories, causal=True))
    first = int(prompt.positions.max()) + 1

    def write(pick: Pick) -> list[int]:
        text: list[int] = []
        token = pick(logits)
        while token not in stops:
            text.append(token)
            if len(text) == max_new_tokens:
                break
            token = pick(_next(model, memories, token, first + len(text) - 1))
        return text

    text = write(_likeliest)
    if not text and retry_temperature is not None:
        # Nothing was written, so the memories still hold the prompt and no more.
        text = write(lambda numbers: _drawn(numbers, retry_temperature, generator))
    return text


def _check(
    model: WallOssModel,
    input_ids: Any,
    attention_mask: Any,
    pixel_values: Any,
    image_grid_thw: Any,
    images: Sequence[Any],
) -> FlowInputs:
    """Return the prompt as inputs without action rows."""
    config = model.config
    if not config.tied_head:
        raise ModelError(
            "this checkpoint has an output head of its own (tie_word_embeddings is false), which "
            "is not loaded; it can act, but not write"
        )
    ids, pixels, frames, grids = check_prompt(
        config, input_ids, attention_mask, pixel_values, image_grid_thw, images
    )
    if len(ids) != 1:
        raise ModelError(f"{len(ids)} prompts at once; text is written for one at a time")
    state_id = config.state_token_id
    if not config.state_as_text and state_id is not None and bool((ids == state_id).any()):
        raise ModelError("the prompt holds a state token; a prompt for text has none")
    positions = position_ids(ids, grids, config.image_token_id, config.vision.spatial_merge_size)
    nothing = torch.zeros(1, 0, config.action_dim)
    return FlowInputs(
        prompt=ids,
        positions=positions,
        pixel_values=pixels,
        images=frames,
        grids=grids,
        state=None,
        state_mask=None,
        state_token_id=-1,
        dof_mask=nothing,
        noise=nothing,
    ).to(model.device)


def _next(model: WallOssModel, memories: list[Growing], token: int, position: int) -> Tensor:
    """Return what follows a token, the same position on all three axes."""
    x = model.model.embed_tokens(torch.tensor([[token]], device=model.device))
    rope = model.model.rope(torch.full((3, 1, 1), position, device=model.device))
    return _logits(model, model.model(x, TEXT, rope, memories))


def _logits(model: WallOssModel, hidden: Tensor) -> Tensor:
    """Return a number for every token of the vocabulary (V,) after hidden states (1, S, hidden)."""
    table = model.model.embed_tokens.weight
    return (table @ hidden[0, -1].to(table.dtype)).to(torch.float32)


def _likeliest(logits: Tensor) -> int:
    most, token = logits.max(dim=-1)
    if not bool(torch.isfinite(most)):
        raise ModelError(f"the model's numbers for the next token are not finite ({float(most)})")
    return int(token)


def _drawn(logits: Tensor, temperature: float, generator: torch.Generator | None) -> int:
    _likeliest(logits)
    # On the CPU: the same generator draws the same text on every device.
    chances = torch.softmax(logits.cpu() / temperature, dim=-1)
    return int(torch.multinomial(chances, 1, generator=generator))
