"""The arguments of the bring-up, declared once for the launch file and for the runner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wall_oss_ros.core.errors import BringUpError, choices


@dataclass(frozen=True, slots=True)
class Argument:
    """A ``name:=value`` argument; `valid` lists the choices of a closed one."""

    name: str
    default: str
    help: str
    valid: tuple[str, ...] = ()


_FLAG = ("true", "false")

ARGUMENTS: tuple[Argument, ...] = (
    Argument("robot", "tiago_pro_sim", "robot contract: a name in config/robots, or a YAML file"),
    Argument("sim", "true", "start the simulated robot; false for a real one", _FLAG),
    Argument("policy", "scripted", "policy back end: scripted, exercise, replay, wall_oss"),
    Argument("checkpoint", "", "what the policy loads: a model folder, or a recorded bag"),
    Argument("params", "", "parameter file (YAML) that has the last word over config/nodes"),
    Argument("namespace", "", "namespace of all nodes and topics"),
    Argument("record", "false", "start the episode recorder", _FLAG),
    Argument("episodes", "episodes", "folder that it records to"),
    Argument("visualize", "false", "publish chunks, cuts and executed motion as markers", _FLAG),
    Argument("rviz", "false", "start RViz with config/rviz/bimanual.rviz, and visualize", _FLAG),
    Argument(
        "view", "false", "serve the web view, on this machine unless view_host says else", _FLAG
    ),
    Argument("view_host", "", "address that the web view listens on; beyond loopback with a token"),
    Argument("log_level", "info", "log level of all nodes", ("debug", "info", "warn", "error")),
    Argument(
        "use_sim_time",
        "false",
        "all nodes follow /clock; the simulator publishes it, as slowly as its pictures need",
        _FLAG,
    ),
    Argument(
        "real_time_factor", "1.0", "how fast simulated time passes at most, with use_sim_time"
    ),
    Argument("task", "pick_cube", "task of the simulated scene"),
    Argument("colour", "", "colour that the simulated task names; empty: the seed chooses"),
    Argument("seed", "0", "seed of the simulated scene"),
    Argument("image_size", "448", "simulated camera pictures [px], square"),
    Argument("window", "false", "show the simulation in a window; needs a display", _FLAG),
    Argument("film", "", "file (.webp) to save a film of the simulation to at the end"),
)


def parse_arguments(given: Mapping[str, str]) -> dict[str, str]:
    """Return all arguments, given ones over defaults.

    Raises:
        BringUpError: unknown name or a value outside a closed choice.
    """
    declared = {argument.name: argument for argument in ARGUMENTS}
    values = {argument.name: argument.default for argument in ARGUMENTS}
    for name, value in given.items():
        if name not in declared:
            raise BringUpError(f"unknown argument '{name}'; valid: {choices(declared)}")
        valid = declared[name].valid
        value = value.lower() if valid == _FLAG else value
        if valid and value not in valid:
            raise BringUpError(f"argument '{name}': got '{value}'; valid: {choices(valid)}")
        values[name] = value
    return values
