"""Pins: text becomes the ids of the published vocabulary, and a tokenizer that does not fit is a
sentence before the robot moves.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qwen_vocabulary import SPECIAL

from wall_oss_ros.core.errors import CheckpointError
from wall_oss_ros.model.tokenizer import Tokenizer

SYSTEM_TURN = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"


def small_folder(folder: Path, added: tuple[str, ...] = SPECIAL, **settings: object) -> Path:
    """A tokenizer of one token per byte, and added ones from 256 on."""
    tokenizers = pytest.importorskip("tokenizers")
    pre = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    letters = {letter: i for i, letter in enumerate(sorted(pre.alphabet()))}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(letters, []))
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_tokens([tokenizers.AddedToken(name, special=True) for name in added])
    if "truncation" in settings:
        tokenizer.enable_truncation(settings["truncation"])
        tokenizer.enable_padding(length=settings["truncation"])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    return folder


def test_known_texts_have_their_published_ids(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("Hello world") == [9707, 1879]
    turn = [151644, 8948, 198, 2610, 525, 264, 10950, 17847, 13, 151645, 198]
    assert tokenizer.encode(SYSTEM_TURN) == turn


def test_special_tokens_have_their_published_ids(tokenizer: Tokenizer) -> None:
    for place, name in enumerate(SPECIAL):
        assert tokenizer.encode(name) == [151643 + place]
    assert (tokenizer.image_id, tokenizer.im_end_id) == (151655, 151645)
    assert tokenizer.vision_start_id == 151652


def test_placeholders_are_appended_state_first(tokenizer: Tokenizer) -> None:
    assert (tokenizer.state_id, tokenizer.action_id) == (151665, 151666)
    assert tokenizer.size == 151667
    assert tokenizer.encode("<|propri|>a<|action|><|action|>") == [151665, 64, 151666, 151666]


@given(st.text(st.characters(codec="utf-8")))
def test_text_comes_back_as_unicode_composes_it(tokenizer: Tokenizer, text: str) -> None:
    plain = text.replace("<|", "")
    assert tokenizer.decode(tokenizer.encode(plain)) == unicodedata.normalize("NFC", plain)


def test_decoding_leaves_special_tokens_out(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode([9707, 1879, 151645, 198, 151643]) == "Hello world\n"
    assert tokenizer.decode([]) == ""


def test_numbers_are_written_digit_by_digit(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.encode(" 255 0 17\n")) == len(" 255 0 17\n")


def test_placeholders_that_are_there_keep_their_ids(tmp_path: Path) -> None:
    """Flow v0.1 brings them, between tokens of its own."""
    names = (*SPECIAL, "<|action|>", "<|action_token_0|>", "<|propri|>", "<|action_token_1|>")
    tokenizer = Tokenizer.load(small_folder(tmp_path, names))
    first = 256 + len(SPECIAL)
    assert (tokenizer.action_id, tokenizer.state_id) == (first, first + 2)
    assert tokenizer.size == first + 4


def test_a_configuration_without_model_type_changes_nothing(
    tokenizer: Tokenizer, tokenizer_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """There transformers advises a pattern of Mistral's, which splits words elsewhere."""
    for file in tokenizer_folder.iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 2048}))
    text = "PickUp the iPhone/charger in the XL-box"
    assert Tokenizer.load(tmp_path).encode(text) == tokenizer.encode(text)
    assert "mistral" not in caplog.text.lower()


def test_saved_truncation_and_padding_are_not_used(tmp_path: Path) -> None:
    tokenizer = Tokenizer.load(small_folder(tmp_path, truncation=4))
    assert len(tokenizer.encode("ab")) == 2
    assert len(tokenizer.encode("abcdefgh")) == 8


def test_every_id_needs_a_row(tokenizer: Tokenizer) -> None:
    tokenizer.check_rows(155765)
    tokenizer.check_rows(151667)
    with pytest.raises(CheckpointError, match=r"up to 151666 \(.*action 151666\).*151666 rows"):
        tokenizer.check_rows(151666)


def test_a_missing_folder_or_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint folder .*nowhere"):
        Tokenizer.load(tmp_path / "nowhere")
    (tmp_path / "vocab.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"expected tokenizer.json, or vocab.json and merges"):
        Tokenizer.load(tmp_path)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    small_folder(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"model": 3}')
    with pytest.raises(CheckpointError, match=f"{tmp_path} cannot be read"):
        Tokenizer.load(tmp_path)


def test_the_vocabulary_of_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no <\|image_pad\|>, <\|vision_start\|>"):
        Tokenizer.load(small_folder(tmp_path, ("<|im_start|>", "<|im_end|>")))


def test_without_transformers_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_folder(tmp_path)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(CheckpointError, match=r"pip install 'wall_oss_ros\[model\]'"):
        Tokenizer.load(tmp_path)
