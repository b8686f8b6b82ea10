"""The model's work on fixed buffers: three stages that a CUDA graph can hold.

A graph replays the same kernels on the same memory. So everything that changes between calls is
copied into buffers first, every shape is fixed, and no stage asks the device for a number. Prompts
of different length share a program: the prompt is filled up at its end, where a causal prompt
cannot see it, and the action rows are masked from the filling. The results are those of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from wall_oss_ros.model.decoder import ACTION, ReadOnly
from wall_oss_ros.model.flow import FlowHead, integrate, sliding, time_embedding
from wall_oss_ros.model.images import patchify
from wall_oss_ros.model.inputs import FlowInputs
from wall_oss_ros.model.layers import Run, call
from wall_oss_ros.model.rtc import Guidance, pulled, replaced
from wall_oss_ros.model.vision import Grid
from wall_oss_ros.model.wall_oss import WallOssModel, put_images

Stage = tuple[str, Callable[[], None]]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a program is made for; other inputs need another program.

    Attributes:
        batch: rows.
        grids: patches of each image.
        uint8: whether images come as uint8 pictures, not as pixel values.
        prompt: tokens of the prompt with its filling.
        horizon: action rows.
        steps: Euler steps.
    """

    batch: int
    grids: tuple[Grid, ...]
    uint8: bool
    prompt: int
    horizon: int
    steps: int

    @classmethod
    def of(cls, inputs: FlowInputs, steps: int, bucket: int) -> Shape:
        """Return the shape for inputs, the prompt filled up to a multiple of `bucket`."""
        tokens = -(-inputs.prompt.shape[1] // bucket) * bucket
        return cls(
            batch=len(inputs.prompt),
            grids=inputs.grids,
            uint8=bool(inputs.images),
            prompt=tokens,
            horizon=inputs.horizon,
            steps=steps,
        )


class _Slot:
    """Room for one layer's keys and values, written in place from a fixed row on."""

    def __init__(self, keys: Tensor, values: Tensor, start: int) -> None:
        self.keys, self.values, self.start = keys, values, start

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write the rows and return all up to them."""
        end = self.start + keys.shape[2]
        self.keys[:, :, self.start : end] = keys
        self.values[:, :, self.start : end] = values
        return self.keys[:, :, :end], self.values[:, :, :end]


class FoldedHead:
    """The flow head with everything that is the same in every chunk multiplied out.

    There is nothing non-linear between ``w1`` and ``w2``, so both are one matrix of the actions,
    one of the mask, and one vector per step.
    """

    def __init__(self, head: FlowHead, times: Tensor) -> None:
        width, inner = head.action_proj_back.out_features, head.inner
        w1, w2 = head.w1.weight.double(), head.w2.weight.double()
        into = w2[:, :inner] @ w1
        self.actions = into[:, :width].float()
        self.mask = into[:, width:].float() if head.with_mask else None
        steps = time_embedding(times[:-1], inner).double() @ w2[:, inner:].T
        self.steps = list(steps.float())
        self.out = head.w3.weight

    def mask_part(self, dof_mask: Tensor) -> Tensor | float:
        """Return (B, H, inner), the same in every step of a chunk."""
        return 0.0 if self.mask is None else functional.linear(dof_mask, self.mask)

    def embed(self, x: Tensor, mask_part: Tensor | float, step: int) -> Tensor:
        """Return (B, H, inner) for noisy actions (B, H, D) at a step."""
        rows = functional.linear(x, self.actions) + mask_part + self.steps[step]
        return functional.linear(functional.silu(rows), self.out)


class Program:
    """Buffers for one shape and the stages that work on them.

    Args:
        model: the weights.
        shape: fixed sizes.
        run: how a block is called, plain or compiled.
    """

    def __init__(self, model: WallOssModel, shape: Shape, run: Run = call) -> None:
        self.model, self.shape, self._run = model, shape, run
        config, device = model.config, model.device
        kind = model.model.embed_tokens.weight.dtype
        self._plan = model.vision_plan(shape.grids) if shape.grids else None
        times = model.inference_times(shape.steps)
        self._times = times
        self._moves = (times[1:] - times[:-1]).tolist()
        self._head = FoldedHead(model.action_preprocessor, times)

        def room(*size: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(size, dtype=dtype, device=device)

        batch, prompt, rows = shape.batch, shape.prompt, shape.horizon
        edge = config.vision.patch_size
        patches = sum(t * h * w for t, h, w in shape.grids)
        self._images = (
            [room(h * edge, w * edge, 3, dtype=torch.uint8) for _, h, w in shape.grids]
            if shape.uint8
            else []
        )
        self._pixels = None if shape.uint8 else room(patches, config.vision.patch_numbers)
        self._image_tokens = room(
            patches // config.vision.spatial_merge_size**2, config.hidden_size, dtype=kind
        )
        self._ids = room(batch, prompt, dtype=torch.long)
        self._positions = room(3, batch, prompt + rows, dtype=torch.long)
        self._state = None if config.state_as_text else room(batch, 1, config.state_dim)
        self._state_mask = None if config.state_as_text else room(batch, 1, config.state_dim)
        self._state_place = room(batch, prompt, dtype=torch.bool)
        self._seen = room(rows, prompt + rows, dtype=torch.bool)
        self._dof_mask = room(batch, rows, config.action_dim)
        self._free = room(batch, rows, config.action_dim)
        self._target = room(batch, rows, config.action_dim)
        self._noise = room(batch, rows, config.action_dim)
        self._rows = room(batch, rows, config.action_dim)
        self._pull = room(batch, rows, config.action_dim)
        self._actions = room(batch, rows, config.action_dim)
        memory = (batch, config.num_key_value_heads, prompt + rows, config.head_dim)
        pairs = [(room(*memory, dtype=kind), room(*memory, dtype=kind)) for _ in model.model.layers]
        self._prompt_slots = [_Slot(k, v, 0) for k, v in pairs]
        self._action_slots = [_Slot(k, v, prompt) for k, v in pairs]
        self._staging: dict[int, Tensor] = {}

    @property
    def stages(self) -> Sequence[Stage]:
        """The work in order; each reads and writes buffers only."""
        vision: list[Stage] = [("vision", self.see)] if self._plan else []
        return [*vision, ("prompt", self.read), ("denoise", self.denoise)]

    def guided_stage(self, guidance: Guidance) -> Stage:
        """Return what takes the place of "denoise" when the chunk goes on from another one."""
        work = self.denoise_guided if guidance.gradient else self.denoise
        return "denoise", lambda: work(guidance)

    def load_rows(self, rows: Tensor, pull: Tensor) -> None:
        """Copy the rows to go on from and their weights, (B, H, D), into the buffers."""
        self._put(self._rows, rows)
        self._put(self._pull, pull)

    def load(self, inputs: FlowInputs, free: Tensor, target: Tensor) -> None:
        """Copy a call's inputs into the buffers.

        Args:
            inputs: of this program's shape, on the CPU; images may be on the device already.
            free: (B, H, D) 1 where the flow decides.
            target: (B, H, D) or broadcastable: where the other dimensions slide to.
        """
        prompt, length = self.shape.prompt, inputs.prompt.shape[1]
        filling = prompt - length
        for buffer, image in zip(self._images, inputs.images, strict=True):
            self._put(buffer, image)
        if self._pixels is not None and inputs.pixel_values is not None:
            self._put(self._pixels, inputs.pixel_values)
        self._put(self._ids, functional.pad(inputs.prompt, (0, filling)))
        positions = inputs.positions
        gap = positions[:, :, length - 1 : length].expand(-1, -1, filling)
        self._put(
            self._positions, torch.cat((positions[..., :length], gap, positions[..., length:]), -1)
        )
        if self._state is not None and self._state_mask is not None:
            assert inputs.state is not None and inputs.state_mask is not None
            self._put(self._state, inputs.state)
            self._put(self._state_mask, inputs.state_mask)
            place = functional.pad(inputs.prompt == inputs.state_token_id, (0, filling))
            self._put(self._state_place, place)
        seen = torch.ones(self._seen.shape, dtype=torch.bool)
        if self.model.config.causal_actions:
            seen = seen.tril(prompt)
        seen[:, length:prompt] = False
        self._put(self._seen, seen)
        self._put(self._dof_mask, inputs.dof_mask)
        self._put(self._noise, inputs.noise)
        self._put(self._free, free.expand(self._free.shape))
        self._put(self._target, target.expand(self._target.shape))

    def see(self) -> None:
        """Images to image tokens, all cameras in one batch."""
        assert self._plan is not None
        if self._pixels is None:
            vision = self.model.config.vision
            pixels = torch.cat([patchify(image[None], vision) for image in self._images])
        else:
            pixels = self._pixels
        self._image_tokens.copy_(self.model.visual(pixels, self._plan, self._run))

    def read(self) -> None:
        """Prompt and image tokens to keys and values."""
        x = self.model.model.embed_tokens(self._ids)
        if self._plan:
            place = self._ids == self.model.config.image_token_id
            x = put_images(x, place, self._image_tokens)
        if self._state is not None and self._state_mask is not None:
            x = self.model.put_state(x, self._state_place, self._state, self._state_mask)
        rope = self.model.model.rope(self._positions[:, :, : self.shape.prompt])
        self.model.model.read(x, rope, self._prompt_slots, self._run)

    def denoise(self, guidance: Guidance | None = None) -> None:
        """Noise to actions, all steps.

        Args:
            guidance: to go on from the rows, without gradient.
        """
        head, model = self.model.action_preprocessor, self.model.model
        rope = model.rope(self._positions[:, :, self.shape.prompt :])
        seen = self.model.folded_mask(self._seen)
        width = self.model.config.experts[ACTION].hidden_size
        kind = model.embed_tokens.weight.dtype
        mask_part = self._head.mask_part(self._dof_mask)
        slide = (self._target - self._noise) * (1.0 - self._free)
        x = self._noise
        for step, move in enumerate(self._moves):
            rows = self._head.embed(x, mask_part, step)
            rows = functional.pad(rows, (0, width - rows.shape[-1])).to(kind)
            hidden = model(rows, ACTION, rope, self._action_slots, seen, False, self._run)
            time = self._times[step]
            velocity = head.velocity(hidden, x, time)
            if guidance is not None:
                velocity = replaced(velocity, x, time, self._rows, self._pull, guidance)
            x = x + move * (velocity * self._free + slide)
        self._actions.copy_(x)

    def denoise_guided(self, guidance: Guidance) -> None:
        """Noise to actions, each step pulled towards the rows to go on from.

        The layers run as they are: a gradient goes back through them, and the slots that
        `denoise` writes in place would not let it.
        """
        prompt = self.shape.prompt
        memories = [
            ReadOnly(slot.keys[:, :, :prompt], slot.values[:, :, :prompt])
            for slot in self._prompt_slots
        ]
        rope = self.model.model.rope(self._positions[:, :, prompt:])
        mask = self.model.folded_mask(self._seen)
        velocity = self.model.velocity(self._dof_mask, rope, mask, memories)
        velocity = pulled(velocity, self._rows, self._pull, self._dof_mask, guidance)
        velocity = sliding(velocity, self._noise, self._target, self._free)
        self._actions.copy_(integrate(velocity, self._noise, self._times))

    def actions(self) -> Tensor:
        """Return the normalised actions (B, H, D) on the CPU; waits for the device."""
        return self._actions.to("cpu", copy=True)

    def _put(self, buffer: Tensor, value: Tensor) -> None:
        """Copy to the device without waiting for it, by way of memory that is pinned once."""
        if buffer.device.type != "cuda" or value.device.type == "cuda":
            buffer.copy_(value)
            return
        key = buffer.data_ptr()
        if key not in self._staging:
            self._staging[key] = torch.empty_like(buffer, device="cpu", pin_memory=True)
        self._staging[key].copy_(value)
        buffer.copy_(self._staging[key], non_blocking=True)
