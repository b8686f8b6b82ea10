"""Pins: every published name of a tensor, and the one this package uses for it."""

from __future__ import annotations

import pytest

from wall_oss_ros.core.errors import CheckpointError
from wall_oss_ros.model.naming import (
    Place,
    common_prefix,
    describe,
    dimensions,
    place,
    statistics_key,
)

LAYER = "model.layers.7"
PATCHES = "visual.patch_embed.proj.weight"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        # 0.5 as it is
        (f"{LAYER}.self_attn.qkv_proj_experts.1.bias", None),
        (f"{LAYER}.moe.experts.0.gate_up_proj.weight", None),
        (f"{LAYER}.input_layernorms.1.weight", None),
        ("visual.blocks.31.mlp.gate_up_proj.bias", None),
        ("visual.blocks.3.attn.qkv.weight", None),
        ("visual.merger.mlp.2.bias", None),
        ("model.norms.1.weight", None),
        ("model.embed_tokens.weight", None),
        ("action_preprocessor.w1.weight", None),
        # in parts
        (
            f"{LAYER}.self_attn.q_proj_experts.1.weight",
            (f"{LAYER}.self_attn.qkv_proj_experts.1.weight", 0, 3),
        ),
        (
            f"{LAYER}.self_attn.k_proj_experts.0.bias",
            (f"{LAYER}.self_attn.qkv_proj_experts.0.bias", 1, 3),
        ),
        (
            f"{LAYER}.self_attn.v_proj_experts.1.bias",
            (f"{LAYER}.self_attn.qkv_proj_experts.1.bias", 2, 3),
        ),
        (
            f"{LAYER}.moe.experts.1.gate_proj.weight",
            (f"{LAYER}.moe.experts.1.gate_up_proj.weight", 0, 2),
        ),
        (
            f"{LAYER}.moe.experts.1.up_proj.weight",
            (f"{LAYER}.moe.experts.1.gate_up_proj.weight", 1, 2),
        ),
        ("visual.blocks.0.mlp.gate_proj.bias", ("visual.blocks.0.mlp.gate_up_proj.bias", 0, 2)),
        ("visual.blocks.0.mlp.up_proj.weight", ("visual.blocks.0.mlp.gate_up_proj.weight", 1, 2)),
        # flow v0.1: attention and norms are shared
        (
            f"{LAYER}.self_attn.q_proj.weight",
            (f"{LAYER}.self_attn.qkv_proj_experts.0.weight", 0, 3),
        ),
        (f"{LAYER}.self_attn.v_proj.bias", (f"{LAYER}.self_attn.qkv_proj_experts.0.bias", 2, 3)),
        (f"{LAYER}.self_attn.o_proj.weight", (f"{LAYER}.self_attn.o_proj_experts.0.weight", 0, 1)),
        (f"{LAYER}.input_layernorm.weight", (f"{LAYER}.input_layernorms.0.weight", 0, 1)),
        (
            f"{LAYER}.post_attention_layernorm.weight",
            (f"{LAYER}.post_attention_layernorms.0.weight", 0, 1),
        ),
        ("model.norm.weight", ("model.norms.0.weight", 0, 1)),
    ],
)
def test_where_each_published_name_goes(key: str, expected: tuple[str, int, int] | None) -> None:
    assert place(key) == (Place(key) if expected is None else Place(*expected))


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("action_preprocessor.normalizer_action.min.x2_normal", ("action", "min", "x2_normal")),
        ("normalizer_propri.delta.lab.robot-2", ("propri", "delta", "lab.robot-2")),
        ("model.normalizer_ar_action.min.x", ("ar_action", "min", "x")),
        ("action_preprocessor.w1.weight", None),
        ("normalizer_action.mean.x", None),
        ("denormalizer_action.min.x", None),
        (PATCHES, None),
    ],
)
def test_statistics_are_told_from_weights(key: str, expected: tuple[str, str, str] | None) -> None:
    assert statistics_key(key) == expected


@pytest.mark.parametrize("prefix", ["", "model.", "policy.model.", "module."])
def test_what_a_wrapper_put_before_every_name(prefix: str) -> None:
    keys = [prefix + key for key in (PATCHES, "model.norms.0.weight", "visual.merger.ln_q.weight")]
    assert common_prefix(keys) == prefix


def test_two_towers_are_no_wrapper() -> None:
    assert common_prefix([PATCHES, f"ema.{PATCHES}"]) == ""
    assert common_prefix([]) == ""


def shapes(**changes: tuple[int, ...] | None) -> dict[str, tuple[int, ...]]:
    found = {
        "model.embed_tokens.weight": (155765, 2048),
        "model.layers.0.self_attn.qkv_proj_experts.0.weight": (2560, 2048),
        "model.layers.0.self_attn.qkv_proj_experts.1.weight": (2560, 1024),
        "model.layers.0.input_layernorms.0.weight": (2048,),
        "model.layers.0.input_layernorms.1.weight": (1024,),
        "action_preprocessor.w1.weight": (1024, 52),
        "action_preprocessor.action_proj_back.weight": (26, 1024),
    }
    changed = {key.replace("__", "."): value for key, value in changes.items()}
    return {key: value for key, value in (found | changed).items() if value is not None}


def test_the_weights_say_what_they_are() -> None:
    assert describe(shapes()) == {
        "attention_moe": True,
        "norm_moe": True,
        "use_state_string_representation": True,
        "vocab_size": 155765,
    }
    assert dimensions(shapes()) == {"action_dim": 26, "state_dim": 26, "proj_with_mask": True}


def test_the_weights_say_what_is_shared() -> None:
    shared = {key: value for key, value in shapes().items() if ".1.weight" not in key}
    says = describe(shared)
    assert not says["attention_moe"] and not says["norm_moe"]


def test_a_projected_state_may_be_of_another_width() -> None:
    key = "action_preprocessor__propri_proj__weight"
    given = shapes(**{key: (2048, 28)})
    assert describe(given)["use_state_string_representation"] is False
    assert dimensions(given)["state_dim"] == 14


def test_masks_may_be_left_out_of_the_projections() -> None:
    given = shapes(action_preprocessor__w1__weight=(1024, 26))
    assert dimensions(given)["proj_with_mask"] is False


def test_nothing_is_said_by_what_is_no_matrix() -> None:
    odd = dict.fromkeys(shapes(), ())
    assert "vocab_size" not in describe(odd) and dimensions(odd) == {}


@pytest.mark.parametrize(
    "key",
    ["model.layers.0.input_layernorms.1.dense.weight", "action_preprocessor.time_mlp_in.weight"],
)
def test_adaptive_norms_are_refused(key: str) -> None:
    with pytest.raises(CheckpointError, match="adaptive norms"):
        describe({**shapes(), key: (1, 1)})
