"""The simulated robot's contract with other cameras, for a measurement."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from wall_oss_ros.ros.locations import robots_folder


@contextlib.contextmanager
def derived_contract(camera_rate: float, transport: str | None = None) -> Iterator[Path]:
    """Write the contract to a file that goes again.

    Args:
        camera_rate: of all cameras [Hz].
        transport: of all cameras, "raw" or "compressed"; None: as it is.
    """
    text = (robots_folder() / "tiago_pro_sim.yaml").read_text(encoding="utf-8")
    contract = yaml.safe_load(text)
    for camera in contract["cameras"].values():
        camera["rate"] = f"{camera_rate:g} Hz"
        if transport is not None:
            camera["transport"] = transport
    with tempfile.TemporaryDirectory(prefix="wall_oss_") as folder:
        path = Path(folder) / "robot.yaml"
        path.write_text(yaml.safe_dump(contract, sort_keys=False), encoding="utf-8")
        yield path
