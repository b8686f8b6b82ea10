"""Reads LeRobot's dataset with this package: python tools/lerobot/read_theirs.py FOLDER."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from made_up import CAMERAS, DIMENSIONS, EPISODES, FPS, MEAN_ERROR, names, picture, vector

from wall_oss_ros.data.dataset_reader import open_dataset


def main() -> None:
    """Command line; an AssertionError where something differs."""
    dataset = open_dataset(Path(sys.argv[1]) / "theirs")
    assert dataset.format.fps == FPS
    assert dict(dataset.format.vectors) == {key: names(key) for key in DIMENSIONS}
    assert set(dataset.format.cameras) == set(CAMERAS)
    assert [(e.length, e.task) for e in dataset.episodes] == list(EPISODES)
    errors = []
    start = time.perf_counter()
    for episode in dataset.episodes:
        for place, frame in enumerate(dataset.frames(episode.index)):
            for key in DIMENSIONS:
                assert np.array_equal(frame.vectors[key], vector(key, episode.index, place))
            for key, image in frame.images.items():
                written = picture(key, episode.index, place).astype(int)
                errors.append(np.abs(image - written).mean())
        assert place == episode.length - 1
    seconds = time.perf_counter() - start
    print(
        f"we read LeRobot's: {len(errors)} pictures, mean absolute error {np.mean(errors):.2f} of "
        f"255 (worst {max(errors):.2f}); {seconds / len(errors) * 1e3:.1f} ms a picture"
    )
    assert max(errors) < MEAN_ERROR


if __name__ == "__main__":
    main()
