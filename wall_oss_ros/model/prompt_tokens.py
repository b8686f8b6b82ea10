"""A prompt as token ids: what stays the same is tokenised once, and nothing is ever cut off.

A prompt falls apart into texts that no token can span: special tokens stand between them, and the
numbers of the state stand apart in Qwen's vocabulary. So cameras and instruction are tokenised when
they change, the state alone with every frame, and the ids are those of the whole text.
"""

from __future__ import annotations

from collections.abc import Sequence

from wall_oss_ros.core.errors import CheckpointError, ModelError
from wall_oss_ros.model import prompt
from wall_oss_ros.model.prompt import PromptSettings
from wall_oss_ros.model.tokenizer import Tokenizer

_KEPT = 16  # instructions that stay tokenised


class PromptTokens:
    """Writes the prompts of `prompt.flow_prompt` and `prompt.text_prompt` as ids.

    Args:
        tokenizer: of the checkpoint.
        settings: of the checkpoint.
        max_length: longest sequence [tokens].

    Raises:
        CheckpointError: if the tokenizer does not write numbers digit by digit.
    """

    def __init__(self, tokenizer: Tokenizer, settings: PromptSettings, max_length: int) -> None:
        _check_digits(tokenizer)
        self.tokenizer = tokenizer
        self.settings = settings
        self.max_length = max_length
        self._answer = tokenizer.encode(prompt.ANSWER)
        self._kept: dict[tuple[tuple[str, ...], str, str], tuple[list[int], ...]] = {}

    def flow(
        self,
        cameras: Sequence[str],
        image_tokens: Sequence[int],
        instruction: str,
        state: str,
        horizon: int,
    ) -> list[int]:
        """Return the ids of `prompt.flow_prompt` with the same arguments.

        Raises:
            ModelError: see `prompt.observation`; and for more tokens than ``max_length``.
        """
        pieces = self._pieces(cameras, instruction, prompt.ASK_ACTION)
        stated = self.tokenizer.encode(prompt.state_piece(state))
        return self._joined(pieces, image_tokens, stated, horizon)

    def text(
        self, cameras: Sequence[str], image_tokens: Sequence[int], instruction: str
    ) -> list[int]:
        """Return the ids of `prompt.text_prompt` with the same arguments.

        Raises:
            ModelError: as `flow` does.
        """
        pieces = self._pieces(cameras, instruction, prompt.ASK_TEXT)
        return self._joined(pieces, image_tokens, [], 0)

    def _pieces(self, cameras: Sequence[str], instruction: str, ask: str) -> tuple[list[int], ...]:
        """Return the prompt up to and with `ask`, cut where the tokens of images belong."""
        key = (tuple(cameras), instruction, ask)
        if key not in self._kept:
            *texts, last = prompt.observation(cameras, instruction, self.settings)
            pieces = tuple(self.tokenizer.encode(text) for text in (*texts, last + ask))
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[key] = pieces
        return self._kept[key]

    def _joined(
        self,
        pieces: Sequence[list[int]],
        image_tokens: Sequence[int],
        state: list[int],
        horizon: int,
    ) -> list[int]:
        ids: list[int] = []
        for piece, count in zip(pieces, (*image_tokens, 0), strict=True):
            ids += piece + [self.tokenizer.image_id] * count
        ids += state + self._answer + [self.tokenizer.action_id] * horizon
        if len(ids) > self.max_length:
            images = sum(image_tokens)
            text = len(ids) - images - len(state) - horizon
            raise ModelError(
                f"the prompt is {len(ids)} tokens: {images} of images, {text} of text, "
                f"{len(state)} of the state, {horizon} action rows; expected at most "
                f"{self.max_length}. Lower the resolution, shorten the instruction, or raise "
                "max_length."
            )
        return ids


def _check_digits(tokenizer: Tokenizer) -> None:
    """Check what the parts rely on: a state is a token per character, whatever comes before."""
    numbers = prompt.state_piece("10 255 9")
    whole = tokenizer.encode(prompt.ASK_ACTION + numbers)
    alone = tokenizer.encode(numbers)
    if len(alone) != len(numbers) or whole != tokenizer.encode(prompt.ASK_ACTION) + alone:
        raise CheckpointError(
            f"the tokenizer writes {numbers!r} with {len(alone)} tokens; expected one for each of "
            f"the {len(numbers)} characters, as Qwen2.5-VL's does"
        )
