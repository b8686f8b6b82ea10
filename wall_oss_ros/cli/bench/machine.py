"""The machine that figures are of: device, versions, memory."""

from __future__ import annotations

import datetime
import os
import platform
import resource
from typing import Any

import torch

from wall_oss_ros.core.errors import ModelError
from wall_oss_ros.model.peaks import device_name


def pick_device(name: str) -> torch.device:
    """Return a device by name, "auto" for CUDA where there is one.

    Raises:
        ModelError: for one that is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ModelError(f"--device: got '{name}'; expected auto, cpu, cuda or cuda:<n>") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ModelError(
            f"--device {name}: torch {torch.__version__} sees {torch.cuda.device_count()} CUDA "
            "devices; see `nvidia-smi`, or install the build of torch for CUDA"
        )
    if device.type not in ("cuda", "cpu"):
        raise ModelError(f"--device: got '{name}'; expected auto, cpu, cuda or cuda:<n>")
    return device


def describe(device: torch.device) -> dict[str, Any]:
    """Return date, device and versions as a report states them."""
    return {
        "date": datetime.date.today().isoformat(),
        "device": device_name(device),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda if device.type == "cuda" else None,
    }


def memory(device: torch.device) -> dict[str, Any]:
    """Return the most memory held so far [bytes], and whose."""
    if device.type == "cuda":
        held = torch.cuda.max_memory_reserved(device)
        return {"memory_bytes": held, "memory_of": "device, most reserved by torch"}
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"memory_bytes": held, "memory_of": "process, most resident"}
