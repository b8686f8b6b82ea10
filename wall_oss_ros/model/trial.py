"""One inference of a checkpoint, repeated and judged, before it may move a robot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wall_oss_ros.core.errors import CheckpointError, ModelError
from wall_oss_ros.model.config import ModelConfig
from wall_oss_ros.model.engine import Engine
from wall_oss_ros.model.inputs import FlowInputs
from wall_oss_ros.model.layout import PADDING, columns_of, follower_key, known_columns
from wall_oss_ros.model.processor import Processor
from wall_oss_ros.model.sanity import Finding, Limits, compare_runs, examine
from wall_oss_ros.model.wall_oss import WallOssModel

# Where nobody gave another.
INSTRUCTION = "pick up the red cube and put it into the box"


@dataclass(frozen=True, slots=True)
class Trial:
    """What is asked of the model.

    Attributes:
        key: of the normalisation statistics.
        horizon: action rows.
        instruction: what to do.
        seed: of the noise.
        parts: (action_dim,) 1 for dimensions that the robot has; None for all.
        limits: what the robot allows.
        tolerance: how much the two runs may differ, normalised.
    """

    key: str
    horizon: int
    instruction: str = INSTRUCTION
    seed: int = 0
    parts: NDArray[np.bool_] | None = None
    limits: Limits = field(default_factory=Limits)
    tolerance: float = 0.0


def check_statistics(model: WallOssModel, wanted: str | None, folder: str) -> str:
    """Return the key of the statistics to use, for actions and state alike.

    Args:
        model: of the checkpoint.
        wanted: a key, None where the checkpoint has only one.
        folder: for messages.

    Raises:
        CheckpointError: if there are none, or the key stands for none or several of them.
    """
    for kind, name in (("action", "normalizer_action.pth"), ("state", "normalizer_propri.pth")):
        sets = getattr(model.normalizers, kind)
        if not sets:
            raise CheckpointError(
                f"no normalisation statistics of the {kind} in {folder}: expected {name}, or "
                "norm_stats.json, beside the weights. Without them nobody knows what the model's "
                "numbers mean; download the checkpoint completely"
            )
    key = model.normalizers.key(wanted, "action")
    model.normalizers.key(wanted or key, "state")
    return key


def try_out(
    engine: Engine, processor: Processor, images: Mapping[str, Any], trial: Trial
) -> tuple[Finding, ...]:
    """Run the model twice on the same pictures and the same noise, and judge the chunk.

    The state is the middle of its statistics. A layout that this suite cannot drive is a finding,
    not an error: the chunk is then judged by what the checkpoint says its columns are.

    Args:
        engine: of a model with normalisers.
        processor: of the checkpoint.
        images: uint8 (h, w, 3) RGB by camera, in the model's order.
        trial: what is asked.

    Raises:
        ModelError: for pictures, words or sizes that cannot be used at all.
    """
    config = engine.model.config
    layout, mask, columns = _layout(config)
    if trial.parts is not None and layout.ok:
        mask = mask & trial.parts
    inputs = _inputs(config, processor, images, trial, mask)
    first, second = (engine.generate(inputs, trial.key) for _ in range(2))
    if first.actions is None:
        raise ModelError("the model has no normalisation statistics of actions")
    findings = examine(
        first.actions[0].numpy(),
        first.normalized[0].numpy(),
        mask,
        trial.horizon,
        limits=trial.limits,
        columns=columns,
    )
    again = compare_runs(first.normalized[0].numpy(), second.normalized[0].numpy(), trial.tolerance)
    return (layout, *findings, again)


def _layout(
    config: ModelConfig,
) -> tuple[Finding, NDArray[np.bool_], Mapping[str, slice] | None]:
    """Return whether this suite knows the columns, which are no padding, and what to judge by."""
    try:
        known = known_columns(config)
    except ModelError as error:
        columns = columns_of(config.dof_config)
        mask = np.ones(config.action_dim, dtype=np.bool_)
        mask[columns.get(PADDING, slice(0, 0))] = False
        follower = {follower_key(name): place for name, place in columns.items()}
        return Finding("layout", False, str(error)), mask, follower
    told = "as config.json says" if config.dof_config else "assumed, config.json says nothing"
    detail = f"{int(known.sum())} of {known.size} columns known, {told}"
    return Finding("layout", True, detail), known, None


def _inputs(
    config: ModelConfig,
    processor: Processor,
    images: Mapping[str, Any],
    trial: Trial,
    mask: NDArray[np.bool_],
) -> FlowInputs:
    state_mask = mask if config.state_dim == mask.size else np.ones(config.state_dim)
    given = processor.flow_inputs(
        images,
        trial.instruction,
        torch.zeros(config.state_dim),  # normalised: the middle
        _as_mask(state_mask),
        _as_mask(mask),
        trial.horizon,
    )
    return given.checked(config, generator=torch.Generator().manual_seed(trial.seed))


def _as_mask(mask: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.asarray(mask, np.float32))
