"""Shared by the tests of datasets: one small dataset that nobody changes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("av", reason="datasets need the 'data' extra")
pytest.importorskip("pyarrow", reason="datasets need the 'data' extra")

sys.path.insert(0, str(Path(__file__).parent))  # for made_up_episodes.py

from made_up_episodes import make_dataset
from recorded_robot import RecordedRobot

from wall_oss_ros.data.dataset_writer import WrittenDataset


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> WrittenDataset:
    """Read only. Train is shards 0 and 2, so their episodes are 0 and 1; shard 1 is episode 2."""
    folder = tmp_path_factory.mktemp("dataset")
    return make_dataset(folder, splits={"val": [1], "train": [0, 2]})


@pytest.fixture(scope="session")
def robot() -> RecordedRobot:
    """With small pictures; for tests that look at none."""
    return RecordedRobot(px=16)
