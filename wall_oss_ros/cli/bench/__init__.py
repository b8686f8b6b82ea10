"""``wall-oss bench``: figures of this machine, measured, with how they were taken.

One file per subject, imported when it is asked for: `model` needs torch and numpy only, the others
the simulator, and those that start the node graph ROS as well.
"""

from __future__ import annotations

import argparse
import os
import platform
from importlib import import_module

from wall_oss_ros.policies.wall_oss_settings import ENGINES

SUBJECTS = {
    "model": "chunks of the model, stage by stage, against the floor and plain recomputation",
    "frames": "camera frames from the simulator's publisher to camera_sync",
    "loops": "what the processes of the demo cost, and how even their loops run",
    "sim": "the simulator alone",
    "tasks": "the scripted policy over seeded scenes in the lockstep loop",
    "smoothness": "jumps and jerk where chunks join, by how they are joined and how late they come",
    "supervisor": "what a tick of the safety supervisor costs, and a look ahead over a chunk",
    "attack": "random and adversarial commands through the supervisor's core",
    "faults": "the fault matrix with real processes: required reactions and their times",
    "estop": "from the e-stop's call or input message to the stop on every controller topic",
    "jitter": "how late the ticks of 200 Hz loops begin, with a CPU hog and with priority",
    "recorder": "messages lost, and CPU, of the episode recorder; and what a kill leaves",
    "markers": "what being looked at costs: chunk_visualizer, size of markers, rhythm of commands",
    "view": "what a browser costs: CPU of web_view, what it sends, rhythm of commands",
    "latency": "camera stamp to observation, inference, chunk, command and controller topic",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(f"{name:10} {text}" for name, text in SUBJECTS.items())
    parser.add_argument("what", nargs="?", choices=SUBJECTS, default="model", help="see below")
    graph = parser.add_argument_group("frames, loops, sim, tasks, recorder, markers, view")
    graph.add_argument("--seconds", type=float, default=60.0, help="how long to measure")
    graph.add_argument("--episodes", type=int, default=20, help="episodes per task (tasks)")
    graph.add_argument("--image-size", type=int, default=448, help="camera pictures [px]")
    attack = parser.add_argument_group("attack")
    attack.add_argument("--commands", type=int, default=1_000_000, help="how many")
    attack.add_argument("--attack-seed", type=int, default=0, help="of the first episode")
    _add_trial_arguments(parser.add_argument_group("faults, estop, jitter, latency, recorder"))
    _add_model_arguments(parser.add_argument_group("model"))


def _add_trial_arguments(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--trials", type=int, help="trials, of each fault (20 faults, 1000 estop)")
    add("--only", default="", metavar="NAME,...", help="these faults only (faults)")
    add("--list", action="store_true", help="the faults and what each must cause (faults)")
    add(
        "--log",
        default="",
        metavar="FILE",
        help="trials as JSON lines; those in it are not made again",
    )
    add("--kills", type=int, default=20, help="kill -9 of the recorder, so often (recorder)")
    add("--node-log", default="", metavar="FILE", help="what the nodes print")
    add("--quick", action="store_true", help="few trials, short times: does it work here?")
    add(
        "--priority",
        type=int,
        default=0,
        help="SCHED_FIFO: of supervisor and listener (estop), of the loops (jitter), of all but "
        "policy and simulator (latency)",
    )
    add(
        "--camera-rate", type=float, default=30.0, help="pictures a second of each camera (latency)"
    )
    add("--rate", type=float, default=0.0, help="of the loops, 0: as shipped [Hz] (latency)")
    add(
        "--no-align",
        action="store_true",
        help="the loops keep their phases (latency)",
    )
    add("--trial-seed", type=int, default=0, help="of the random pauses between trials")


def _add_model_arguments(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--size", choices=("full", "tiny"), help="random weights of this size (full on CUDA)")
    add("--checkpoint", default="", help="folder with real weights instead")
    add("--normalizer-key", default=None, help="of the checkpoint; the first where not given")
    add("--cameras", type=int, default=3, help="pictures")
    add("--resolution", type=int, default=448, help="edge of each [px], a multiple of 28")
    add("--text", type=int, default=150, help="prompt tokens that are not image tokens")
    add("--steps", type=int, default=10, help="Euler steps")
    add("--horizon", type=int, default=32, help="action rows")
    add("--engine", choices=ENGINES, default="auto", help="how the model is run")
    add("--autotune", action="store_true", help="let the compiler measure kernels (minutes)")
    add("--device", default="auto", help="cuda, cuda:1, cpu (CUDA where there is one)")
    add("--dtype", choices=("bf16", "fp32"), help="of the weights (bf16 on CUDA)")
    add("--calls", type=int, default=200, help="measured chunks")
    add("--no-eager", action="store_true", help="leave out the plain recomputation")
    add("--peak-tflops", type=float, help="of the device, for the floor (with --peak-tbs)")
    add("--peak-tbs", type=float, help="memory bandwidth of the device [TB/s]")
    add("--floor", action="store_true", help="only the arithmetic of known devices, as a table")
    add("--json", action="store_true", help="print one JSON object and nothing else")


def run(options: argparse.Namespace) -> int:
    """Measure and print; return 1 if a figure misses what the project promises."""
    if options.what != "model":
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    return int(import_module(f"wall_oss_ros.cli.bench.{options.what}").run(options))
