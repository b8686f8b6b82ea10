"""A small byte-pair vocabulary, trained on the words of a task and laid out as Qwen2.5-VL's.

The pattern that splits words, the byte-level alphabet and the special tokens are those of the
published tokenizer, so prompts are written by the same processor. Any text can be encoded; what the
task does not say costs more tokens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Regex, decoders, pre_tokenizers
from tokenizers import Tokenizer as Backend
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Split
from tokenizers.trainers import BpeTrainer

from wall_oss_ros.model.prompt import ANSWER, ASK_ACTION, ASK_TEXT, PromptSettings, observation
from wall_oss_ros.model.tokenizer import (
    ACTION,
    IMAGE,
    STATE,
    TURN_END,
    TURN_START,
    VISION_END,
    VISION_START,
)

# Digits stay alone, so a state in words costs a token per character.
_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_SPECIAL = (
    "<|endoftext|>",
    TURN_START,
    TURN_END,
    VISION_START,
    VISION_END,
    "<|vision_pad|>",
    IMAGE,
    "<|video_pad|>",
    STATE,
    ACTION,
)
# More words than a task has; training ends by itself when every word is one token.
_MOST = 4096


def write_vocabulary(folder: Path, sentences: Iterable[str], cameras: Iterable[str]) -> None:
    """Write tokenizer.json and tokenizer_config.json.

    Args:
        folder: of the checkpoint, which is there.
        sentences: instructions of the data, and what is said of them.
        cameras: the model's names of the pictures.
    """
    backend = Backend(BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            Split(Regex(_WORDS), behavior="isolated", invert=False),
            ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=_MOST,
        min_frequency=1,
        show_progress=False,
        initial_alphabet=sorted(ByteLevel.alphabet()),
    )
    backend.train_from_iterator(_texts(sorted(set(sentences)), tuple(cameras)), trainer)
    phrases = _phrases(tuple(cameras))
    backend.add_tokens([AddedToken(text, special=False, normalized=False) for text in phrases])
    backend.add_tokens([AddedToken(name, special=True, normalized=False) for name in _SPECIAL])
    (folder / "tokenizer.json").write_text(backend.to_str(), encoding="utf-8")
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 131072,
        "add_prefix_space": False,
        "eos_token": TURN_END,
        "pad_token": "<|endoftext|>",
        "unk_token": None,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")


def _phrases(cameras: tuple[str, ...]) -> list[str]:
    """Return what every prompt says, as one token each: half of a prompt of the task would be that.

    Line breaks and the words of an instruction stay apart.
    """
    settings = PromptSettings()
    texts = [*observation(cameras, "{}", settings), ASK_ACTION, ASK_TEXT, ANSWER]
    pattern = "|".join(map(re.escape, (*_SPECIAL, "{}", "\n")))
    pieces = [piece for text in texts for piece in re.split(pattern, text)]
    # A piece of one word is a token anyway, and would be found in the middle of others.
    return list(dict.fromkeys(piece for piece in pieces if len(piece.split()) > 1))


def _texts(instructions: list[str], cameras: tuple[str, ...]) -> Iterable[str]:
    """Yield the prompts without what is special in them, which no word may span."""
    settings = PromptSettings()
    for instruction in instructions:
        for ask in (ASK_ACTION, ASK_TEXT):
            text = "".join(observation(cameras, instruction, settings)) + ask + "\n" + ANSWER
            for name in _SPECIAL:
                text = text.replace(name, "\n")
            yield text
