"""Draw docs/demo.jpg: the scripted policy picking up the red cube, and what the cameras see.

. tools/env.sh && python docs/make_picture.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from wall_oss_ros.core.contract import load_contract
from wall_oss_ros.policies.scripted import ScriptedPolicy
from wall_oss_ros.sim.cameras import SimCameras
from wall_oss_ros.sim.lockstep import Lockstep
from wall_oss_ros.sim.robot import SimRobot

ROOT = Path(__file__).parents[1]
MOMENTS_S = (0.2, 2.2, 3.8)
VIEW, PX = (640, 480), 240


def main() -> None:
    """Run the episode and paste the pictures."""
    contract = load_contract(ROOT / "config" / "robots" / "tiago_pro_sim.yaml")
    robot = SimRobot(contract, task="pick_cube", seed=0, colour="red")
    cameras = SimCameras(robot.model, tuple(contract.cameras), PX)
    loop = Lockstep(contract, robot, ScriptedPolicy(contract), render=cameras.render)
    loop.restart()
    loop.session.instruct(robot.task_state().instruction)
    columns = []
    for moment in MOMENTS_S:
        while robot.task_state().elapsed_s < moment:
            loop.step()
        view = cameras.render_view(robot.snapshot(), "third", *VIEW, detailed=True)
        seen = np.hstack(list(cameras.render(robot.snapshot()).values()))
        width = VIEW[0]
        strip = Image.fromarray(seen).resize((width, width // 3), Image.Resampling.LANCZOS)
        columns.append(np.vstack([view, np.asarray(strip)]))
    sheet = Image.fromarray(np.hstack(columns))
    sheet = sheet.resize((sheet.width * 2 // 3, sheet.height * 2 // 3), Image.Resampling.LANCZOS)
    sheet.save(ROOT / "docs" / "demo.jpg", quality=88, optimize=True)


if __name__ == "__main__":
    main()
