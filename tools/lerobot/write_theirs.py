"""Writes the made-up episodes with LeRobot: python tools/lerobot/write_theirs.py FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from lerobot.datasets.lerobot_dataset import LeRobotDataset
from made_up import CAMERAS, DIMENSIONS, EPISODES, FPS, SIZE, names, picture, vector


def main() -> None:
    """Command line."""
    features: dict[str, dict[str, Any]] = {
        key: {
            "dtype": "video",
            "shape": (SIZE, SIZE, 3),
            "names": ["height", "width", "channels"],
        }
        for key in CAMERAS
    }
    for key, dimensions in DIMENSIONS.items():
        features[key] = {"dtype": "float32", "shape": (dimensions,), "names": list(names(key))}
    root = Path(sys.argv[1]) / "theirs"
    dataset = LeRobotDataset.create("made/up", FPS, features, root, "made_up")
    for episode, (length, task) in enumerate(EPISODES):
        for place in range(length):
            frame: dict[str, Any] = {key: picture(key, episode, place) for key in CAMERAS}
            frame |= {key: vector(key, episode, place) for key in DIMENSIONS}
            dataset.add_frame(frame | {"task": task})
        dataset.save_episode()
    dataset.finalize()
    print(f"LeRobot wrote {dataset.num_episodes} episodes, {dataset.num_frames} frames")


if __name__ == "__main__":
    main()
