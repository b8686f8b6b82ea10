"""Checks of what `generate_flow_action` is given, before any of it is used.

Everything after this file can rely on shapes, finite numbers and an unpadded prompt with one block
of action rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from wall_oss_ros.core.errors import ModelError
from wall_oss_ros.model.config import ModelConfig, VisionConfig
from wall_oss_ros.model.rope import position_ids
from wall_oss_ros.model.vision import Grid


@dataclass(frozen=True, slots=True, eq=False)
class FlowInputs:
    """Checked inputs; B rows, H action rows, P prompt tokens.

    Attributes:
        prompt: (B, P) token ids before the action rows.
        positions: (3, B, P + H).
        pixel_values: (patches, 1176), or None where there are `images`, or none at all.
        images: uint8 (h, w, 3) each, in place of pixel values.
        grids: patches of each image: frames, rows, columns.
        state: (B, 1, state_dim) normalised, or None where the prompt holds it as text.
        state_mask: (B, 1, state_dim).
        state_token_id: placeholder of the state, where there is one.
        dof_mask: (B, H, action_dim) float32, 1 for active dimensions.
        noise: (B, H, action_dim) float32.
    """

    prompt: Tensor
    positions: Tensor
    pixel_values: Tensor | None
    images: tuple[Tensor, ...]
    grids: tuple[Grid, ...]
    state: Tensor | None
    state_mask: Tensor | None
    state_token_id: int
    dof_mask: Tensor
    noise: Tensor

    def to(self, device: torch.device) -> FlowInputs:
        """Return the same on a device."""
        moved: dict[str, Any] = {
            name: value.to(device)
            for name in self.__slots__
            if isinstance(value := getattr(self, name), Tensor)
        }
        moved["images"] = tuple(image.to(device) for image in self.images)
        return replace(self, **moved)

    @property
    def horizon(self) -> int:
        """Action rows."""
        return self.noise.shape[1]


def tensor(
    value: Any, name: str, shape: tuple[int | None, ...], dtype: torch.dtype | None
) -> Tensor:
    """Return a value as a tensor of a type.

    Args:
        value: tensor or array.
        name: for messages.
        shape: expected; None for any size.
        dtype: wanted; None to leave it.

    Raises:
        ModelError: for another shape, an empty tensor, or numbers that are not finite.
    """
    if value is None:
        raise ModelError(f"{name} is missing; expected {_shape_text(shape)}")
    try:
        out = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{name} is no tensor: {error}") from None
    if out.ndim != len(shape) or any(
        want is not None and got != want for got, want in zip(out.shape, shape, strict=True)
    ):
        raise ModelError(f"{name} is {_shape_text(out.shape)}; expected {_shape_text(shape)}")
    if not out.numel():
        raise ModelError(f"{name} is empty: {_shape_text(out.shape)}")
    if out.is_complex() or (dtype == torch.long and out.is_floating_point()):
        raise ModelError(f"{name} is {out.dtype}; expected {dtype}")
    if dtype is not None:
        out = out.to(dtype)
    # After the conversion: what is finite in float64 may not be in float32.
    if out.is_floating_point() and not bool(torch.isfinite(out).all()):
        bad = int((~torch.isfinite(out)).sum())
        raise ModelError(f"{name}: {bad} of {out.numel()} numbers are not finite")
    return out


def mask(value: Any, name: str, shape: tuple[int | None, ...], dtype: torch.dtype) -> Tensor:
    """Return a value of zeros and ones as a tensor of a type.

    Raises:
        ModelError: as `tensor`, and for other numbers.
    """
    out = tensor(value, name, shape, None)
    other = (out != 0) & (out != 1)
    if bool(other.any()):
        raise ModelError(f"{name} holds {out[other][0].item()}; expected 0 and 1 only")
    return out.to(dtype)


def whole(value: Any, name: str) -> int:
    """Return a whole number from 1.

    Raises:
        ModelError: for anything else, also for True.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ModelError(f"{name} is {value!r}; expected a whole number from 1")
    return int(value)


