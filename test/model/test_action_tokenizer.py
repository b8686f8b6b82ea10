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
from wall_oss_ros.training.picture_losses import PictureLosses, thumbnails

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


# What is seen while a chunk is carried out


def seen_chunks(count: int = 512) -> tuple[Tensor, Tensor, Tensor]:
    """Return chunks and the thumbnails around them: a small motion of column 5 is all they show.

    The larger motion of column 0 brings nothing about that a camera sees.
    """
    draw = torch.Generator().manual_seed(2)
    motion = torch.zeros(count, 8, 6)
    ramp = torch.linspace(0.0, 1.0, 8)
    motion[..., 0] = torch.randn(count, 1, generator=draw) * ramp
    side = torch.randint(0, 2, (count,), generator=draw) * 2 - 1
    motion[..., 5] = 0.1 * side[:, None] * ramp
    before = torch.randint(90, 110, (count, 192), generator=draw)
    behind = before + side[:, None] * torch.randint(20, 40, (192,), generator=draw)
    return motion, before.to(torch.uint8), behind.to(torch.uint8)


def sides_told(**weights: float) -> float:
    """Return how often a chunk's tokens tell its side, at their best; 0.5 is by chance."""
    motion, *seen = seen_chunks()
    settings = replace(SETTINGS, codes=4, levels=1, steps=300, **weights)
    tokenizer = train_action_tokenizer(
        motion, COLUMNS, settings, 0, (seen[0], seen[1]) if weights else None
    )
    side = motion[:, -1, 5] > 0
    _, which = tokenizer.encode(motion).unique(dim=0, return_inverse=True)
    shares = [side[which == group].float().mean() for group in which.unique()]
    sizes = [(which == group).float().mean() for group in which.unique()]
    return float(
        sum(max(share, 1 - share) * size for share, size in zip(shares, sizes, strict=True))
    )


@pytest.mark.parametrize("option", ["align", "next_frame"])
def test_codes_learn_what_is_seen_where_rows_alone_would_pass_over_it(option: str) -> None:
    plain, looking = sides_told(), sides_told(**{option: 1.0})
    assert plain < 0.75 and looking > 0.95, (plain, looking)


def test_losses_of_codes_that_tell_nothing_are_one() -> None:
    draw = torch.Generator().manual_seed(3)
    _, before, behind = seen_chunks()
    heads = PictureLosses(4, 192)
    optimizer = torch.optim.Adam(heads.parameters(), 1e-2)
    for _ in range(60):
        losses = heads(torch.zeros(512, 4), before, behind[torch.randperm(512, generator=draw)])
        optimizer.zero_grad()
        sum(losses).backward()
        optimizer.step()
    assert [loss.item() for loss in losses] == pytest.approx([1.0, 1.0], abs=0.05)


def test_a_thumbnail_is_the_mean_of_each_part_of_a_picture() -> None:
    pictures = torch.zeros(2, 1, 16, 24, 3, dtype=torch.uint8)
    pictures[1, 0, :2, :3, 2] = 200  # one part of 8 x 8, blue
    small = thumbnails(pictures)
    assert small.dtype == torch.uint8 and small.shape == (2, 192)
    assert not small[0].any()
    assert small[1].nonzero().flatten().tolist() == [2 * 64] and int(small[1, 128]) == 200
