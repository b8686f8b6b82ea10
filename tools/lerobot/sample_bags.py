"""Keeps what some frames of an exported dataset must show, straight from its bags.

python tools/lerobot/sample_bags.py BAGS_FOLDER DATASET FILE.npz
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from wall_oss_ros.core.assembler import AssemblerSettings
from wall_oss_ros.data.episode_reader import open_episode
from wall_oss_ros.data.export_episode import ExportSettings
from wall_oss_ros.data.recorded_actions import read_actions
from wall_oss_ros.data.recorded_observations import Observer, input_topics, observations
from wall_oss_ros.data.resampling import Dropped, EpisodeFrame, Grid, frames, segments
from wall_oss_ros.kinematics import MinkKinematics

EVERY = 17
SHORTEST_S = ExportSettings().shortest_s


def main(bags: Path, dataset: Path, file: Path) -> None:
    """Write indexes, states, actions and pictures of every 17th frame."""
    sources = json.loads((dataset / "meta" / "sources.json").read_text())
    fps = json.loads((dataset / "meta" / "info.json").read_text())["fps"]
    kept: dict[str, list[np.ndarray]] = {}
    taken: Counter[str] = Counter()
    begin = 0
    for source in (entry["source"] for entry in sources):
        episode = open_episode(bags / source["bag"])
        observer = Observer(
            episode.contract, MinkKinematics(episode.contract), AssemblerSettings(), source["bag"]
        )
        slowest_hz = min(camera.rate for camera in episode.contract.cameras.values())
        grid = Grid(fps, 1.6 / slowest_hz, 0.25, 0, 2**63 - 1)
        seen = observations(episode.messages(input_topics(episode.contract)), observer)
        runs: dict[int, list[EpisodeFrame]] = {}
        for run, frame in segments(frames(seen, read_actions(episode), grid, Dropped())):
            runs.setdefault(run, []).append(frame)
        long_enough = [run for run in runs.values() if len(run) >= fps * SHORTEST_S]
        made = long_enough[taken[source["bag"]]]
        taken[source["bag"]] += 1
        for place in range(0, len(made), EVERY):
            frame = made[place]
            values = {
                "index": np.array(begin + place),
                "observation.state": frame.observation.state,
                "action": frame.action,
                **{
                    f"observation.images.{camera.label}": camera.pixels
                    for camera in frame.observation.cameras
                },
            }
            for key, value in values.items():
                kept.setdefault(key, []).append(value)
        begin += len(made)
    np.savez(file, frames=begin, fps=fps, **{key: np.stack(rows) for key, rows in kept.items()})
    print(f"{begin} frames expected, {len(kept['index'])} of them kept in {file}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
