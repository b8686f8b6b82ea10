"""Pins: a model without a checkpoint has finite, lively numbers, and the types of a checkpoint."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from wall_oss_ros.core.errors import ModelError
from wall_oss_ros.model.config import PUBLISHED, TINY
from wall_oss_ros.model.engine import Engine
from wall_oss_ros.model.random_weights import random_inputs, random_model

SMALL = replace(TINY, num_hidden_layers=36)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_numbers_keep_their_size_through_all_layers(dtype: torch.dtype) -> None:
    model = random_model(SMALL, dtype=dtype)
    chunk = Engine(model, "eager", steps=2).generate(
        random_inputs(SMALL, cameras=2, resolution=56, text=12)
    )
    assert chunk.normalized.shape == (1, 32, 26)
    assert 0.1 < float(chunk.normalized.std()) < 10.0


def test_types_are_those_of_a_checkpoint() -> None:
    model = random_model(TINY, dtype=torch.bfloat16)
    kinds = {name: value.dtype for name, value in model.named_parameters()}
    assert kinds["model.embed_tokens.weight"] == torch.bfloat16
    assert kinds["model.norms.0.weight"] == torch.float32
    assert kinds["action_preprocessor.w1.weight"] == torch.float32


def test_a_seed_decides_everything() -> None:
    def numbers(seed: int) -> list[torch.Tensor]:
        inputs = random_inputs(TINY, resolution=56, text=10, seed=seed)
        weights = [p.flatten()[:8] for p in random_model(TINY, seed=seed).parameters()]
        return [inputs.noise, inputs.prompt, inputs.images[0], *weights]

    again = zip(numbers(1), numbers(1), strict=True)
    assert all(torch.equal(one, two) for one, two in again)
    assert not torch.equal(numbers(1)[0], numbers(2)[0])


def test_the_prompt_has_the_length_asked_for() -> None:
    inputs = random_inputs(PUBLISHED, cameras=3, resolution=448, text=150, horizon=32)
    image_tokens = int((inputs.prompt == PUBLISHED.image_token_id).sum())
    assert (image_tokens, inputs.prompt.shape[1]) == (768, 918)
    assert inputs.grids == ((1, 32, 32),) * 3
    assert inputs.horizon == 32


def test_a_state_token_has_its_place() -> None:
    inputs = random_inputs(replace(TINY, state_as_text=False), resolution=28, text=20)
    assert int((inputs.prompt == inputs.state_token_id).sum()) == 1
    assert inputs.state is not None


@pytest.mark.parametrize("sizes", [{"resolution": 450}, {"text": 7}, {"cameras": -1}])
def test_sizes_that_no_prompt_has_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ModelError, match="expected|at least"):
        random_inputs(TINY, **sizes)
