"""Draw docs/fault_timeline.png and docs/latency.png from a running graph.

. tools/env.sh && python docs/make_timelines.py

Three minutes. The first picture shows, for some faults of the matrix, what the robot does and what
the supervisor says, before and after; the second how long pictures take to become commands.
"""

from __future__ import annotations

import time
from pathlib import Path

import matplotlib as mpl
import numpy as np

from wall_oss_ros.cli.bench.fault import Fault
from wall_oss_ros.cli.bench.fault_cases import chosen
from wall_oss_ros.cli.bench.latency import end_to_end
from wall_oss_ros.cli.bench.monitor import POLICY_STATE, SAFETY, WATCHED
from wall_oss_ros.cli.bench.rig import SECOND_NS, Rig
from wall_oss_ros.cli.bench.stage import exercising
from wall_oss_ros.core.safety import Mode

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.patches import Patch

DOCS = Path(__file__).parent
FAULTS = ("camera_silence", "policy_killed", "chunk_executor_killed", "estop_input")
BEFORE_S, AFTER_S, LATENCY_S = 1.0, 3.5, 30.0
PARTS = {"left_arm": "tab:blue", "right_arm": "tab:cyan", "head": "tab:olive", "base": "tab:brown"}
COLOURS = {
    Mode.NOMINAL: "white",
    Mode.LIMITED: "lemonchiffon",
    Mode.STOPPED: "navajowhite",
    Mode.ESTOP: "lightcoral",
}


def main() -> None:
    """Start the exercise, break it, draw; then let it run and draw how late commands are."""
    with exercising(
        {**WATCHED, **POLICY_STATE}, parameters={"sim_robot": {"cameras": "still"}}
    ) as rig:
        begin_ns = time.monotonic_ns()
        while time.monotonic_ns() - begin_ns < LATENCY_S * SECOND_NS:
            rig.conductor.spin(0.2)
            rig.set_in_motion()
        ways, thinking = end_to_end(rig, begin_ns)
        draw_latency(ways, thinking)
        figure, places = plt.subplots(
            len(FAULTS), 1, figsize=(11, 9), sharex=True, layout="constrained"
        )
        for fault, place in zip(chosen(",".join(FAULTS)), places, strict=True):
            draw_fault(rig, fault, place)
        places[0].legend(loc="upper right", ncols=len(PARTS), fontsize=8)
        modes = [Patch(facecolor=colour, edgecolor="grey") for colour in COLOURS.values()]
        names = [mode.name.lower() for mode in COLOURS]
        places[1].legend(modes, names, loc="upper right", ncols=len(COLOURS), fontsize=8)
        places[-1].set_xlabel("time after the fault [s]")
        figure.supylabel("speed of a part's fastest axis, 1 = counts as standing", fontsize=9)
        figure.savefig(DOCS / "fault_timeline.png", dpi=80)


def draw_fault(rig: Rig, fault: Fault, place: plt.Axes) -> None:
    """Cause a fault; draw the parts' speeds over the supervisor's mode."""
    rig.set_in_motion()
    rig.pause(BEFORE_S)
    fault.before(rig)
    fault_ns = time.monotonic_ns()
    try:
        fault.inject(rig)
        rig.pause(AFTER_S)
    finally:
        track = rig.track(fault_ns - round(BEFORE_S * SECOND_NS))
        states = rig.monitor.since(SAFETY, fault_ns - round(BEFORE_S * SECOND_NS))
        fault.heal(rig)
    seconds = (track.ns - fault_ns) / SECOND_NS
    for part, colour in PARTS.items():
        place.plot(seconds, rig.axes.part_speed(track, part), color=colour, label=part, lw=1.0)
    edges = [*((state.ns - fault_ns) / SECOND_NS for state in states), AFTER_S]
    for state, begin_s, end_s in zip(states, edges, edges[1:], strict=False):
        place.axvspan(begin_s, end_s, color=COLOURS[Mode(state.message.mode)], lw=0, zorder=0)
    place.axvline(0.0, color="black", lw=1.2)
    causes = [" ".join(state.message.latched_causes) for state in states if state.ns > fault_ns]
    said = next((cause for cause in causes if cause), "rows of the last chunk run out")
    place.set_title(f"{fault.title}: {said}", fontsize=9, loc="left")
    place.set_xlim(-BEFORE_S, AFTER_S)
    place.set_yscale("symlog", linthresh=1.0)
    place.set_ylim(bottom=0.0)


def draw_latency(ways: np.ndarray, thinking: np.ndarray) -> None:
    """Draw how many pictures were how soon a command, with and without the model's time."""
    figure, place = plt.subplots(figsize=(7, 4), layout="constrained")
    for values, label in ((ways, "all"), (ways - thinking, "model time excluded")):
        ordered = np.sort(values)
        share = np.arange(1, len(ordered) + 1) / len(ordered)
        p50, p99 = np.percentile(ordered, [50, 99])
        place.step(ordered, 100 * share, label=f"{label}: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    place.axvline(15.0, color="grey", ls=":", lw=1.0)
    place.set_xlabel("from a picture's stamp to its first command [ms]")
    place.set_ylabel("of the chunks [%]")
    place.set_xlim(left=0.0)
    place.legend(loc="lower right")
    figure.savefig(DOCS / "latency.png", dpi=90)


if __name__ == "__main__":
    main()
