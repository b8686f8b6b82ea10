"""How far a model's chunks are from those that were shown, in the robot's units."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wall_oss_ros.core import action_space
from wall_oss_ros.model.flow import integrate, sliding
from wall_oss_ros.model.inputs import FlowInputs
from wall_oss_ros.model.normalizer import Statistics
from wall_oss_ros.model.wall_oss import WallOssModel
from wall_oss_ros.training.batch import Batch
from wall_oss_ros.training.batches import Batches

# Rows that a robot follows before the next chunk takes over: half a second at 20 Hz.
_NEAR = 10


@dataclass(frozen=True, slots=True)
class Errors:
    """Mean absolute errors of chunks.

    Attributes:
        near_mm: of the tools' positions in the first half second [mm].
        first_mm: likewise, of chunks at the beginning of an episode: what pictures and words tell.
        far_mm: of the tools' positions in all rows [mm].
        still_mm: near_mm of a model that says "stay": what there is to be won.
        gripper: of the grippers, of 0 to 1.
    """

    near_mm: float
    first_mm: float
    far_mm: float
    still_mm: float
    gripper: float


@torch.no_grad()
def chunks_of(model: WallOssModel, inputs: FlowInputs, target: Tensor, steps: int = 10) -> Tensor:
    """Return normalised chunks (B, H, D) from the noise in the inputs.

    Args:
        model: as it is.
        inputs: checked.
        target: (D,) where masked dimensions end, normalised.
        steps: Euler steps.
    """
    memories = model.encode_prompt(inputs, model.embed_prompt(inputs))
    free = inputs.dof_mask
    velocity = sliding(model.velocity_of(inputs, memories), inputs.noise, target, free)
    return integrate(velocity, inputs.noise, model.inference_times(steps))


def measure(
    model: WallOssModel,
    batches: Batches,
    action: Statistics,
    *,
    count: int,
    size: int,
    generator: torch.Generator,
) -> Errors:
    """Return the errors on random frames.

    Args:
        model: as it is.
        batches: of the frames, as many again from the beginnings of episodes.
        action: statistics of action rows.
        count: frames, about.
        size: of a batch.
        generator: of the choice and the noise.
    """
    target = action.normalize(torch.zeros(model.config.action_dim), clamp=False)
    positions = [c for side in action_space.SIDES for c in _columns(action_space.POSITION[side])]
    grippers = list(action_space.GRIPPER.values())
    near, first, far, still, gripper = [], [], [], [], []

    def compared(beginnings: float) -> tuple[Batch, Tensor, Tensor]:
        batch = batches.draw(size, generator, beginnings, 0.0)
        inputs = batch.inputs
        inputs.noise.normal_(generator=generator)
        shown = action.unnormalize(batch.actions)
        given = action.unnormalize(chunks_of(model, inputs.to(model.device), target).cpu())
        return batch, shown, (given - shown).abs()

    for _ in range(max(1, count // size)):
        batch, _, wrong = compared(1.0)
        first.append(_mean(wrong[:, :_NEAR, positions], batch.counted[..., None]))
        batch, shown, wrong = compared(0.0)
        counted = batch.counted[..., None]
        near.append(_mean(wrong[:, :_NEAR, positions], counted))
        far.append(_mean(wrong[..., positions], counted))
        still.append(_mean(shown[:, :_NEAR, positions].abs(), counted))
        gripper.append(_mean(wrong[:, :_NEAR, grippers], counted))
    near_m, first_m, far_m, still_m, grips = (
        float(torch.stack(each).mean()) for each in (near, first, far, still, gripper)
    )
    return Errors(near_m * 1e3, first_m * 1e3, far_m * 1e3, still_m * 1e3, grips)


def _mean(values: Tensor, counted: Tensor) -> Tensor:
    """Return the mean of (B, h, n) over the rows that count."""
    counted = counted[:, : values.shape[1]].expand_as(values)
    return (values * counted).sum() / counted.sum()


def _columns(columns: slice) -> range:
    return range(columns.start, columns.stop)
