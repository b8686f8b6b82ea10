"""Pins: a config.json is read as the published code reads it, or refused by the key at fault."""

from __future__ import annotations

import json
from typing import Any

import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from wall_oss_ros.core.errors import CheckpointError
from wall_oss_ros.model.config import CONTINUATIONS, PUBLISHED, ExpertConfig, ModelConfig
from wall_oss_ros.model.config_file import config_from
from wall_oss_ros.model.config_json import config_json

JUNK = st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=3)
JUNK |= st.lists(st.integers(-3, 3), max_size=3) | st.dictionaries(st.text(max_size=3), st.none())


def content(case: str = "v05") -> dict[str, Any]:
    return json.loads((reference.DATA / f"{case}.config.json").read_text())


# As published with Wall-OSS-0.5: the text fields are flat, the sizes of the decoder are Qwen's.
AS_PUBLISHED = {
    "hidden_size": 2048,
    "intermediate_size": 11008,
    "num_hidden_layers": 36,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-6,
    "rope_theta": 1000000.0,
    "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]},
    "vocab_size": 155765,
    "tie_word_embeddings": True,
    "eos_token_id": 151645,
    "image_token_id": 151655,
    "vision_start_token_id": 151652,
    "num_experts": 2,
    "experts": [
        {"hidden_size": 2048, "intermediate_size": 11008, "hidden_act": "silu"},
        {"hidden_size": 1024, "intermediate_size": 2048, "hidden_act": "silu"},
    ],
    "dim_inputs": [2048, 1024],
    "action_hidden_size": 1024,
    "state_hidden_size": 2048,
    "attention_moe": True,
    "mlp_moe": True,
    "norm_moe": True,
    "use_adarms": False,
    "use_x_pred": False,
    "use_state_string_representation": True,
    "causal_action_attention_mask": True,
    "noise_scheduler": {"beta_alpha": 1.5, "beta_beta": 1.0, "s": 0.999},
    "vision_config": {
        "depth": 32,
        "hidden_size": 1280,
        "intermediate_size": 3420,
        "num_heads": 16,
        "in_chans": 3,
        "out_hidden_size": 2048,
        "patch_size": 14,
        "spatial_merge_size": 2,
        "spatial_patch_size": 14,
        "window_size": 112,
        "fullatt_block_indexes": [7, 15, 23, 31],
        "tokens_per_second": 2,
        "temporal_patch_size": 2,
        "hidden_act": "silu",
    },
}


def test_the_published_file_is_the_published_model() -> None:
    assert config_from(AS_PUBLISHED) == PUBLISHED


def test_a_nested_file_says_the_same() -> None:
    text = {key: value for key, value in AS_PUBLISHED.items() if key.startswith(("num_", "rope"))}
    rest = {key: value for key, value in AS_PUBLISHED.items() if key not in text}
    assert config_from({**rest, "text_config": text}) == PUBLISHED


def test_newer_files_keep_the_rotary_numbers_together() -> None:
    rope = {"rope_parameters": {"rope_theta": 5e5, "mrope_section": [20, 22, 22]}}
    old = {key: value for key, value in AS_PUBLISHED.items() if not key.startswith("rope")}
    config = config_from({**old, **rope})
    assert (config.rope_theta, config.mrope_section) == (5e5, (20, 22, 22))


@pytest.mark.parametrize(
    ("case", "changed"),
    [
        ("v05_time_shift", {"time_shift": 3.0}),
        ("v05_bidirectional", {"causal_actions": False}),
        ("v05_x_prediction", {"predict_x": True}),
        ("v05_unpermuted", {}),  # how the published code sorts its tokens changes no number
        ("v05_state_token", {"state_as_text": False}),
    ],
)
def test_each_key_changes_what_it_names(case: str, changed: dict[str, Any]) -> None:
    plain, variant = config_from(content()), config_from(content(case))
    differing = {
        name: getattr(variant, name)
        for name in ModelConfig.__slots__
        if getattr(variant, name) != getattr(plain, name)
    }
    assert differing == changed


def test_flow_v01_walks_evenly_to_one_and_lets_masked_dimensions_run() -> None:
    config = config_from(content("flow_lerobot"))
    assert (config.time_scale, config.time_shift, config.slide_masked) == (1.0, 1.0, False)
    assert (config.attention_experts, config.norm_moe) == (1, False)
    assert config.experts[0].hidden_size == config.experts[1].hidden_size
    assert "flow v0.1" in config.variant and "20-D" in config.variant


def test_dim_inputs_has_the_last_word_on_the_width_of_an_expert() -> None:
    given = content()
    given["experts"][1]["hidden_size"] = 64
    assert config_from(given).experts[1] == ExpertConfig(32, 48)
    del given["dim_inputs"]
    assert config_from(given).experts[1] == ExpertConfig(64, 48)


@pytest.mark.parametrize("continuation", CONTINUATIONS)
def test_a_file_may_say_how_its_chunks_are_best_continued(continuation: str) -> None:
    assert config_from(AS_PUBLISHED).continuation == "off"
    config = config_from({**AS_PUBLISHED, "continuation": continuation})
    assert config.continuation == continuation
    assert config_from(config_json(config)).continuation == continuation


def test_the_end_of_text_may_be_a_list() -> None:
    assert config_from({**content(), "eos_token_id": [7, 8]}).eos_token_id == 7


@given(st.sampled_from(sorted(AS_PUBLISHED)), JUNK)
def test_junk_under_any_key_is_read_or_refused_by_name(key: str, value: object) -> None:
    try:
        config_from({**AS_PUBLISHED, key: value})
    except CheckpointError as error:
        assert str(error).startswith("config: ")


@given(st.sampled_from(sorted(AS_PUBLISHED["vision_config"])), JUNK)  # type: ignore[call-overload]
def test_junk_about_vision_is_read_or_refused_by_name(key: str, value: object) -> None:
    vision = {**AS_PUBLISHED["vision_config"], key: value}  # type: ignore[dict-item]
    try:
        config_from({**AS_PUBLISHED, "vision_config": vision})
    except CheckpointError as error:
        assert str(error).startswith("config: ")


@pytest.mark.parametrize(
    "key",
    ["hidden_size", "vocab_size", "num_hidden_layers", "num_attention_heads", "experts"],
)
def test_a_missing_size_is_named(key: str) -> None:
    given = {name: value for name, value in AS_PUBLISHED.items() if name != key}
    with pytest.raises(CheckpointError, match=key):
        config_from(given)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("use_adarms", True),
        ("use_sliding_window", True),
        ("mlp_moe", False),
        ("use_flow_action_expert", False),
        ("attention_moe", False),  # with experts of two widths
        ("hidden_act", "gelu"),
        ("dim_inputs", [2048, 4096]),
        ("dim_inputs", [1024, 1024]),
        ("action_hidden_size", 2048),
        ("state_hidden_size", 4096),
        ("num_attention_heads", 15),
        ("num_key_value_heads", 3),
        ("noise_scheduler", {"time_shift": 0.0}),
        ("noise_scheduler", {"s": float("nan")}),
        ("causal_action_attention_mask", "false"),
        ("use_x_pred", 1),
        ("continuation", "perhaps"),
        ("continuation", ["guided"]),
    ],
)
def test_what_cannot_be_is_refused(key: str, value: object) -> None:
    with pytest.raises(CheckpointError):
        config_from({**AS_PUBLISHED, key: value})
