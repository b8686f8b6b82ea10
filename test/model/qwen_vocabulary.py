"""The tokenizer of Qwen2.5-VL from its published byte pairs, without any checkpoint.

The package dashscope ships the 151,643 pairs with their ranks (``resources/qwen.tiktoken``). From
them a folder is written as a checkpoint has it: tokenizer.json and tokenizer_config.json.
"""

from __future__ import annotations

import base64
import functools
import importlib.metadata
import json
from pathlib import Path

PAIRS = 151643
# Ids follow the pairs without a gap, in this order.
SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    *("<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>"),
    *("<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"),
    *("<|image_pad|>", "<|video_pad|>", "<tool_call>", "</tool_call>"),
    *("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"),
    *("<|repo_name|>", "<|file_sep|>"),
)
_NOT_SPECIAL = {"<tool_call>", "</tool_call>"} | set(SPECIAL[16:])
_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def ranks_file() -> Path | None:
    """The published pairs, None where dashscope is not installed. Importing it would take long."""
    try:
        files = importlib.metadata.files("dashscope") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = [Path(str(file.locate())) for file in files if file.name == "qwen.tiktoken"]
    return next((path for path in found if path.is_file()), None)


@functools.cache
def _tokenizer_json(ranks: Path, extra: tuple[str, ...]) -> str:
    """The content of tokenizer.json; made once, as it takes seconds."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
    from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split

    pairs = _read(ranks)
    letter = _letters()
    text = {token: "".join(letter[byte] for byte in token) for token in pairs}
    merges = [
        (text[left], text[right])
        for token, rank in pairs.items()
        if len(token) > 1
        for left, right in [_halves(token, pairs, rank)]
    ]
    tokenizer = Tokenizer(models.BPE({text[t]: rank for t, rank in pairs.items()}, merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = Sequence(
        [
            Split(Regex(_WORDS), behavior="isolated", invert=False),
            ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens(
        [
            AddedToken(name, special=name not in _NOT_SPECIAL, normalized=False)
            for name in (*SPECIAL, *extra)
        ]
    )
    return str(tokenizer.to_str())


def write(folder: Path, ranks: Path, extra: tuple[str, ...] = ()) -> None:
    """Write a tokenizer folder; `extra` tokens follow the special ones."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(_tokenizer_json(ranks, extra), encoding="utf-8")
    settings = {
        "tokenizer_class": "Qwen2Tokenizer",
        "model_max_length": 131072,
        "add_prefix_space": False,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "unk_token": None,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def _read(path: Path) -> dict[bytes, int]:
    """Rank of every token, in the order of ranks."""
    lines = path.read_bytes().splitlines()
    pairs = {base64.b64decode(a): int(b) for a, b in (line.split() for line in lines if line)}
    assert list(pairs.values()) == list(range(PAIRS)), "ranks are 0, 1, ... without a gap"
    return pairs


def _halves(token: bytes, ranks: dict[bytes, int], rank: int) -> tuple[bytes, bytes]:
    """What a token was merged from: its parts when only earlier merges are known."""
    parts = [token[i : i + 1] for i in range(len(token))]
    while len(parts) > 2:
        joined = [ranks.get(a + b, rank) for a, b in zip(parts, parts[1:], strict=False)]
        best = min(range(len(joined)), key=joined.__getitem__)
        assert joined[best] < rank, f"{token!r} cannot be merged from earlier tokens"
        parts[best : best + 2] = [parts[best] + parts[best + 1]]
    return parts[0], parts[1]


def _letters() -> list[str]:
    """The letter that stands for each byte in a byte-level vocabulary: printable, one to one."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]
