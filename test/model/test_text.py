"""Pins: the model writes what Qwen2.5-VL of the same weights writes, and stops where it is told to.

Compared with transformers where that is installed, and with itself without any cache.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers_twin import twin_configuration

from wall_oss_ros.core.errors import ModelError
from wall_oss_ros.model import WallOssModel
from wall_oss_ros.model.config import TINY, ModelConfig
from wall_oss_ros.model.decoder import TEXT, Growing
from wall_oss_ros.model.inputs import FlowInputs
from wall_oss_ros.model.rope import position_ids
from wall_oss_ros.model.text import greedy

IMAGE = 500
SMALL = replace(
    TINY,
    vocab_size=512,
    image_token_id=IMAGE,
    video_token_id=503,
    vision_start_token_id=501,
    eos_token_id=506,
    state_token_id=504,
)
GRIDS = ((1, 4, 6), (1, 8, 4))
TOKENS = 24
NEVER = (-1,)
# Models whose likeliest word leads the next by more than two orders of summing differ.
seeds = pytest.mark.parametrize("seed", (2, 4, 6, 7))


def make_model(config: ModelConfig = SMALL, seed: int = 0) -> WallOssModel:
    """A model of random weights that has more to say than the word before."""
    torch.manual_seed(seed)
    model = WallOssModel(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("embed_tokens.weight"):
                weight.mul_(0.3)
            elif "norm" in name or "ln_q" in name:
                weight.uniform_(0.5, 1.5)
            elif weight.ndim > 1 and "patch_embed" not in name:
                weight.normal_(0.0, 2.5 / weight[0].numel() ** 0.5)
    return model


def make_prompt(seed: int = 0) -> dict[str, Any]:
    """Words, an image, words, another image of another shape, words."""
    random = torch.Generator().manual_seed(seed)
    ids: list[int] = []
    for grid in GRIDS:
        ids += torch.randint(0, 490, (5,), generator=random).tolist()
        ids += [501, *[IMAGE] * (grid[1] * grid[2] // 4), 502]
    ids += torch.randint(0, 490, (7,), generator=random).tolist()
    patches = sum(t * h * w for t, h, w in GRIDS)
    return {
        "input_ids": torch.tensor([ids]),
        "pixel_values": torch.randn(patches, 1176, generator=random),
        "image_grid_thw": torch.tensor(GRIDS),
    }


def write(model: WallOssModel, prompt: dict[str, Any], **options: Any) -> list[int]:
    return greedy(model, **{"max_new_tokens": TOKENS, "stop_ids": NEVER, **prompt, **options})


@torch.no_grad()
def without_cache(model: WallOssModel, prompt: dict[str, Any]) -> list[int]:
    """Every token from the whole sequence anew."""
    text: list[int] = []
    nothing = torch.zeros(1, 0, 26)
    for _ in range(TOKENS):
        ids = torch.cat([prompt["input_ids"], torch.tensor([text], dtype=torch.long)], dim=1)
        positions = position_ids(ids, GRIDS, IMAGE, 2)
        inputs = FlowInputs(
            prompt=ids,
            positions=positions,
            pixel_values=prompt["pixel_values"],
            images=(),
            grids=GRIDS,
            state=None,
            state_mask=None,
            state_token_id=-1,
            dof_mask=nothing,
            noise=nothing,
        )
        x = model.embed_prompt(inputs)
        memories = [Growing() for _ in model.model.layers]
        hidden = model.model(x, TEXT, model.model.rope(positions), memories, causal=True)
        text.append(int((hidden[0] @ model.model.embed_tokens.weight.T)[-1].argmax()))
    return text


def transformers_model(model: WallOssModel) -> Any:
    """Qwen2.5-VL of transformers with the weights of expert 0."""
    transformers = pytest.importorskip("transformers")
    config = model.config
    theirs = transformers.Qwen2_5_VLForConditionalGeneration(
        twin_configuration(config, bos_token_id=None, eos_token_id=None)
    ).eval()
    weights = theirs_of_ours(model.state_dict(), config)
    missing, unexpected = theirs.load_state_dict(weights, strict=False)
    assert set(missing) <= {"lm_head.weight"}, missing  # tied
    assert not unexpected
    theirs.tie_weights()
    return theirs


def theirs_of_ours(ours: dict[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Rename and take apart; expert 1 and the flow head are left out."""
    keys = config.num_key_value_heads * config.head_dim
    theirs: dict[str, Tensor] = {}
    for name, value in ours.items():
        if name.startswith("action_preprocessor.") or re.search(r"(experts|norms)\.1\.", name):
            continue
        kind = name.rsplit(".", 1)[1]
        base = re.sub(r"^visual\.", "model.visual.", name)
        base = re.sub(r"^model\.(?=embed|layers|norms)", "model.language_model.", base)
        base = re.sub(r"(norm)s\.0\.", r"\1.", base)
        if "qkv_proj_experts.0" in base:
            stem = base.split("qkv_proj_experts")[0]
            parts = value.split((len(value) - 2 * keys, keys, keys))
            for part, letter in zip(parts, "qkv", strict=True):
                theirs[f"{stem}{letter}_proj.{kind}"] = part
            continue
        base = base.replace("o_proj_experts.0", "o_proj").replace("moe.experts.0", "mlp")
        if "gate_up_proj" in base:
            for part, letter in zip(value.chunk(2), ("gate", "up"), strict=True):
                theirs[base.replace("gate_up_proj", f"{letter}_proj")] = part
            continue
        theirs[base] = value
    return theirs


