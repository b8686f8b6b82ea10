"""``wall-oss``: one command with subcommands; each is a module with `add_arguments` and `run`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from wall_oss_ros.core.errors import WallOssError

# Modules are imported only when asked for: `wall-oss --help` needs neither ROS nor MuJoCo.
_COMMANDS = {
    "demo": "run the simulated robot through a task and report",
    "bringup": "start the node graph without ros2 launch (name:=value arguments)",
    "bench": "measure the model, or frames, rates and the simulator, on this machine",
    "collect": "demonstrations of the scripted expert in simulation, as a LeRobot dataset",
    "train": "train a small model from scratch, or fine-tune a checkpoint, on a dataset",
    "evaluate": "a policy in simulation, episode by episode: success, progress, latency",
    "export": "recorded episodes to a LeRobot v3.0 dataset for fine-tuning",
    "replay": "recorded observations through a policy, without a robot: errors, scale, seams",
    "import": "a LeRobot v3.0 dataset to recorded episodes, to replay and look at",
    "doctor": "is this machine, and this robot, ready? what to do if not",
    "status": "what the running graph says, on one screen; --once for scripts",
    "repair": "make whole episodes of what a crash of the recorder left",
    "check": "tell what a checkpoint is, and whether it gives a sane chunk",
}
# Of a command that is a word of Python.
_MODULES = {"import": "import_dataset"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; return the exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="wall-oss", description="Run Wall-OSS on a ROS 2 robot, safely and in real time."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, help in _COMMANDS.items():
        # The bring-up has name:=value arguments of its own, in the manner of ros2 launch.
        commands.add_parser(name, help=help, add_help=name != "bringup")
    if arguments and arguments[0] == "bringup":
        from wall_oss_ros.bringup.__main__ import main as bring_up

        return bring_up(arguments[1:])
    if arguments and arguments[0] in _COMMANDS:
        name = _MODULES.get(arguments[0], arguments[0])
        try:
            module = import_module(f"wall_oss_ros.cli.{name}")
        except ModuleNotFoundError as error:
            print(f"wall-oss {arguments[0]}: {_missing(error)}", file=sys.stderr)
            return 1
        module.add_arguments(commands.choices[arguments[0]])
    options = parser.parse_args(arguments)
    try:
        return int(module.run(options))
    except WallOssError as error:
        print(f"wall-oss {options.command}: {error}", file=sys.stderr)
        return 1


def _missing(error: ModuleNotFoundError) -> str:
    package = (error.name or "").partition(".")[0]
    if package == "wall_oss_ros":
        raise error  # ours: a fault of the package, not of the machine
    return (
        f"needs the Python package '{package}'; `pip install 'wall_oss_ros[data]'` brings what "
        "episodes and datasets need, `wall_oss_ros[model]` what the model needs"
    )


if __name__ == "__main__":
    raise SystemExit(main())
