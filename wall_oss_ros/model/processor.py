"""Pictures, an instruction and a state in; what the model takes out.

Everything is checked here, so that a message can name the camera or the number; nothing that is
missing is filled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wall_oss_ros.core.errors import CheckpointError, ModelError
from wall_oss_ros.model import images as pictures
from wall_oss_ros.model.config import ModelConfig
from wall_oss_ros.model.inputs import tensor
from wall_oss_ros.model.model_inputs import ModelInputs, TextInputs
from wall_oss_ros.model.prompt import PromptSettings, state_text
from wall_oss_ros.model.prompt_tokens import PromptTokens
from wall_oss_ros.model.tokenizer import STATE, Tokenizer

__all__ = ["ModelInputs", "Processor", "ProcessorSettings", "TextInputs"]

_FINEST = 4096  # px, beyond what a prompt can hold


@dataclass(frozen=True, slots=True)
class ProcessorSettings(PromptSettings):
    """What differs between checkpoints and robots; see `PromptSettings` for the rest.

    Attributes:
        resolution: what the long side of a picture becomes first [px], 448 in the 0.5 base and 256
            in flow v0.1; -1 leaves it.
        max_length: longest sequence [tokens]; longer ones are refused.
    """

    resolution: int = 448
    max_length: int = 2048

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ModelError: naming the setting.
        """
        PromptSettings.__post_init__(self)
        if self.resolution != pictures.OFF and not 1 <= self.resolution <= _FINEST:
            raise ModelError(f"resolution is {self.resolution}; expected 1 to {_FINEST} px, or -1")
        if self.max_length < 1:
            raise ModelError(f"max_length is {self.max_length}; expected 1 or more tokens")


class Processor:
    """Makes the inputs of one checkpoint.

    Args:
        tokenizer: of the checkpoint.
        config: of the model.
        settings: of the checkpoint and the robot.
        device: where pictures are resized, and stay.

    Raises:
        CheckpointError: if tokenizer and model do not belong together.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        config: ModelConfig,
        settings: ProcessorSettings | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        _check_ids(tokenizer, config)
        self.tokenizer = tokenizer
        self.config = config
        self.settings = settings or ProcessorSettings()
        self.device = torch.device(device)
        self._prompts = PromptTokens(tokenizer, self.settings, self.settings.max_length)

    def flow_inputs(
        self,
        images: Mapping[str, Any],
        instruction: str,
        state: Any,
        state_mask: Any,
        dof_mask: Any,
        horizon: int,
    ) -> ModelInputs:
        """Return the inputs for a chunk of actions.

        Args:
            images: (h, w, 3) uint8 RGB by camera, in the model's order.
            instruction: what to do.
            state: (state_dim,) normalised, -1 to 1.
            state_mask: (state_dim,) 1 for dimensions that the robot has.
            dof_mask: (action_dim,) 1 for dimensions that the robot has.
            horizon: action rows.

        Raises:
            ModelError: naming what cannot be used, or by how much the prompt is too long.
        """
        rows = _checked_horizon(horizon)
        values = tensor(state, "state", (self.config.state_dim,), torch.float32).cpu()
        if bool((values.abs() > 1.0).any()):
            raise ModelError(
                f"state goes from {float(values.min()):.4g} to {float(values.max()):.4g}; expected "
                "-1 to 1: normalise it with the checkpoint's statistics"
            )
        place = _mask(state_mask, "state_mask", self.config.state_dim)
        dof = _mask(dof_mask, "dof_mask", self.config.action_dim)
        frames = self._resized(images)
        ids = self._prompts.flow(
            tuple(images), self._tokens(frames), instruction, self._words(values, place), rows
        )
        return ModelInputs(
            **self._common(ids, frames),
            proprioception=values[None, None],
            agent_pos_mask=place[None, None],
            dof_mask=dof.expand(1, rows, -1).contiguous(),
        )

    def text_inputs(self, images: Mapping[str, Any], instruction: str) -> TextInputs:
        """Return the inputs for the next step in words.

        Args:
            images: (h, w, 3) uint8 RGB by camera, in the model's order.
            instruction: the whole task.

        Raises:
            ModelError: naming what cannot be used, or by how much the prompt is too long.
        """
        frames = self._resized(images)
        ids = self._prompts.text(tuple(images), self._tokens(frames), instruction)
        return TextInputs(**self._common(ids, frames))

    def _words(self, state: Tensor, mask: Tensor) -> str:
        """Return what stands for the state in the prompt; -1 is the shortest, 1 the longest."""
        if not self.config.state_as_text:
            return STATE
        return state_text(state.numpy(), mask.numpy(), self.settings.state_bins)

    def _resized(self, images: Mapping[str, Any]) -> tuple[Tensor, ...]:
        if not isinstance(images, Mapping) or not images:
            raise ModelError("no pictures; expected one by camera name, in the model's order")
        factor, long_side = self.config.vision.factor, self.settings.resolution
        resized = []
        for camera, given in images.items():
            name = f"picture of {camera}"
            frame = pictures.checked_frame(given, name).to(self.device)
            resized.append(pictures.resize(frame, long_side, factor, name))
        return tuple(resized)

    def _tokens(self, frames: tuple[Tensor, ...]) -> list[int]:
        area = self.config.vision.factor**2
        return [frame.shape[0] * frame.shape[1] // area for frame in frames]

    def _common(self, ids: list[int], frames: tuple[Tensor, ...]) -> dict[str, Any]:
        row = torch.tensor([ids], dtype=torch.long)
        patch = self.config.vision.patch_size
        grids = [pictures.grid(frame.shape[0], frame.shape[1], patch) for frame in frames]
        return {
            "input_ids": row,
            "attention_mask": torch.ones_like(row),
            "moe_token_types": row == self.tokenizer.action_id,
            "images": frames,
            "image_grid_thw": torch.tensor(grids, dtype=torch.long),
            "vision": self.config.vision,
        }


def _checked_horizon(horizon: int) -> int:
    if not isinstance(horizon, int) or isinstance(horizon, bool) or horizon < 1:
        raise ModelError(f"horizon is {horizon!r}; expected 1 or more action rows")
    return horizon


def _mask(value: Any, name: str, size: int) -> Tensor:
    mask = tensor(value, name, (size,), torch.float32).cpu()
    if not bool(((mask == 0) | (mask == 1)).all()):
        raise ModelError(f"{name} holds numbers other than 0 and 1")
    return mask


def _check_ids(tokenizer: Tokenizer, config: ModelConfig) -> None:
    """Check that tokenizer and model mean the same ids."""
    tokenizer.check_rows(config.vocab_size)
    state_id = config.state_token_id
    if state_id is None and not config.state_as_text:
        state_id = tokenizer.action_id - 1  # where the model looks for it
    for name, ours, theirs in (
        ("image", tokenizer.image_id, config.image_token_id),
        ("vision start", tokenizer.vision_start_id, config.vision_start_token_id),
        ("action", tokenizer.action_id, config.action_token_id),
        ("state", tokenizer.state_id, state_id),
    ):
        if theirs is not None and ours != theirs:
            raise CheckpointError(
                f"the {name} token is {ours} in the tokenizer and {theirs} in the model: they are "
                "not of the same checkpoint"
            )
