"""Which device a model runs on, and in which type its large matrices are."""

from __future__ import annotations

import torch

from wall_oss_ros.core.errors import ModelError, choices, first_line

DTYPES = {
    "bfloat16": torch.bfloat16,
    "bf16": torch.bfloat16,
    "float32": torch.float32,
    "fp32": torch.float32,
}


def pick_device(name: str) -> torch.device:
    """Return a device that works: "cpu", "cuda", "cuda:1"; "auto" for CUDA where there is one.

    Raises:
        ModelError: for one that is unknown, not there, or does not answer.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    unknown = f"no device '{name}'; expected auto, cpu, cuda or cuda:<n>"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ModelError(unknown) from None
    if device.type not in ("cpu", "cuda"):
        raise ModelError(unknown)
    count = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= count:
        raise ModelError(
            f"no device '{name}': torch {torch.__version__} sees the CPU and {count} CUDA devices; "
            "see `nvidia-smi`, or install the build of torch for CUDA"
        )
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(
            f"device '{name}' does not work: {first_line(error)}; see `nvidia-smi`"
        ) from None
    return device


def pick_dtype(name: str, device: torch.device) -> torch.dtype:
    """Return a type by name; "auto" for bfloat16 on CUDA and float32 elsewhere.

    Raises:
        ModelError: for an unknown name.
    """
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    if name not in DTYPES:
        raise ModelError(f"no type '{name}'; expected one of {choices(('auto', *DTYPES))}")
    return DTYPES[name]