def check_prompt(
    config: ModelConfig,
    input_ids: Any,
    attention_mask: Any,
    pixel_values: Any,
    image_grid_thw: Any,
    images: Sequence[Any] = (),
) -> tuple[Tensor, Tensor | None, tuple[Tensor, ...], tuple[Grid, ...]]:
    """Return token ids (B, S), pixel values, uint8 images and the sizes of either.

    Raises:
        ModelError: for ids outside the embedding, padding, video, or images that do not fit.
    """
    ids = tensor(input_ids, "input_ids", (None, None), torch.long)
    if int(ids.min()) < 0 or int(ids.max()) >= config.vocab_size:
        raise ModelError(
            f"input_ids go from {int(ids.min())} to {int(ids.max())}; "
            f"the embedding has {config.vocab_size} rows"
        )
    if attention_mask is not None:
        if not bool(mask(attention_mask, "attention_mask", tuple(ids.shape), torch.bool).all()):
            raise ModelError(
                "attention_mask marks padding, which is not supported (published implementations "
                "disagree on it); give rows of equal length, or one at a time"
            )
    pad = config.pad_token_id
    # Some configurations pad with the token that ends a turn, which is in every prompt.
    if pad not in (None, config.eos_token_id) and bool((ids == pad).any()):
        raise ModelError(f"the prompt holds the padding token {pad}; give rows of equal length")
    if bool((ids == config.video_token_id).any()):
        raise ModelError("the prompt holds video placeholders; only images are supported")
    tokens = int((ids == config.image_token_id).sum())
    pixels, frames, grids = _check_images(config.vision, pixel_values, image_grid_thw, images)
    merged = sum(t * h * w for t, h, w in grids) // config.vision.spatial_merge_size**2
    if merged != tokens:
        raise ModelError(f"the images give {merged} tokens, the prompt has room for {tokens}")
    return ids, pixels, frames, grids


