"""The chunk the plain way: the whole sequence through all layers again in every step.

What the engine is compared with, in time and in numbers. Nothing in the prompt sees an action row,
so both give the same chunk; this way only does the prompt's work once per step instead of once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wall_oss_ros.model.decoder import TEXT, Growing, ReadOnly
from wall_oss_ros.model.flow import integrate, sliding
from wall_oss_ros.model.inputs import FlowInputs
from wall_oss_ros.model.wall_oss import WallOssModel


@torch.no_grad()
def recompute(
    model: WallOssModel, inputs: FlowInputs, steps: int = 10, dataset_names: str | None = None
) -> Tensor:
    """Return normalised actions (B, H, D) on the CPU: pictures once, everything else every step.

    Args:
        model: on its device.
        inputs: checked, on the CPU.
        steps: Euler steps.
        dataset_names: key of the normalisation statistics.
    """
    keys = model.normalizer_keys(dataset_names, len(inputs.prompt))
    moved = inputs.to(model.device)
    embedded = model.embed_prompt(moved)
    decoder = model.model

    def velocity(x: Tensor, time: Tensor) -> Tensor:
        memories = [Growing() for _ in decoder.layers]
        rope = decoder.rope(moved.positions[:, :, : moved.prompt.shape[1]])
        decoder(embedded, TEXT, rope, memories, causal=True)
        prompt = [ReadOnly(*memory.content()) for memory in memories]
        return model.velocity_of(moved, prompt)(x, time)

    free, target = model.free_and_target(moved.dof_mask, keys)
    flow = sliding(velocity, moved.noise, target, free)
    return integrate(flow, moved.noise, model.inference_times(steps)).cpu()
