"""Draw docs/markers.png: what chunk_visualizer publishes, in the middle of a reach.

. tools/env.sh && python docs/make_markers.py

RViz is not needed: the marks are drawn as they are, seen from the robot's front left.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np

from wall_oss_ros.core.contract import load_contract
from wall_oss_ros.core.drawing import Mark, MarkKind, Sent, Trail, chunk_marks, plan_marks
from wall_oss_ros.policies.exercise import ExercisePolicy, ExerciseSettings
from wall_oss_ros.sim.cameras import SimCameras
from wall_oss_ros.sim.lockstep import Lockstep
from wall_oss_ros.sim.robot import SimRobot

mpl.use("Agg")
from matplotlib import pyplot as plt

ROOT = Path(__file__).parents[1]
MOMENTS_S = (4.0, 5.0)
SAFE_ROWS = 16


def main() -> None:
    """Run the exercise, draw the right arm twice; in the second, the chunk is cut."""
    contract = load_contract(ROOT / "config" / "robots" / "tiago_pro_sim.yaml")
    robot = SimRobot(contract, task="pick_cube", seed=0, colour="red")
    cameras = SimCameras(robot.model, tuple(contract.cameras), 64)
    loop = Lockstep(
        contract,
        robot,
        ExercisePolicy(contract, "", ExerciseSettings(amplitude=2.0)),
        render=cameras.render,
    )
    loop.restart()
    loop.session.instruct("exercise")
    trail = Trail(contract, seconds=3.0)
    figure = plt.figure(figsize=(13, 6), layout="constrained")
    for number, moment in enumerate(MOMENTS_S):
        while robot.task_state().elapsed_s < moment:
            loop.step(lambda command: trail.add(Sent.of(command)))
        cut = (SAFE_ROWS, "zone: table") if number else (None, "")
        marks = chunk_marks(loop.executor.chunk, contract, *cut) + trail.marks()
        if not number:
            marks += plan_marks(loop.executor.committed(robot.time_ns), contract)
        marks = [mark for mark in marks if mark.namespace.partition("/")[0] == "right"]
        place = figure.add_subplot(1, len(MOMENTS_S), 1 + number, projection="3d")
        for mark in marks:
            draw(place, mark)
        place.set_aspect("equal")
        place.set_box_aspect(None, zoom=1.3)
        place.view_init(elev=15, azim=-165)
        for axis in (place.xaxis, place.yaxis, place.zaxis):
            axis.set_pane_color((0.19, 0.19, 0.19, 1.0))
        place.set_title(f"{moment:g} s")
    figure.savefig(ROOT / "docs" / "markers.png", dpi=90)


def draw(place: plt.Axes, mark: Mark) -> None:
    """Draw a mark with lines and points of matplotlib."""
    points = mark.points
    colours = np.broadcast_to(mark.colours, (len(points), 4))
    width = 500 * mark.size
    if mark.kind is MarkKind.TEXT:
        place.text(*points[0], mark.text, color=colours[0], fontsize=8)
    elif mark.kind is MarkKind.SPHERES:
        place.scatter(*points.T, c=colours, s=2.5e5 * mark.size**2)
    else:
        step = 1 if mark.kind is MarkKind.STRIP else 2
        for first in range(0, len(points) - 1, step):
            place.plot(*points[first : first + 2].T, color=colours[first], linewidth=width)


if __name__ == "__main__":
    main()
