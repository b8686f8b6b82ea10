"""Discrete action tokens: they say what a chunk is, and no row learns from them or they from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.fft
import torch
from torch import Tensor

pytest.importorskip("vector_quantize_pytorch", reason="training needs the 'train' extra")

from wall_oss_ros.core.errors import CheckpointError
from wall_oss_ros.training.action_tokenizer import (
    TOKENIZER_FILE,
    ActionTokenizer,
    ActionTokenizerSettings,
    cosines,
    train_action_tokenizer,
)

SETTINGS = ActionTokenizerSettings(codes=16, width=24, latent=8, steps=500, batch=64, rate=3e-3)
COLUMNS = (0, 1, 5)


def chunks(count: int = 256, rows: int = 8) -> Tensor:
    """Return straight motions at a few speeds; the columns that are not there hold nonsense."""
    draw = torch.Generator().manual_seed(1)
    speed = torch.randint(-2, 3, (count, 1, 6), generator=draw) / 2
    motion = speed * torch.linspace(0.0, 1.0, rows)[None, :, None]
    motion[..., 2:5] = torch.rand(count, rows, 3, generator=draw) * 100
    return motion


@pytest.fixture(scope="module")
def tokenizer() -> ActionTokenizer:
    return train_action_tokenizer(chunks(), COLUMNS, SETTINGS, seed=0)


def test_tokens_tell_most_of_a_chunk(tokenizer: ActionTokenizer) -> None:
    shown = chunks()
    tokens = tokenizer.encode(shown)
    assert tokens.shape == (256, tokenizer.count) == (256, 4)
    assert 0 <= int(tokens.min()) and int(tokens.max()) < tokenizer.vocabulary == 32
    assert int(tokens[:, :2].max()) < 16 <= int(tokens[:, 2:].min())  # coarse first
    wrong = tokenizer.decode(tokens) - shown[..., COLUMNS]
    assert float(wrong.var()) < 0.4 * float(shown[..., COLUMNS].var())


def test_the_finer_codebook_makes_it_better(tokenizer: ActionTokenizer) -> None:
    one = train_action_tokenizer(chunks(), COLUMNS, replace(SETTINGS, levels=1), seed=0)
    wrong = [
        float((each.decode(each.encode(chunks())) - chunks()[..., COLUMNS]).square().mean())
        for each in (one, tokenizer)
    ]
    assert wrong[1] < wrong[0]


def test_a_tokenizer_is_the_same_again_from_its_seed_and_from_its_file(
    tokenizer: ActionTokenizer, tmp_path: Path
) -> None:
    state = torch.random.get_rng_state()
    again = train_action_tokenizer(chunks(), COLUMNS, SETTINGS, seed=0)
    assert torch.equal(state, torch.random.get_rng_state())
    tokenizer.save(tmp_path)
    for other in (again, ActionTokenizer.load(tmp_path)):
        assert torch.equal(other.encode(chunks()), tokenizer.encode(chunks()))


def test_another_file_and_another_horizon_are_refused(tmp_path: Path) -> None:
    (tmp_path / TOKENIZER_FILE).write_bytes(b"no such thing")
    with pytest.raises(CheckpointError, match="is no action tokenizer"):
        ActionTokenizer.load(tmp_path)
    with pytest.raises(CheckpointError, match="a chunk has 10"):
        ActionTokenizer(10, COLUMNS, SETTINGS)


def test_the_cosine_transform_is_scipys() -> None:
    assert np.allclose(
        cosines(12).numpy(), scipy.fft.dct(np.eye(12), norm="ortho", axis=0), atol=1e-6
    )
