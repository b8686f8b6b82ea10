"""Pins: the published size of Wall-OSS-0.5, tensor by tensor, without its 8 GB.

The table is the checkpoint's own: names, shapes and types as published.
"""

from __future__ import annotations

import math

import pytest
import torch

from wall_oss_ros.model import WallOssModel
from wall_oss_ros.model.checkpoint import parameter_dtype
from wall_oss_ros.model.config import PUBLISHED

LAYERS, BLOCKS = 36, 32
BF16, FP32 = torch.bfloat16, torch.float32

# Shape and type in the file; {L} a decoder layer, {B} a block of the vision tower.
TABLE = {
    "model.embed_tokens.weight": ((155765, 2048), BF16),
    "model.layers.{L}.input_layernorms.0.weight": ((2048,), FP32),
    "model.layers.{L}.input_layernorms.1.weight": ((1024,), FP32),
    "model.layers.{L}.post_attention_layernorms.0.weight": ((2048,), FP32),
    "model.layers.{L}.post_attention_layernorms.1.weight": ((1024,), FP32),
    "model.layers.{L}.self_attn.qkv_proj_experts.0.weight": ((2560, 2048), BF16),
    "model.layers.{L}.self_attn.qkv_proj_experts.1.weight": ((2560, 1024), BF16),
    "model.layers.{L}.self_attn.qkv_proj_experts.0.bias": ((2560,), BF16),
    "model.layers.{L}.self_attn.qkv_proj_experts.1.bias": ((2560,), BF16),
    "model.layers.{L}.self_attn.o_proj_experts.0.weight": ((2048, 2048), BF16),
    "model.layers.{L}.self_attn.o_proj_experts.1.weight": ((1024, 2048), BF16),
    "model.layers.{L}.moe.experts.0.gate_up_proj.weight": ((22016, 2048), BF16),
    "model.layers.{L}.moe.experts.1.gate_up_proj.weight": ((4096, 1024), BF16),
    "model.layers.{L}.moe.experts.0.down_proj.weight": ((2048, 11008), BF16),
    "model.layers.{L}.moe.experts.1.down_proj.weight": ((1024, 2048), BF16),
    "model.norms.0.weight": ((2048,), FP32),
    "model.norms.1.weight": ((1024,), FP32),
    "action_preprocessor.w1.weight": ((1024, 52), FP32),
    "action_preprocessor.w2.weight": ((1024, 2048), FP32),
    "action_preprocessor.w3.weight": ((1024, 1024), FP32),
    "action_preprocessor.action_proj_back.weight": ((26, 1024), FP32),
    "visual.patch_embed.proj.weight": ((1280, 3, 2, 14, 14), BF16),
    "visual.blocks.{B}.norm1.weight": ((1280,), BF16),
    "visual.blocks.{B}.norm2.weight": ((1280,), BF16),
    "visual.blocks.{B}.attn.qkv.weight": ((3840, 1280), BF16),
    "visual.blocks.{B}.attn.qkv.bias": ((3840,), BF16),
    "visual.blocks.{B}.attn.proj.weight": ((1280, 1280), BF16),
    "visual.blocks.{B}.attn.proj.bias": ((1280,), BF16),
    "visual.blocks.{B}.mlp.gate_up_proj.weight": ((6840, 1280), BF16),
    "visual.blocks.{B}.mlp.gate_up_proj.bias": ((6840,), BF16),
    "visual.blocks.{B}.mlp.down_proj.weight": ((1280, 3420), BF16),
    "visual.blocks.{B}.mlp.down_proj.bias": ((1280,), BF16),
    "visual.merger.ln_q.weight": ((1280,), BF16),
    "visual.merger.mlp.0.weight": ((5120, 5120), BF16),
    "visual.merger.mlp.0.bias": ((5120,), BF16),
    "visual.merger.mlp.2.weight": ((2048, 5120), BF16),
    "visual.merger.mlp.2.bias": ((2048,), BF16),
}


def spelled_out() -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    table = {}
    for name, entry in TABLE.items():
        count = LAYERS if "{L}" in name else BLOCKS if "{B}" in name else 1
        for index in range(count):
            table[name.format(L=index, B=index)] = entry
    return table


@pytest.fixture(scope="module")
def published() -> WallOssModel:
    with torch.device("meta"):
        return WallOssModel(PUBLISHED)


def test_every_tensor_has_its_published_name_and_shape(published: WallOssModel) -> None:
    shapes = {name: tuple(value.shape) for name, value in published.state_dict().items()}
    assert shapes == {name: shape for name, (shape, _) in spelled_out().items()}


def test_every_tensor_has_its_published_type(published: WallOssModel) -> None:
    types = {name: parameter_dtype(name, BF16) for name, _ in published.named_parameters()}
    assert types == {name: dtype for name, (_, dtype) in spelled_out().items()}


def test_as_many_numbers_and_bytes_as_published(published: WallOssModel) -> None:
    sizes = {name: value.numel() for name, value in published.named_parameters()}
    assert sum(sizes.values()) == 4_162_219_008
    assert sum(math.prod(shape) for shape, _ in spelled_out().values()) == 4_162_219_008
    stored = sum(size * parameter_dtype(name, BF16).itemsize for name, size in sizes.items())
    assert stored == 8_331_337_728


def test_a_model_in_one_type_is_one_type(published: WallOssModel) -> None:
    assert {parameter_dtype(name, FP32) for name, _ in published.named_parameters()} == {FP32}
