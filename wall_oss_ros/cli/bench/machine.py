"""The machine that figures are of: device, versions, memory."""

from __future__ import annotations

import datetime
import os
import platform
import resource
from typing import Any

import torch

from wall_oss_ros.model.peaks import device_name


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
