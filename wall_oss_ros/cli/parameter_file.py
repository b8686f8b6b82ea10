"""Parameters for a graph that a command starts, as the file that the bring-up takes."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml


@contextlib.contextmanager
def parameter_file(parameters: Mapping[str, Mapping[str, Any]]) -> Iterator[Path]:
    """Write parameters by node to a file that the bring-up takes as `params`; it goes again."""
    nodes = {f"/**/{node}": {"ros__parameters": dict(each)} for node, each in parameters.items()}
    with tempfile.TemporaryDirectory(prefix="wall_oss_") as folder:
        path = Path(folder) / "params.yaml"
        path.write_text(yaml.safe_dump(nodes), encoding="utf-8")
        yield path
