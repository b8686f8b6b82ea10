"""Pins: LeRobot as its makers ship it reads our datasets. Runs in .venv-lerobot, see run.sh."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from lerobot.datasets.lerobot_dataset import LeRobotDataset, LeRobotDatasetMetadata

sys.path.insert(0, str(Path(__file__).parent))  # for made_up.py

from made_up import CAMERAS, DIMENSIONS, EPISODES, FPS, MEAN_ERROR, SIZE, picture, vector

ROOT = Path(os.environ["WALL_OSS_DATASETS"]) / "ours"
# Episode 1 of the made-up ones is not for training, and is last in the dataset.
ORDER = (0, 2, 1)
LENGTHS = tuple(EPISODES[episode][0] for episode in ORDER)
# Of each frame of the dataset: made-up episode and place in it.
FRAMES = [(episode, place) for episode in ORDER for place in range(EPISODES[episode][0])]
CHUNK = 32


def can_load_torchcodec() -> bool:
    """It needs the FFmpeg libraries of the system, which not every machine has."""
    try:
        import torchcodec.decoders  # noqa: F401
    except (ImportError, OSError, RuntimeError):
        return False
    return True


BACKENDS = [
    "pyav",
    pytest.param(
        "torchcodec",
        marks=pytest.mark.skipif(not can_load_torchcodec(), reason="no FFmpeg libraries"),
    ),
]


def open_with(backend: str, **more: object) -> LeRobotDataset:
    return LeRobotDataset("made/up", root=ROOT, video_backend=backend, **more)


def rows(key: str) -> np.ndarray:
    return np.stack([vector(key, episode, place) for episode, place in FRAMES])


def test_it_finds_what_meta_says() -> None:
    meta = LeRobotDatasetMetadata("made/up", root=ROOT)
    assert (meta.total_episodes, meta.total_frames, meta.fps) == (3, len(FRAMES), FPS)
    assert meta.robot_type == "made_up"
    assert set(meta.video_keys) == set(CAMERAS)
    assert meta.features["action"]["shape"] == (DIMENSIONS["action"],)
    assert list(meta.tasks.index) == ["pick up the red cube", "place the cube"]
    assert [meta.episodes[k]["length"] for k in range(3)] == list(LENGTHS)
    for key in DIMENSIONS:
        values = rows(key).astype(np.float64)
        np.testing.assert_allclose(meta.stats[key]["mean"], values.mean(0), atol=1e-9)
        np.testing.assert_allclose(meta.stats[key]["q99"], np.quantile(values, 0.99, axis=0))
    assert meta.stats[CAMERAS[0]]["std"].shape == (3, 1, 1)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_frame_is_the_one_that_was_written(backend: str) -> None:
    dataset = open_with(backend)
    assert len(dataset) == len(FRAMES)
    errors, seconds = [], []
    for index, (episode, place) in enumerate(FRAMES):
        before = time.perf_counter()
        item = dataset[index]
        seconds.append(time.perf_counter() - before)
        assert item["task"] == EPISODES[episode][1]
        assert item["frame_index"].item() == place
        assert item["timestamp"].item() == pytest.approx(place / FPS, abs=1e-6)
        for key in DIMENSIONS:
            found = np.atleast_1d(item[key].numpy())
            assert np.array_equal(found, vector(key, episode, place))
        for key in CAMERAS:
            assert item[key].shape == (3, SIZE, SIZE)
            image = item[key].permute(1, 2, 0).numpy() * 255
            errors.append(np.abs(image - picture(key, episode, place)).mean())
    print(
        f"\n{backend}: {len(dataset)} frames; {len(errors)} pictures, mean absolute error "
        f"{np.mean(errors):.2f} of 255 (worst {max(errors):.2f}); "
        f"{np.median(seconds) * 1e3:.1f} ms an item of {len(CAMERAS)} pictures (median)"
    )
    assert max(errors) < MEAN_ERROR


@pytest.mark.parametrize("backend", BACKENDS)
def test_action_chunks_stop_at_the_end_of_their_episode(backend: str) -> None:
    camera = CAMERAS[0]
    wanted = {"action": [step / FPS for step in range(CHUNK)], camera: [-1 / FPS, 0.0]}
    dataset = open_with(backend, delta_timestamps=wanted)
    actions = rows("action")
    end = 0
    for length in LENGTHS:
        begin, end = end, end + length
        for index in (begin, begin + 1, end - CHUNK, end - 5, end - 1):
            item = dataset[index]
            held = [min(index + step, end - 1) for step in range(CHUNK)]
            assert np.array_equal(item["action"].numpy(), actions[held])
            padded = [index + step >= end for step in range(CHUNK)]
            assert item["action_is_pad"].tolist() == padded
            assert item[camera].shape == (2, 3, SIZE, SIZE)
            assert item[f"{camera}_is_pad"].tolist() == [index == begin, False]


def test_single_episodes_can_be_chosen() -> None:
    dataset = open_with("pyav", episodes=[2])
    assert len(dataset) == LENGTHS[2]
    assert np.array_equal(dataset[0]["action"].numpy(), vector("action", ORDER[2], 0))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_loader_gives_batches(workers: int) -> None:
    dataset = open_with("pyav", delta_timestamps={"action": [k / FPS for k in range(CHUNK)]})
    loader = torch.utils.data.DataLoader(dataset, batch_size=16, shuffle=True, num_workers=workers)
    seen: list[int] = []
    for batch in loader:
        size = len(batch["index"])
        assert batch["action"].shape == (size, CHUNK, DIMENSIONS["action"])
        assert batch[CAMERAS[0]].shape == (size, 3, SIZE, SIZE)
        assert len(batch["task"]) == size
        seen += batch["index"].tolist()
    assert sorted(seen) == list(range(len(FRAMES)))
