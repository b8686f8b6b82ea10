"""What the processor makes and the model takes: one prompt, its pictures, its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wall_oss_ros.model.config import ModelConfig, VisionConfig
from wall_oss_ros.model.images import patchify
from wall_oss_ros.model.inputs import FlowInputs, check_flow_inputs


@dataclass(frozen=True, slots=True, eq=False)
class TextInputs:
    """A prompt for the next step in words; S tokens, n pictures.

    Attributes:
        input_ids: (1, S) int64.
        attention_mask: (1, S) int64, ones.
        moe_token_types: (1, S) bool, true on the places of action rows.
        images: n times (h, w, 3) uint8, resized; on the device where they came from.
        image_grid_thw: (n, 3) int64: frames, rows and columns of patches.
        vision: how pictures are cut into patches.
    """

    input_ids: Tensor
    attention_mask: Tensor
    moe_token_types: Tensor
    images: tuple[Tensor, ...]
    image_grid_thw: Tensor
    vision: VisionConfig

    def pixel_values(self) -> Tensor:
        """Return (patches, 1176) float32 of all pictures, on their device."""
        return torch.cat([patchify(image[None], self.vision) for image in self.images])

    def arguments(self, *, uint8: bool = False) -> dict[str, Any]:
        """Return the model's keyword arguments.

        Args:
            uint8: give the pictures as they are, for the model to cut on its own device.
        """
        seen: dict[str, Any] = {"images": self.images}
        if not uint8:
            seen = {"pixel_values": self.pixel_values(), "image_grid_thw": self.image_grid_thw}
        return {
            "input_ids": self.input_ids,
            "attention_mask": self.attention_mask,
            "moe_token_types": self.moe_token_types,
            **seen,
        }


@dataclass(frozen=True, slots=True, eq=False)
class ModelInputs(TextInputs):
    """A prompt for a chunk of actions; H action rows.

    Attributes:
        proprioception: (1, 1, state_dim) float32, normalised.
        agent_pos_mask: (1, 1, state_dim) float32, 1 for dimensions that the robot has.
        dof_mask: (1, H, action_dim) float32, 1 for dimensions that the robot has.
    """

    proprioception: Tensor
    agent_pos_mask: Tensor
    dof_mask: Tensor

    def arguments(self, *, uint8: bool = False) -> dict[str, Any]:
        """Return the keyword arguments of `generate_flow_action`, see `TextInputs.arguments`."""
        return {
            **TextInputs.arguments(self, uint8=uint8),
            "proprioception": self.proprioception,
            "agent_pos_mask": self.agent_pos_mask,
            "dof_mask": self.dof_mask,
            "action_horizon": self.dof_mask.shape[1],
            "action_dim": self.dof_mask.shape[2],
        }

    def checked(
        self,
        config: ModelConfig,
        *,
        noise: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> FlowInputs:
        """Return what an engine takes, the pictures as they are.

        Args:
            config: of the model.
            noise: (1, H, action_dim) the starting point; drawn where None.
            generator: of the noise, on the CPU.

        Raises:
            ModelError: as `check_flow_inputs`.
        """
        arguments = self.arguments(uint8=True)
        return check_flow_inputs(config, **arguments, noise=noise, generator=generator)
