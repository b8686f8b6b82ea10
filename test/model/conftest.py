"""What the tests of the model share: recorded runs are in `reference.py`, a recorder that stands in
for CUDA graphs in `recording.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="pip install 'wall_oss_ros[model]'")

sys.path.insert(0, str(Path(__file__).parent))  # for the modules named above


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """The same everywhere: the order of sums, and so the last digits, depends on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)
