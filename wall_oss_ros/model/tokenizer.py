"""Text to token ids and back, with the tokenizer of a checkpoint folder.

The published 0.5 tokenizer is that of Qwen2.5-VL and lacks the placeholders of state and action
rows: the training code appends them in a fixed order, and so does this file. That of flow v0.1 has
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wall_oss_ros.core.errors import CheckpointError

STATE = "<|propri|>"
ACTION = "<|action|>"
IMAGE = "<|image_pad|>"
VISION_START, VISION_END = "<|vision_start|>", "<|vision_end|>"
TURN_START, TURN_END = "<|im_start|>", "<|im_end|>"

# Appended where missing; the order decides their ids.
_APPENDED = (STATE, ACTION)
_NEEDED = (IMAGE, VISION_START, VISION_END, TURN_START, TURN_END)
# Either is a complete byte-pair vocabulary.
_FILES = (("tokenizer.json",), ("vocab.json", "merges.txt"))


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """A vocabulary with the placeholders that a prompt needs.

    Attributes:
        backend: a ``tokenizers.Tokenizer``, or what encodes and decodes like it.
        action_id: placeholder of one action row.
        state_id: placeholder of the projected state.
        image_id: placeholder of one merged image token.
        vision_start_id: before an image.
        im_end_id: ends a turn, and so a generated text.
        size: ids are below this.
    """

    backend: Any = field(repr=False)
    action_id: int
    state_id: int
    image_id: int
    vision_start_id: int
    im_end_id: int
    size: int

    @classmethod
    def load(cls, folder: str | Path) -> Tokenizer:
        """Return the tokenizer of a checkpoint folder; nothing is downloaded.

        Raises:
            CheckpointError: if files are missing or of another model, or transformers is not
                installed.
        """
        backend = _read(Path(folder).expanduser())
        missing = [token for token in _NEEDED if backend.token_to_id(token) is None]
        if missing:
            raise CheckpointError(
                f"the tokenizer in {folder} has no {', '.join(missing)}; expected that of "
                "Qwen2.5-VL, as published with Wall-OSS"
            )
        return cls(
            backend=backend,
            action_id=backend.token_to_id(ACTION),
            state_id=backend.token_to_id(STATE),
            image_id=backend.token_to_id(IMAGE),
            vision_start_id=backend.token_to_id(VISION_START),
            im_end_id=backend.token_to_id(TURN_END),
            size=1 + max(backend.get_vocab(with_added_tokens=True).values()),
        )

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text; special tokens in it are recognised, none is added."""
        ids: list[int] = self.backend.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids without its special tokens."""
        text: str = self.backend.decode(list(ids), skip_special_tokens=True)
        return text

    def check_rows(self, rows: int) -> None:
        """Check that every id has a row in the embedding table.

        Args:
            rows: of the table.

        Raises:
            CheckpointError: naming the largest id.
        """
        if self.size > rows:
            raise CheckpointError(
                f"the tokenizer has ids up to {self.size - 1} (state {self.state_id}, action "
                f"{self.action_id}), the embedding table {rows} rows: tokenizer and weights are "
                "not of the same checkpoint"
            )


def _read(folder: Path) -> Any:
    """Return the tokenizers.Tokenizer of a folder, with the appended placeholders."""
    if not folder.is_dir():
        raise CheckpointError(f"no checkpoint folder {folder}")
    if not any(all((folder / name).is_file() for name in names) for names in _FILES):
        expected = ", or ".join(" and ".join(names) for names in _FILES)
        raise CheckpointError(
            f"no tokenizer in {folder}: expected {expected}; download the checkpoint completely"
        )
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise CheckpointError(
            f"the tokenizer needs transformers, which cannot be imported ({error}): "
            "pip install 'wall_oss_ros[model]'"
        ) from None
    try:
        loaded = AutoTokenizer.from_pretrained(
            str(folder),
            local_files_only=True,
            use_fast=True,
            # Replaces the pattern that splits words where a configuration may be Mistral's. It is
            # not, and with another pattern mixed-case words get other ids than in training.
            fix_mistral_regex=False,
        )
    except Exception as error:  # transformers and tokenizers raise plain Exception, too
        raise CheckpointError(f"the tokenizer in {folder} cannot be read: {error}") from error
    backend = getattr(loaded, "backend_tokenizer", None)
    if backend is None:
        raise CheckpointError(
            f"the tokenizer in {folder} is a {type(loaded).__name__}; expected Qwen2.5-VL's, "
            "with a tokenizer.json"
        )
    loaded.add_tokens([token for token in _APPENDED if backend.token_to_id(token) is None])
    # A saved tokenizer may cut or fill texts.
    backend.no_truncation()
    backend.no_padding()
    return backend
