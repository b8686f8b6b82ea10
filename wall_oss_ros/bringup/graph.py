"""The node graph as data: what runs, with which parameters, in which order.

`launch/bimanual.launch.py` turns it into launch actions, `bringup.runner` into child processes.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from wall_oss_ros.bringup.arguments import parse_arguments
from wall_oss_ros.bringup.rviz import ToolSpec, rviz_tools
from wall_oss_ros.core.contract import RobotContract, find_contract, load_contract
from wall_oss_ros.core.errors import BringUpError
from wall_oss_ros.core.pacing import SLOWEST
from wall_oss_ros.kinematics.description import find_urdf
from wall_oss_ros.policies.registry import back_end
from wall_oss_ros.ros.locations import robots_folder, share_folder
from wall_oss_ros.sim.cameras import MAX_PX, MIN_PX
from wall_oss_ros.sim.tasks import plan_task

MAX_SEED = 2**31 - 1
# What the episode recorder needs beside what every robot needs.
_RECORDING = ("rosbags", "mcap")
# What the web view needs.
_VIEWING = ("viser",)

Parameter = str | bool | int | float


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """A node of this package.

    Attributes:
        executable: name in lib/wall_oss_ros, and of the node.
        parameters: set over those of the files.
        parameter_files: YAML of config/nodes, then the user's.
        managed: whether the lifecycle manager brings it up.
    """

    executable: str
    parameters: Mapping[str, Parameter]
    parameter_files: tuple[Path, ...] = ()
    managed: bool = True


@dataclass(frozen=True, slots=True)
class Graph:
    """Everything the bring-up starts.

    Attributes:
        nodes: in start order; the lifecycle manager last.
        tools: programs beside them.
        environment: variables to set where the user has not.
        namespace: of all nodes.
        log_level: of all nodes.
        contract: the robot.
    """

    nodes: tuple[NodeSpec, ...]
    tools: tuple[ToolSpec, ...]
    environment: Mapping[str, str]
    namespace: str
    log_level: str
    contract: RobotContract = field(repr=False)

    def log_arguments(self, spec: NodeSpec) -> tuple[str, str]:
        """Return the ROS arguments that set a node's log level.

        That of its own logger only: at "debug", rcl writes a line for every message and every poll,
        thousands in a second.
        """
        logger = f"{self.namespace}/{spec.executable}".strip("/").replace("/", ".")
        return "--log-level", f"{logger}:={self.log_level}"


def make_graph(given: Mapping[str, str]) -> Graph:
    """Return the graph of these arguments (see `arguments.ARGUMENTS`).

    Raises:
        WallOssError: wrong argument, unknown robot, wrong contract, missing URDF, missing program.
    """
    values = parse_arguments(given)
    contract_file = find_contract(values["robot"], robots_folder()).resolve()
    contract = load_contract(contract_file)
    back_end(values["policy"])  # an unknown name is said here
    find_urdf(contract.description)  # a missing URDF is said here, once, not by four nodes
    common: dict[str, Parameter] = {
        "contract": str(contract_file),
        "use_sim_time": values["use_sim_time"] == "true",
    }
    own_files = _own_files(values)
    nodes: list[NodeSpec] = []

    def add(executable: str, **parameters: Parameter) -> None:
        shipped = share_folder() / "config" / "nodes" / f"{executable}.yaml"
        files = (*([shipped] if shipped.is_file() else []), *own_files)
        nodes.append(NodeSpec(executable, {**common, **parameters}, files))

    if values["sim"] == "true":
        plan_task(values["task"], np.random.default_rng(0), values["colour"] or None)
        add(
            "sim_robot",
            task=values["task"],
            colour=values["colour"],
            seed=_integer(values, "seed", 0, MAX_SEED),
            image_size=_integer(values, "image_size", MIN_PX, MAX_PX),
            window=values["window"] == "true",
            film=values["film"],
        )
        # The simulator makes the clock; following it would stand still.
        nodes[-1] = NodeSpec(
            "sim_robot",
            {
                **nodes[-1].parameters,
                "use_sim_time": False,
                "publish_clock": values["use_sim_time"] == "true",
                "real_time_factor": _real_time_factor(values),
            },
            nodes[-1].parameter_files,
        )
    if values["record"] == "true":
        _check_recording()
        add("episode_recorder", folder=str(Path(values["episodes"]).expanduser().resolve()))
    if "true" in (values["visualize"], values["rviz"]):
        add("chunk_visualizer")
    if values["view"] == "true":
        _check_viewing()
        host = values["view_host"]
        add("web_view", **({"host": host} if host else {}))
    # Safety before anything that commands; the policy, which may load for minutes, last.
    add("safety_supervisor")
    add("camera_sync")
    add("chunk_executor")
    add("policy", policy=values["policy"], checkpoint=values["checkpoint"])
    names = " ".join(node.executable for node in nodes)
    nodes.append(NodeSpec("lifecycle_manager", {"nodes": names}, managed=False))
    return Graph(
        nodes=tuple(nodes),
        tools=rviz_tools(values, contract) if values["rviz"] == "true" else (),
        environment=dds_environment(),
        namespace=values["namespace"].strip("/"),
        log_level=values["log_level"],
        contract=contract,
    )


def _check_recording() -> None:
    missing = [name for name in _RECORDING if importlib.util.find_spec(name) is None]
    if missing:
        raise BringUpError(
            f"record:=true needs the Python packages {', '.join(missing)}: "
            "pip install 'wall_oss_ros[data]'"
        )


def _check_viewing() -> None:
    missing = missing_for_viewing()
    if missing is not None:
        raise BringUpError(f"view:=true: {missing}")


def missing_for_viewing() -> str | None:
    """Return what the web view lacks on this machine and how to get it; None if nothing."""
    missing = [name for name in _VIEWING if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    return (
        f"the web view needs the Python package {', '.join(missing)}: "
        "pip install 'wall_oss_ros[view]'"
    )


def _own_files(values: Mapping[str, str]) -> tuple[Path, ...]:
    if not values["params"]:
        return ()
    file = Path(values["params"]).expanduser().resolve()
    if not file.is_file():
        raise BringUpError(f"argument 'params': no parameter file {file}")
    return (file,)


def _integer(values: Mapping[str, str], name: str, low: int, high: int) -> int:
    try:
        number = int(values[name])
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise BringUpError(
            f"argument '{name}': got '{values[name]}'; expected a whole number, {low} to {high}"
        )
    return number


def _real_time_factor(values: Mapping[str, str]) -> float:
    given = values["real_time_factor"]
    try:
        factor = float(given)
    except ValueError:
        factor = 0.0
    if not SLOWEST <= factor <= 1.0:
        raise BringUpError(
            f"argument 'real_time_factor': got '{given}'; expected a number, {SLOWEST:g} to 1"
        )
    if factor < 1.0 and values["use_sim_time"] != "true":
        raise BringUpError(
            f"argument 'real_time_factor': got {factor:g}, but the nodes live in wall time; say "
            "use_sim_time:=true, too"
        )
    return factor


def dds_environment() -> dict[str, str]:
    """Return variables to set: Fast DDS needs a larger shared-memory segment for pictures."""
    # Fast DDS 3 (Kilted and later) reads both names and complains when it meets a profile twice.
    older = os.environ.get("ROS_DISTRO") in ("humble", "iron", "jazzy")
    name = "FASTRTPS_DEFAULT_PROFILES_FILE" if older else "FASTDDS_DEFAULT_PROFILES_FILE"
    if {"FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"} & set(os.environ):
        return {}  # somebody chose a profile
    return {name: str(share_folder() / "config" / "dds" / "fastdds_shm.xml")}