@seeds
def test_the_cache_changes_nothing(seed: int) -> None:
    model, prompt = make_model(seed=seed), make_prompt(seed)
    text = write(model, prompt)
    assert text == without_cache(model, prompt)
    assert len(set(text)) > 3, "a text of one word would prove nothing"


@seeds
def test_it_writes_what_transformers_writes(seed: int) -> None:
    model, prompt = make_model(seed=seed), make_prompt(seed)
    theirs = transformers_model(model)
    ids = prompt["input_ids"]
    with torch.no_grad():
        text = theirs.generate(
            **prompt,
            mm_token_type_ids=(ids == IMAGE).int(),
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=TOKENS,
        )[0, ids.shape[1] :]
    assert write(model, prompt) == text.tolist()


def test_the_images_are_looked_at() -> None:
    model, prompt = make_model(), make_prompt()
    other = {**prompt, "pixel_values": -prompt["pixel_values"]}
    assert write(model, prompt) != write(model, other)


def test_a_prompt_may_be_words_alone() -> None:
    assert len(greedy(make_model(), [[1, 2, 3]], max_new_tokens=5, stop_ids=NEVER)) == 5


def test_pictures_do_as_well_as_pixel_values() -> None:
    ids = [[1, 501, *[IMAGE] * 6, 502, 2]]
    images = [torch.full((56, 84, 3), 90, dtype=torch.uint8)]
    assert len(greedy(make_model(), ids, images=images, max_new_tokens=5, stop_ids=NEVER)) == 5


def test_the_text_ends_before_a_stop_token() -> None:
    model, prompt = make_model(), make_prompt()
    text = write(model, prompt)
    stop = text[6]
    assert write(model, prompt, stop_ids=(stop,)) == text[: text.index(stop)]
    assert write(model, prompt, stop_ids=(511, stop)) == text[: text.index(stop)]


def test_by_default_it_ends_at_the_models_own_end() -> None:
    prompt = make_prompt()
    text = write(make_model(), prompt)
    model = make_model(replace(SMALL, eos_token_id=text[4]))
    assert write(model, prompt, stop_ids=None) == text[: text.index(text[4])]


@pytest.mark.parametrize("limit", [1, 5, TOKENS])
def test_the_text_ends_at_the_limit(limit: int) -> None:
    model, prompt = make_model(), make_prompt()
    assert write(model, prompt, max_new_tokens=limit) == write(model, prompt)[:limit]


def test_an_empty_text_stays_empty_or_is_drawn_once() -> None:
    model, prompt = make_model(), make_prompt()
    stop = (write(model, prompt)[0],)
    assert write(model, prompt, stop_ids=stop) == []

    def draw(seed: int) -> list[int]:
        generator = torch.Generator().manual_seed(seed)
        return write(model, prompt, stop_ids=stop, retry_temperature=0.7, generator=generator)

    drawn = [draw(seed) for seed in range(20)]
    assert drawn == [draw(seed) for seed in range(20)]
    assert any(drawn)
    assert not any(stop[0] in text for text in drawn)


def test_a_text_that_is_not_empty_is_not_drawn() -> None:
    model, prompt = make_model(), make_prompt()
    assert write(model, prompt, retry_temperature=5.0) == write(model, prompt)


def test_a_cold_draw_is_the_likeliest_text() -> None:
    model, prompt = make_model(), make_prompt()
    text = write(model, prompt)
    # Stopped at once, then drawn: what is drawn at 1e-6 is the stop token again.
    assert write(model, prompt, stop_ids=text[:1], retry_temperature=1e-6) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens is 0"),
        ({"retry_temperature": 0.0}, "retry_temperature is 0.0"),
        ({"input_ids": [[1, 2], [3, 4]], "pixel_values": None}, "2 prompts at once"),
        ({"input_ids": [[1, 999]], "pixel_values": None}, "go from 1 to 999"),
        ({"pixel_values": None}, "room for 14"),
    ],
)
def test_what_cannot_be_used_is_refused(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(ModelError, match=fault):
        write(make_model(), {**make_prompt(), **changes})


def test_a_model_without_tied_head_does_not_write() -> None:
    with pytest.raises(ModelError, match="output head of its own"):
        greedy(make_model(replace(SMALL, tied_head=False)), [[1, 2]])


def test_a_state_token_is_no_word() -> None:
    model = make_model(replace(SMALL, state_as_text=False))
    with pytest.raises(ModelError, match="state token"):
        greedy(model, [[1, 504, 2]])


def test_numbers_that_are_not_finite_are_not_taken_for_a_word() -> None:
    model = make_model()
    with torch.no_grad():
        model.model.norms[0].weight[0] = float("nan")
    with pytest.raises(ModelError, match="not finite"):
        greedy(model, [[1, 2]])
