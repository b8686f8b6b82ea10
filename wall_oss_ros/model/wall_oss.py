"""The model: prompt, pictures and state in, a chunk of action rows out.

Reading order: `generate_flow_action` is the whole computation. The prompt is encoded once into a
cache of keys and values; a velocity then runs the action rows against it; Euler steps walk from
noise to actions. `engine.py` runs the same parts faster; this file is the reference for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from wall_oss_ros.core.errors import ModelError
from wall_oss_ros.model.config import ModelConfig
from wall_oss_ros.model.decoder import ACTION, Decoder, Growing, Memory, ReadOnly
from wall_oss_ros.model.flow import FlowHead, Velocity, integrate, sliding, times
from wall_oss_ros.model.images import patchify
from wall_oss_ros.model.inputs import FlowInputs, check_flow_inputs, whole
from wall_oss_ros.model.layers import Run, call, folded_mask
from wall_oss_ros.model.normalizer import Normalizers
from wall_oss_ros.model.text import greedy
from wall_oss_ros.model.vision import Grid, VisionPlan, VisionTower


class WallOssModel(nn.Module):
    """Wall-OSS of one configuration; parameters are named as in the 0.5 checkpoint.

    Args:
        config: sizes and choices.
        normalizers: statistics of the checkpoint; none, and actions stay normalised.
    """

    def __init__(self, config: ModelConfig, normalizers: Normalizers | None = None) -> None:
        super().__init__()
        self.config = config
        self.normalizers = normalizers or Normalizers()
        self.model = Decoder(config)
        self.visual = VisionTower(config.vision)
        self.action_preprocessor = FlowHead(config)
        self._plans: dict[tuple[Grid, ...], VisionPlan] = {}

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path | None = None,
        *,
        weights: str | Path | None = None,
        config: str | Path | None = None,
        normalizers: Any = None,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
    ) -> WallOssModel:
        """Load a checkpoint: a published folder, or a weight file and a configuration.

        Args:
            folder: config.json, weights (one file or shards) and normaliser side files.
            weights: a .safetensors file, instead of a folder.
            config: its configuration, with `weights`.
            normalizers: ``{"action": {key: (minimum, delta)}, "state": {...}}``; in place of those
                of the checkpoint.
            dtype: of the large matrices; norms and flow head stay float32.
            device: where the model lives.

        Raises:
            CheckpointError: listing what is missing, unexpected, or of another shape.
        """
        from wall_oss_ros.model.checkpoint import load

        return load(
            cls,
            folder=folder,
            weights=weights,
            config=config,
            normalizers=normalizers,
            dtype=dtype,
            device=torch.device(device),
        )

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.embed_tokens.weight.device

    @torch.no_grad()
    def generate_flow_action(
        self,
        input_ids: Any,
        attention_mask: Any = None,
        pixel_values: Any = None,
        image_grid_thw: Any = None,
        images: Sequence[Any] = (),
        proprioception: Any = None,
        agent_pos_mask: Any = None,
        dof_mask: Any = None,
        moe_token_types: Any = None,
        action_horizon: int = 32,
        action_dim: int | None = None,
        num_inference_timesteps: int = 10,
        noise: Any = None,
        dataset_names: str | Sequence[str] | None = None,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Return a chunk of action rows for every row of the batch.

        Args:
            input_ids: (B, S) prompt with placeholders for image tokens, for the state where it is
                one token, and for `action_horizon` action rows.
            attention_mask: (B, S) all ones; padding is refused.
            pixel_values: (patches, 1176) normalised, all images in the order of the prompt.
            image_grid_thw: (images, 3) frames, rows and columns of patches.
            images: uint8 (h, w, 3) RGB each, in place of pixel values and their grids.
            proprioception: (B, 1, state_dim) normalised state; unused where it is text.
            agent_pos_mask: (B, 1, state_dim) 1 for state dimensions that exist.
            dof_mask: (B, H, action_dim) 1 for action dimensions that exist.
            moe_token_types: (B, S) 1 on the placeholders of action rows.
            action_horizon: H, rows of the chunk.
            action_dim: checked against the model where given.
            num_inference_timesteps: Euler steps.
            noise: (B, H, action_dim) the starting point; drawn where None.
            dataset_names: key of the normalisation statistics, one for all or one per row.
            generator: of the noise, on the CPU.

        Returns:
            ``predict_action_normalized`` (B, H, action_dim), and with normalisers
            ``predict_action`` (B, H, action_dim) in the robot's units; float32.

        Raises:
            ModelError: naming the argument that cannot be used.
        """
        inputs = check_flow_inputs(
            self.config,
            input_ids=input_ids,
            attention_mask=attention_mask,
            pixel_values=pixel_values,
            image_grid_thw=image_grid_thw,
            images=images,
            proprioception=proprioception,
            agent_pos_mask=agent_pos_mask,
            dof_mask=dof_mask,
            moe_token_types=moe_token_types,
            action_horizon=action_horizon,
            action_dim=action_dim,
            noise=noise,
            generator=generator,
        ).to(self.device)
        keys = self.normalizer_keys(dataset_names, len(inputs.prompt))
        when = self.inference_times(num_inference_timesteps)
        memories = self.encode_prompt(inputs, self.embed_prompt(inputs))
        free, target = self.free_and_target(inputs.dof_mask, keys)
        velocity = sliding(self.velocity_of(inputs, memories), inputs.noise, target, free)
        actions = integrate(velocity, inputs.noise, when)
        return self.output(actions, keys)

    def generate_text(self, input_ids: Any, **options: Any) -> list[int]:
        """Return the tokens that follow a prompt, the likeliest one each time; see `text.greedy`.

        Raises:
            ModelError: naming what cannot be used.
        """
        return greedy(self, input_ids, **options)

    def inference_times(self, steps: int) -> Tensor:
        """Return the (steps + 1,) times of the Euler walk on the model's device.

        Raises:
            ModelError: for less than one step.
        """
        steps = whole(steps, "num_inference_timesteps")
        return times(steps, self.config.time_scale, self.config.time_shift).to(self.device)

    def vision_plan(self, grids: tuple[Grid, ...]) -> VisionPlan:
        """Return what the sizes of the images decide, kept for the next call."""
        if grids not in self._plans:
            if len(self._plans) > 16:
                self._plans.clear()
            self._plans[grids] = VisionPlan.of(self.config.vision, grids, self.device)
        return self._plans[grids]

    def embed_prompt(self, inputs: FlowInputs, run: Run = call) -> Tensor:
        """Return (B, P, hidden): words, image tokens and the state token; `run` calls a block."""
        return self.embed_seen(inputs, self.see(inputs, run))

    def see(self, inputs: FlowInputs, run: Run = call) -> Tensor | None:
        """Return the tokens of all images, (n, hidden); None where there are no images."""
        pixels = inputs.pixel_values
        if inputs.images:
            pixels = torch.cat([patchify(i[None], self.config.vision) for i in inputs.images])
        if pixels is None:
            return None
        image: Tensor = self.visual(pixels, self.vision_plan(inputs.grids), run)
        return image

    def embed_seen(self, inputs: FlowInputs, image: Tensor | None) -> Tensor:
        """Return `embed_prompt` of inputs whose images are seen already."""
        x: Tensor = self.model.embed_tokens(inputs.prompt)
        if image is not None:
            x = put_images(x, inputs.prompt == self.config.image_token_id, image)
        if inputs.state is not None and inputs.state_mask is not None:
            place = inputs.prompt == inputs.state_token_id
            x = self.put_state(x, place, inputs.state, inputs.state_mask)
        return x

    def put_state(self, x: Tensor, place: Tensor, state: Tensor, mask: Tensor) -> Tensor:
        """Return x (B, P, hidden) with the state (B, 1, state_dim) in its place (B, P)."""
        token = self.action_preprocessor.embed_state(state, mask)
        token = functional.pad(token, (0, x.shape[-1] - token.shape[-1]))
        return torch.where(place[..., None], token.to(x.dtype), x)

    def encode_prompt(self, inputs: FlowInputs, x: Tensor) -> list[ReadOnly]:
        """Return keys and values of the embedded prompt x (B, P, hidden), layer by layer."""
        memories = [Growing() for _ in self.model.layers]
        rope = self.model.rope(inputs.positions[:, :, : inputs.prompt.shape[1]])
        self.model.read(x, rope, memories)
        return [ReadOnly(*memory.content()) for memory in memories]

    def action_mask(self, prompt: int, horizon: int) -> Tensor | None:
        """Return the mask of action rows behind a prompt; None where they see everything."""
        if not self.config.causal_actions:
            return None
        seen = torch.ones(horizon, prompt + horizon, dtype=torch.bool, device=self.device)
        return self.folded_mask(seen.tril(prompt))

    def folded_mask(self, seen: Tensor) -> Tensor:
        """Return what attention adds to its scores for (H, prompt + H) bool: what a row sees."""
        group = self.config.num_attention_heads // self.config.num_key_value_heads
        return folded_mask(seen, group, self.model.embed_tokens.weight.dtype)

    def velocity_of(self, inputs: FlowInputs, memories: Sequence[Memory]) -> Velocity:
        """Return the velocity of action rows after a prompt."""
        rope = self.model.rope(inputs.positions[:, :, inputs.prompt.shape[1] :])
        mask = self.action_mask(inputs.prompt.shape[1], inputs.horizon)
        return self.velocity(inputs.dof_mask, rope, mask, memories)

    def velocity(
        self,
        dof_mask: Tensor,
        rope: tuple[Tensor, Tensor],
        mask: Tensor | None,
        memories: Sequence[Memory],
    ) -> Velocity:
        """Return the velocity of action rows.

        Args:
            dof_mask: (B, H, action_dim).
            rope: of the action rows.
            mask: what they see, None for everything.
            memories: of the prompt, one per layer.
        """
        head, width = self.action_preprocessor, self.config.experts[ACTION].hidden_size
        kind = self.model.embed_tokens.weight.dtype

        def at(x: Tensor, time: Tensor) -> Tensor:
            rows = head.embed(x, dof_mask, time)
            rows = functional.pad(rows, (0, width - rows.shape[-1])).to(kind)
            hidden = self.model(rows, ACTION, rope, memories, mask)
            return head.velocity(hidden, x, time)

        return at

    def normalizer_keys(
        self, dataset_names: str | Sequence[str] | None, batch: int
    ) -> tuple[str, ...] | None:
        """Return the key of each row; None without normalisers.

        Raises:
            ModelError: for a key that the checkpoint does not offer, or one per row too few.
        """
        if not self.normalizers.action:
            return None
        if dataset_names is None or isinstance(dataset_names, str):
            names: list[Any] = [dataset_names] * batch
        else:
            names = list(dataset_names) if isinstance(dataset_names, Sequence) else [dataset_names]
        if not all(name is None or isinstance(name, str) for name in names):
            raise ModelError(f"dataset_names is {dataset_names!r}; expected names of datasets")
        if len(names) != batch:
            raise ModelError(f"dataset_names has {len(names)} names for {batch} rows")
        return tuple(self.normalizers.key(name) for name in names)

    def free_and_target(
        self, dof_mask: Tensor, keys: tuple[str, ...] | None
    ) -> tuple[Tensor, Tensor]:
        """Return `free` and `target` of `flow.sliding` for masked dimensions, on the mask's device.

        Args:
            dof_mask: (B, H, action_dim).
            keys: from `normalizer_keys`; with statistics a masked dimension ends at its 0.
        """
        zero = torch.zeros(1, 1, self.config.action_dim, device=dof_mask.device)
        if not self.config.slide_masked:
            return torch.ones_like(dof_mask), zero
        if keys is None:
            return dof_mask, zero
        return dof_mask, torch.cat([self.normalizers.action[k].normalize(zero) for k in keys])

    def output(self, actions: Tensor, keys: tuple[str, ...] | None) -> dict[str, Tensor]:
        """Return normalised actions and, with normalisers, those in the robot's units."""
        if keys is None:
            return {"predict_action_normalized": actions}
        rows = [
            self.normalizers.action[key].unnormalize(x)
            for key, x in zip(keys, actions, strict=True)
        ]
        return {"predict_action_normalized": actions, "predict_action": torch.stack(rows)}


def put_images(x: Tensor, place: Tensor, image: Tensor) -> Tensor:
    """Return x (B, P, hidden) with image tokens (n, hidden) in their places (B, P), in order."""
    # Which image token each place takes; where it takes none the number does not matter.
    which = (place.flatten().cumsum(0) - 1).clamp(min=0).view(place.shape)
    return torch.where(place[..., None], image.to(x.dtype)[which], x)
