"""Print what a dataset's codecs cost and lose, on pictures of the simulated robot's cameras.

. tools/env.sh && python docs/measure_codecs.py
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core.contract import load_contract
from wall_oss_ros.data.video import VideoCodec, VideoWriter, read_pictures
from wall_oss_ros.policies.scripted import ScriptedPolicy
from wall_oss_ros.sim.cameras import SimCameras
from wall_oss_ros.sim.lockstep import Lockstep
from wall_oss_ros.sim.robot import SimRobot, Snapshot

ROOT = Path(__file__).parents[1]
FPS, PICTURES = 30, 90
SIZES_PX = (224, 448)
CODECS = (VideoCodec(), VideoCodec(crf=16), VideoCodec(crf=23), VideoCodec("av1", crf=30))


def snapshots() -> list[Snapshot]:
    """Return the scripted policy picking up the red cube, FPS a second."""
    contract = load_contract(ROOT / "config" / "robots" / "tiago_pro_sim.yaml")
    robot = SimRobot(contract, task="pick_cube", seed=0, colour="red")
    cameras = SimCameras(robot.model, tuple(contract.cameras), 32)
    loop = Lockstep(contract, robot, ScriptedPolicy(contract), render=cameras.render)
    loop.restart()
    loop.session.instruct(robot.task_state().instruction)
    found: list[Snapshot] = []
    while len(found) < PICTURES:
        loop.step()
        if robot.task_state().elapsed_s >= len(found) / FPS:
            found.append(robot.snapshot())
    return found


def render(moments: list[Snapshot], px: int) -> dict[str, NDArray[np.uint8]]:
    """Return (PICTURES, px, px, 3) by camera."""
    contract = load_contract(ROOT / "config" / "robots" / "tiago_pro_sim.yaml")
    robot = SimRobot(contract, task="pick_cube", seed=0, colour="red")
    cameras = SimCameras(robot.model, tuple(contract.cameras), px)
    seen = [cameras.render(moment) for moment in moments]
    cameras.close()
    return {name: np.stack([images[name] for images in seen]) for name in seen[0]}


def measure(file: Path, pictures: NDArray[np.uint8], codec: VideoCodec) -> list[float]:
    """Return ms to write and to read a picture, its kB, and the error: mean, 99 %, bias."""
    count, height, width, _ = pictures.shape
    start = time.process_time()
    writer = VideoWriter(file, (height, width), FPS, codec)
    for picture in pictures:
        writer.add(picture)
    writer.close()
    written = time.process_time()
    found = np.stack(list(read_pictures(file, np.arange(count) / FPS, FPS)))
    read = time.process_time()
    error = found.astype(np.int16) - pictures
    return [
        (written - start) / count * 1e3,
        (read - written) / count * 1e3,
        file.stat().st_size / count / 1e3,
        float(np.abs(error).mean()),
        float(np.percentile(np.abs(error), 99)),
        float(np.abs(error.mean((0, 1, 2))).max()),
    ]


def main() -> None:
    """Print the table; times are of the processor, all threads."""
    moments = snapshots()
    print("| px | codec | write ms | read ms | kB | mean error | 99 % | bias |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for px in SIZES_PX:
            cameras = render(moments, px)
            for codec in CODECS:
                rows = [measure(Path(folder) / "a.mp4", seen, codec) for seen in cameras.values()]
                values = " | ".join(f"{value:.2f}" for value in np.mean(rows, axis=0))
                print(f"| {px} | {codec.name}, crf {codec.crf} | {values} |", flush=True)


if __name__ == "__main__":
    main()
