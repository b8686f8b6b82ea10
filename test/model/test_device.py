"""Pins: a device is one that works, and what is asked for in vain is named with what there is."""

from __future__ import annotations

import pytest
import torch

from wall_oss_ros.core.errors import ModelError
from wall_oss_ros.model.device import pick_device, pick_dtype

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def one_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with one GPU, as far as this is asked, where nothing can be made on it."""

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: busy\nCompile with TORCH_USE_CUDA_DSA")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch, "empty", refuse)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)


def test_the_cpu_is_always_there(no_gpu: None) -> None:
    assert pick_device("cpu") == pick_device("auto") == CPU


def test_auto_takes_cuda_where_there_is_one(one_gpu: None) -> None:
    assert pick_device("auto") == CUDA


# What a machine without a GPU can prove is above and below, with devices that are made up.
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", ["cuda", "cuda:0"])
def test_a_device_that_is_there_is_taken(name: str) -> None:
    assert pick_device(name) == torch.device(name)


@pytest.mark.parametrize("name", ["toaster", "", "meta", "cuda:", "cuda:-1", "CPU", "xpu", "mps"])
def test_what_is_no_device_for_a_model_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match=rf"'{name}'; expected auto, cpu, cuda or cuda:<n>"):
        pick_device(name)


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:77"])
def test_without_a_gpu_each_is_refused(no_gpu: None, name: str) -> None:
    with pytest.raises(ModelError, match=rf"'{name}': torch .* sees the CPU and 0 CUDA devices"):
        pick_device(name)


def test_a_gpu_beyond_the_last_is_refused(one_gpu: None) -> None:
    with pytest.raises(ModelError, match="'cuda:1': torch .* sees the CPU and 1 CUDA devices"):
        pick_device("cuda:1")


def test_a_gpu_that_does_not_answer_is_refused_in_one_line(one_gpu: None) -> None:
    with pytest.raises(ModelError, match="'cuda:0' does not work: CUDA error: busy; see"):
        pick_device("cuda:0")


@pytest.mark.parametrize(
    ("name", "on_cpu", "on_cuda"),
    [
        ("auto", torch.float32, torch.bfloat16),
        ("bfloat16", torch.bfloat16, torch.bfloat16),
        ("bf16", torch.bfloat16, torch.bfloat16),
        ("float32", torch.float32, torch.float32),
        ("fp32", torch.float32, torch.float32),
    ],
)
def test_a_type_is_the_one_named_or_what_suits_the_device(
    name: str, on_cpu: torch.dtype, on_cuda: torch.dtype
) -> None:
    assert (pick_dtype(name, CPU), pick_dtype(name, CUDA)) == (on_cpu, on_cuda)


@pytest.mark.parametrize("name", ["", "float16", "int8", "nn"])
def test_any_other_type_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match=f"no type '{name}'; expected one of 'auto'"):
        pick_dtype(name, CPU)
