"""Writes the made-up episodes with this package: python tools/lerobot/write_ours.py FOLDER."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from made_up import CAMERAS, DIMENSIONS, EPISODES, FPS, SIZE, names, picture, vector

from wall_oss_ros.data.dataset_format import DatasetFormat
from wall_oss_ros.data.dataset_writer import write_dataset
from wall_oss_ros.data.shard_writer import ShardWriter


def main() -> None:
    """Command line."""
    folder = Path(sys.argv[1])
    fmt = DatasetFormat(
        fps=FPS,
        robot_type="made_up",
        cameras=dict.fromkeys(CAMERAS, (SIZE, SIZE)),
        vectors={key: names(key) for key in DIMENSIONS},
    )
    shards, seconds = [], 0.0
    for episode, (length, task) in enumerate(EPISODES):
        shards.append(folder / "shards" / str(episode))
        writer = ShardWriter(shards[-1], fmt)
        for place in range(length):
            images = {key: picture(key, episode, place) for key in CAMERAS}
            vectors = {key: vector(key, episode, place) for key in DIMENSIONS}
            before = time.perf_counter()
            writer.add(images, vectors)
            seconds += time.perf_counter() - before
        writer.finish(task, {"made by": "tools/lerobot/write_ours.py"})
    written = write_dataset(folder / "ours", fmt, shards, splits={"train": [0, 2], "val": [1]})
    size_mb = sum(path.stat().st_size for path in written.root.rglob("*") if path.is_file()) / 1e6
    print(
        f"we wrote {written.episodes} episodes, {written.frames} frames of {len(CAMERAS)}x{SIZE} "
        f"px: {seconds / written.frames * 1e3:.1f} ms a frame, {size_mb:.1f} MB"
    )


if __name__ == "__main__":
    main()