def _check_images(
    vision: VisionConfig, pixel_values: Any, image_grid_thw: Any, images: Sequence[Any]
) -> tuple[Tensor | None, tuple[Tensor, ...], tuple[Grid, ...]]:
    try:
        pictures = list(images)
    except TypeError:
        raise ModelError(f"images is {images!r}; expected a list of uint8 (h, w, 3)") from None
    if pictures:
        if pixel_values is not None:
            raise ModelError("images and pixel_values are both given; expected one of them")
        frames = tuple(_frame(image, index, vision) for index, image in enumerate(pictures))
        edge = vision.patch_size
        return None, frames, tuple((1, len(f) // edge, f.shape[1] // edge) for f in frames)
    if pixel_values is None:
        return None, (), ()
    pixels = tensor(pixel_values, "pixel_values", (None, vision.patch_numbers), torch.float32)
    sizes = tensor(image_grid_thw, "image_grid_thw", (None, 3), torch.long)
    grids: tuple[Grid, ...] = tuple((int(t), int(h), int(w)) for t, h, w in sizes.tolist())
    merge = vision.spatial_merge_size
    for t, h, w in grids:
        if t != 1 or h < 1 or w < 1 or h % merge or w % merge:
            raise ModelError(
                f"image_grid_thw holds {(t, h, w)}; expected 1 frame (video is unsupported) and "
                f"multiples of {merge} patches"
            )
    patches = sum(t * h * w for t, h, w in grids)
    if len(pixels) != patches:
        raise ModelError(
            f"pixel_values hold {len(pixels)} patches, image_grid_thw asks for {patches}"
        )
    return pixels, (), grids


def _frame(image: Any, index: int, vision: VisionConfig) -> Tensor:
    name = f"images[{index}]"
    frame = tensor(image, name, (None, None, 3), None)
    if frame.dtype != torch.uint8:
        raise ModelError(f"{name} is {frame.dtype}; expected uint8 RGB")
    if frame.shape[0] % vision.factor or frame.shape[1] % vision.factor:
        raise ModelError(
            f"{name} is {frame.shape[1]} x {frame.shape[0]} px; "
            f"expected multiples of {vision.factor}"
        )
    return frame


def action_block(
    config: ModelConfig, ids: Tensor, token_types: Any, horizon: int
) -> tuple[int, int]:
    """Return where the action rows start (the prompt's length) and their token id.

    Args:
        config: of the model.
        ids: (B, S) token ids.
        token_types: (B, S), 1 for action rows; None to find them by the configured token id.
        horizon: rows asked for.

    Raises:
        ModelError: if they are not one block of `horizon` at the same place in every row.
    """
    if token_types is not None:
        types = mask(token_types, "moe_token_types", tuple(ids.shape), torch.bool)
    elif config.action_token_id is not None:
        types = ids == config.action_token_id
    else:
        raise ModelError("moe_token_types is missing, and the configuration has no action_token_id")
    if not bool((types == types[:1]).all()):
        raise ModelError("the action rows start at different places; rows must align")
    places = types[0].nonzero().flatten()
    if len(places) != horizon or int(places[-1] - places[0]) != horizon - 1:
        raise ModelError(
            f"the prompt has room for {len(places)} action rows; expected one block of {horizon}"
        )
    start = int(places[0])
    if start == 0:
        raise ModelError("the prompt is empty before the action rows")
    action_id = int(ids[0, start])
    if not torch.equal(types, ids == action_id):
        raise ModelError(
            f"moe_token_types and input_ids disagree on which tokens ({action_id}) are action rows"
        )
    return start, action_id


def check_flow_inputs(
    config: ModelConfig,
    *,
    input_ids: Any,
    attention_mask: Any = None,
    pixel_values: Any = None,
    image_grid_thw: Any = None,
    images: Sequence[Any] = (),
    proprioception: Any,
    agent_pos_mask: Any,
    dof_mask: Any,
    moe_token_types: Any,
    action_horizon: int,
    action_dim: int | None,
    noise: Any = None,
    generator: torch.Generator | None = None,
) -> FlowInputs:
    """Check everything; best done on the CPU, as a check waits for the device.

    The arguments are those of `generate_flow_action`. Tokens behind the action rows are dropped: no
    action row sees them.

    Raises:
        ModelError: naming the argument, what was got and what was expected.
    """
    action_horizon = whole(action_horizon, "action_horizon")
    if action_dim is not None and whole(action_dim, "action_dim") != config.action_dim:
        raise ModelError(f"action_dim is {action_dim}; this model has {config.action_dim}")
    ids, pixels, frames, grids = check_prompt(
        config, input_ids, attention_mask, pixel_values, image_grid_thw, images
    )
    start, action_id = action_block(config, ids, moe_token_types, action_horizon)
    if bool((ids[:, start:] == config.image_token_id).any()):
        raise ModelError("input_ids hold image placeholders behind the action rows")
    batch = len(ids)
    rows = (batch, action_horizon, config.action_dim)
    masks = mask(dof_mask, "dof_mask", rows, torch.float32)
    state = state_mask = None
    # The two placeholders are added to the vocabulary together, the state's first.
    state_id = config.state_token_id if config.state_token_id is not None else action_id - 1
    if not config.state_as_text:
        one = (batch, 1, config.state_dim)
        state = tensor(proprioception, "proprioception", one, torch.float32)
        state_mask = mask(agent_pos_mask, "agent_pos_mask", one, torch.float32)
        counts = (ids[:, :start] == state_id).sum(dim=1)
        if not bool((counts == 1).all()):
            raise ModelError(
                f"the prompt holds {counts.tolist()} state tokens ({state_id}) per row; expected 1"
            )
    if noise is None:
        if generator is not None and not isinstance(generator, torch.Generator):
            raise ModelError(f"generator is {generator!r}; expected a torch.Generator or None")
        if generator is not None and generator.device.type != "cpu":
            raise ModelError(f"generator is on {generator.device}; expected one on the CPU")
        noise = torch.randn(rows, generator=generator)
    positions = position_ids(ids, grids, config.image_token_id, config.vision.spatial_merge_size)
    return FlowInputs(
        prompt=ids[:, :start],
        positions=positions[:, :, : start + action_horizon],
        pixel_values=pixels,
        images=frames,
        grids=grids,
        state=state,
        state_mask=state_mask,
        state_token_id=state_id,
        dof_mask=masks,
        noise=tensor(noise, "noise", rows, torch.float32),
    )


def _shape_text(shape: Sequence[int | None]) -> str:
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
