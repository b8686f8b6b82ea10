"""Pins: LeRobot reads a dataset that was exported from bags, and it shows what the bags hold.

Run by tools/lerobot/episodes.sh, which names the dataset in WALL_OSS_EXPORTED, and in
WALL_OSS_SAMPLES what sample_bags.py kept of the bags.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
from lerobot.datasets.lerobot_dataset import LeRobotDataset

if "WALL_OSS_EXPORTED" not in os.environ:
    pytest.skip("WALL_OSS_EXPORTED names no dataset", allow_module_level=True)
ROOT = os.environ["WALL_OSS_EXPORTED"]
SAMPLES = np.load(os.environ["WALL_OSS_SAMPLES"])
FPS = int(SAMPLES["fps"])
CHUNK = 32
# Of the codec, in levels of 255: 4:2:0 colour at sharp edges.
MEAN_ERROR = 4.0


def test_every_sampled_frame_is_that_of_the_bag() -> None:
    dataset = LeRobotDataset("local/episodes", root=ROOT, video_backend="pyav")
    assert len(dataset) == int(SAMPLES["frames"])
    errors = []
    for place, index in enumerate(SAMPLES["index"].tolist()):
        item = dataset[index]
        for key in ("observation.state", "action"):
            np.testing.assert_allclose(item[key].numpy(), SAMPLES[key][place], atol=1e-6)
        for key in dataset.meta.video_keys:
            image = item[key].permute(1, 2, 0).numpy() * 255
            errors.append(np.abs(image - SAMPLES[key][place]).mean())
    print(
        f"\n{dataset.meta.total_episodes} episodes, {len(dataset)} frames; {len(errors)} pictures, "
        f"mean absolute error {np.mean(errors):.2f} of 255 (worst {max(errors):.2f})"
    )
    assert max(errors) < MEAN_ERROR


def test_chunks_of_actions_come_from_their_own_episode() -> None:
    plain = LeRobotDataset("local/episodes", root=ROOT, video_backend="pyav")
    wanted = {"action": [step / FPS for step in range(CHUNK)]}
    chunked = LeRobotDataset(
        "local/episodes", root=ROOT, video_backend="pyav", delta_timestamps=wanted
    )
    end = 0
    for number in range(plain.meta.total_episodes):
        end += plain.meta.episodes[number]["length"]
        item = chunked[end - 5]
        assert item["action"].shape == (CHUNK, 26)
        assert item["action_is_pad"].tolist() == [False] * 5 + [True] * (CHUNK - 5)
        np.testing.assert_array_equal(item["action"][5:], item["action"][4:-1])
        assert item["task"] == plain.meta.episodes[number]["tasks"][0]
