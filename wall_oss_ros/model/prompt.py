"""The text that the model was trained to continue: cameras, instruction, state, action rows.

Strings follow wall-x 1.1.0 (``_vendor/harrix/adapters/qwen_vlact.py``) to the character. What
differs between checkpoints is a setting: the system prompt, the words for a camera, the steps of a
state.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wall_oss_ros.core.errors import ModelError, choices
from wall_oss_ros.model.tokenizer import (
    ACTION,
    IMAGE,
    STATE,
    TURN_END,
    TURN_START,
    VISION_END,
    VISION_START,
)

SYSTEM_PROMPT = "You are a helpful assistant."
# Words of the published code; other cameras have their name with spaces. The last two are of v0.1.
CAMERA_LABELS: Mapping[str, str] = {
    "face_view": "front view",
    "left_wrist_view": "left wrist view",
    "right_wrist_view": "right wrist view",
    "move1_view": "move view",
    "move2_view": "move view",
}

# After the instruction. The state follows the colon.
ASK_ACTION = "\nPredict the next action in robot action.\nProprioception:"
ASK_TEXT = "\nPredict the next action in language.\n"
# From here on the model speaks.
ANSWER = f"{TURN_END}\n{TURN_START}assistant\n"

_SPECIAL = re.compile(r"<\|[^|]*\|>")


@dataclass(frozen=True, slots=True)
class PromptSettings:
    """What differs between checkpoints.

    Attributes:
        system_prompt: text of the first turn.
        camera_labels: words for each camera, in place of the published ones; every camera must be
            named in it.
        raw_camera_names: cameras are called by their names, as the training code of 0.5 did for
            data without a mapping.
        state_bins: steps from -1 to 1 in which the state is written; 256 or 512.
    """

    system_prompt: str = SYSTEM_PROMPT
    camera_labels: Mapping[str, str] | None = None
    raw_camera_names: bool = False
    state_bins: int = 256

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ModelError: naming the setting.
        """
        refuse_special(self.system_prompt, "system_prompt")
        for name, label in (self.camera_labels or {}).items():
            _worded(label, f"camera_labels['{name}']")
        if self.camera_labels is not None and self.raw_camera_names:
            raise ModelError("camera_labels and raw_camera_names are both set; expected one")
        if not isinstance(self.state_bins, int) or self.state_bins < 2:
            raise ModelError(f"state_bins is {self.state_bins!r}; expected 2 or more, e.g. 256")


def refuse_special(text: str, name: str) -> None:
    """Refuse a text with special tokens, which would move images and action rows.

    Raises:
        ModelError: naming the token.
    """
    if not isinstance(text, str):
        raise ModelError(f"{name} is a {type(text).__name__}; expected text")
    found = _SPECIAL.search(text)
    if found:
        raise ModelError(
            f"{name} holds the special token {found.group()}; expected plain text without '<|...|>'"
        )


def _worded(text: str, name: str) -> str:
    refuse_special(text, name)
    if not text.strip():
        raise ModelError(f"{name} is empty; expected words")
    return text


def camera_label(name: str, settings: PromptSettings) -> str:
    """Return the words for a camera.

    Raises:
        ModelError: for a camera that ``settings.camera_labels`` lacks, or an unusable name.
    """
    _worded(name, "the name of a camera")
    if settings.raw_camera_names:
        return name
    if settings.camera_labels is None:
        return CAMERA_LABELS.get(name, name.replace("_", " "))
    if name not in settings.camera_labels:
        raise ModelError(
            f"no label for camera '{name}'; camera_labels has {choices(settings.camera_labels)}. "
            "Name every camera, or leave camera_labels away for the published labels."
        )
    return settings.camera_labels[name]


def observation(
    cameras: Sequence[str], instruction: str, settings: PromptSettings
) -> tuple[str, ...]:
    """Return the prompt up to the instruction, cut where the tokens of each image belong.

    Args:
        cameras: names, in the model's order.
        instruction: what to do; taken as it is.
        settings: of the checkpoint.

    Returns:
        One text more than there are cameras.

    Raises:
        ModelError: without cameras, or for an instruction that is empty or holds special tokens.
    """
    if not cameras:
        raise ModelError("no cameras; expected at least one picture")
    _worded(instruction, "the instruction")
    text = f"{TURN_START}system\n{settings.system_prompt}{TURN_END}\n{TURN_START}user\nObservation:"
    pieces = []
    for name in cameras:
        pieces.append(f"{text} {camera_label(name, settings)}: {VISION_START}")
        text = VISION_END
    return (*pieces, f"{text}\nInstruction: {instruction}")


def state_text(state: Any, mask: Any, bins: int) -> str:
    """Return the state in words: the step of each active dimension, 0 to bins - 1.

    Args:
        state: (D,) normalised, -1 to 1.
        mask: (D,) true for dimensions that the robot has.
        bins: equal steps from -1 to 1; 1 itself belongs to the last.

    Raises:
        ModelError: if no dimension is active, or a number is outside -1 to 1.
    """
    values = np.asarray(state, dtype=np.float64)
    active = np.asarray(mask).astype(bool)
    if values.ndim != 1 or values.shape != active.shape:
        raise ModelError(f"state is {values.shape}, its mask {active.shape}; expected (D,) each")
    if not active.any():
        raise ModelError("the state has no active dimension; expected at least one in its mask")
    values = values[active]
    if not (np.abs(values) <= 1.0).all():  # true for NaN, too
        raise ModelError(
            f"the state goes from {values.min():.4g} to {values.max():.4g}; expected -1 to 1: "
            "normalise it with the checkpoint's statistics"
        )
    edges = np.linspace(-1.0, 1.0, bins + 1)[:-1]
    return " ".join(str(step) for step in np.digitize(values, edges) - 1)


def state_piece(state: str = STATE) -> str:
    """Return what follows ``ASK_ACTION``: the state in words, or its placeholder."""
    return f" {state}\n"


def flow_prompt(
    cameras: Sequence[str],
    image_tokens: Sequence[int],
    instruction: str,
    state: str,
    horizon: int,
    settings: PromptSettings,
) -> str:
    """Return the whole prompt for a chunk of actions.

    Args:
        cameras: names, in the model's order.
        image_tokens: merged tokens of each image.
        instruction: what to do.
        state: its words, or ``<|propri|>``.
        horizon: action rows.
        settings: of the checkpoint.

    Raises:
        ModelError: see `observation`.
    """
    seen = _with_images(observation(cameras, instruction, settings), image_tokens)
    return f"{seen}{ASK_ACTION}{state_piece(state)}{ANSWER}{ACTION * horizon}"


def text_prompt(
    cameras: Sequence[str],
    image_tokens: Sequence[int],
    instruction: str,
    settings: PromptSettings,
) -> str:
    """Return the whole prompt for the next step in words, see `flow_prompt`."""
    seen = _with_images(observation(cameras, instruction, settings), image_tokens)
    return f"{seen}{ASK_TEXT}{ANSWER}"


def _with_images(pieces: Sequence[str], image_tokens: Sequence[int]) -> str:
    placeholders = [IMAGE * count for count in image_tokens]
    pairs = zip(pieces, [*placeholders, ""], strict=True)
    return "".join(piece + image for piece, image in pairs)
