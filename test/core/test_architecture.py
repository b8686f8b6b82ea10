"""Pins: who may import whom, and what nobody may do. Read from the source, nothing is imported.

`core` decides everything that can be wrong about the robot and knows neither ROS nor a clock; only
`ros`, `nodes` and what starts them know ROS.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "wall_oss_ros"
SOURCES: dict[str, str] = {
    path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(PACKAGE.rglob("*.py"))
}

ROS = {"rclpy", "launch", "launch_ros", "ament_index_python", "message_filters", "cv_bridge"}
ROS |= {"builtin_interfaces", "rosidl_runtime_py", "tf2_ros"}

# Per folder: other folders of the package, and packages besides the standard library.
MAY_IMPORT: dict[str, tuple[set[str], set[str]]] = {
    "core": (set(), {"numpy"}),
    "kinematics": ({"core"}, {"numpy", "mujoco", "mink", "daqp", "qpsolvers"}),
    "screening": ({"core", "kinematics"}, set()),
    "policies": ({"core", "data", "model"}, {"numpy", "torch"}),
    "sim": ({"core", "kinematics"}, {"numpy", "mujoco", "glfw", "PIL"}),
    "messages": ({"core"}, {"numpy", "simplejpeg", "rosbags"}),
    "data": (
        {"core", "messages", "kinematics"},
        {"numpy", "rosbags", "mcap", "av", "pyarrow", "yaml", "matplotlib", "tqdm", "simplejpeg"},
    ),
    "view": ({"core", "kinematics", "sim"}, {"numpy", "viser"}),
    "model": ({"core"}, {"numpy", "torch", "safetensors", "transformers"}),
    "collection": ({"core", "data", "policies", "sim"}, {"numpy"}),
    "training": (
        {"core", "data", "model"},
        {"numpy", "torch", "safetensors", "tokenizers", "accelerate", "vector_quantize_pytorch"},
    ),
    "evaluation": ({"core", "policies", "sim"}, {"numpy", "matplotlib"}),
}
# Folders that know ROS may import any package, but of ours only these.
KNOW_ROS: dict[str, set[str]] = {
    "ros": {"core", "messages", "msg", "srv"},
    "nodes": {"core", "messages", "kinematics", "screening", "policies", "sim", "data", "model"}
    | {"view", "ros", "msg", "srv"},
}

# Files that may import one package more.
YAML_READER = "core/contract/load.py"
GOVERNOR = "core/safety/joint_governor.py"
# cv_bridge converts unusual encodings where it is installed.
PICTURES = "messages/images.py"
ALSO_MAY = {(YAML_READER, "yaml"), (GOVERNOR, "ruckig"), (PICTURES, "cv_bridge")}
MOST_LINES = 400
MOST_LINES_OF_A_NODE = 250


@functools.cache
def parse(source: str) -> ast.Module:
    return ast.parse(source)


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere in a file, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import hides where it goes"
            yield node.module or ""
            if node.module == "wall_oss_ros":
                yield from (f"wall_oss_ros.{alias.name}" for alias in node.names)


def forbidden_imports(name: str, source: str) -> list[str]:
    """What a file imports against the rules of its folder."""
    folder = name.partition("/")[0]
    ours, packages = MAY_IMPORT.get(folder, (KNOW_ROS.get(folder), None))
    forbidden = []
    for module in imports(parse(source)):
        top, _, rest = module.partition(".")
        if top == "wall_oss_ros":
            target = rest.partition(".")[0]
            if ours is not None and target not in {"", folder, *ours}:
                forbidden.append(module)
        elif packages is not None and top not in sys.stdlib_module_names | packages:
            if (name, top) not in ALSO_MAY:
                forbidden.append(module)
    return forbidden


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call with its dotted name as written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def clock_reads(source: str) -> list[str]:
    """Clocks and global randomness that a file uses, under whatever name it imports them."""
    tree = parse(source)
    used = [module for module in imports(tree) if module in ("time", "datetime", "random")]
    used += [
        name
        for name, _ in calls(tree)
        if re.match(r"(np|numpy)\.random\.(?!default_rng$|Generator$)", name)
    ]
    used += [
        name
        for name, call in calls(tree)
        if name.endswith("default_rng") and not (call.args or call.keywords)
    ]
    return used


def test_folders_import_only_what_their_ring_may() -> None:
    found = {name: forbidden_imports(name, source) for name, source in SOURCES.items()}
    assert {name: modules for name, modules in found.items() if modules} == {}


@pytest.mark.parametrize(
    ("name", "source", "faults"),
    [
        ("core/a.py", "import numpy as np\nimport math\nfrom wall_oss_ros.core import b", []),
        ("core/a.py", "import rclpy", ["rclpy"]),
        ("core/a.py", "def f():\n    from std_msgs.msg import Bool", ["std_msgs.msg"]),
        ("core/a.py", "from wall_oss_ros.msg import Observation", ["wall_oss_ros.msg"]),
        ("core/a.py", "from wall_oss_ros import msg", ["wall_oss_ros.msg"]),
        ("core/a.py", "import wall_oss_ros.kinematics", ["wall_oss_ros.kinematics"]),
        ("core/a.py", "import yaml", ["yaml"]),
        (YAML_READER, "import yaml", []),
        (YAML_READER, "import ruckig", ["ruckig"]),
        (GOVERNOR, "import ruckig", []),
        ("core/safety/a.py", "import ruckig", ["ruckig"]),
        ("sim/a.py", "import mujoco\nfrom wall_oss_ros.kinematics import x", []),
        ("sim/a.py", "from wall_oss_ros.ros import qos", ["wall_oss_ros.ros"]),
        ("kinematics/a.py", "from wall_oss_ros.sim import x", ["wall_oss_ros.sim"]),
        ("policies/a.py", "import mujoco", ["mujoco"]),
        ("view/a.py", "import viser\nfrom wall_oss_ros.core import x", []),
        ("view/a.py", "from wall_oss_ros.ros import qos", ["wall_oss_ros.ros"]),
        ("core/view/a.py", "import viser", ["viser"]),
        ("data/a.py", "import wall_oss_ros.nodes.policy", ["wall_oss_ros.nodes.policy"]),
        ("ros/a.py", "import rclpy\nfrom wall_oss_ros.msg import Observation", []),
        ("ros/a.py", "import wall_oss_ros.kinematics", ["wall_oss_ros.kinematics"]),
        ("nodes/a.py", "from wall_oss_ros.sim import x\nimport wall_oss_ros.ros.node", []),
        ("nodes/a.py", "import wall_oss_ros.bringup", ["wall_oss_ros.bringup"]),
        ("nodes/a.py", "from wall_oss_ros.cli import main", ["wall_oss_ros.cli"]),
    ],
)
def test_this_test_sees_a_forbidden_import(name: str, source: str, faults: list[str]) -> None:
    assert forbidden_imports(name, source) == faults


def test_no_ros_free_folder_may_import_ros() -> None:
    for _, others in MAY_IMPORT.values():
        assert not others & ROS
        assert not any(name.endswith("_msgs") for name in others)


def test_what_decides_reads_no_clock_and_draws_no_random_number() -> None:
    deciding = {n: s for n, s in SOURCES.items() if n.startswith(("core/", "kinematics/"))}
    assert {name: clock_reads(source) for name, source in deciding.items()} == {
        name: [] for name in deciding
    }


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.monotonic()",
        "from time import perf_counter",
        "from datetime import datetime",
        "import numpy as np\nnp.random.normal()",
        "import numpy as np\nnp.random.default_rng()",
    ],
)
def test_this_test_sees_a_clock(source: str) -> None:
    assert clock_reads(source) != []
    assert clock_reads("import numpy as np\nnp.random.default_rng(7)") == []


def unsafe(source: str) -> list[str]:
    """Ways to run what a file or a message brings, and threads that nobody asked for."""
    tree = parse(source)
    banned = {"pickle", "dill", "cloudpickle", "shelve", "marshal"}
    found = [module for module in imports(tree) if module.partition(".")[0] in banned]
    for name, call in calls(tree):
        found += [name] * (name in ("eval", "exec", "os.system", "os.popen", "yaml.unsafe_load"))
        found += [
            name for k in call.keywords if k.arg == "shell" and ast.unparse(k) != "shell=False"
        ]
    threads = {"MultiThreadedExecutor", "EventsExecutor", "ReentrantCallbackGroup"}
    for node in ast.walk(tree):
        names = {getattr(node, key, None) for key in ("id", "attr", "name")}
        found += sorted(threads & names)
    return found


def test_nothing_runs_what_it_was_only_given_and_callbacks_run_on_one_thread() -> None:
    found = {name: unsafe(source) for name, source in SOURCES.items()}
    assert {name: ways for name, ways in found.items() if ways} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import load",
        "eval('1')",
        "os.system('ls')",
        "subprocess.run('ls', shell=True)",
        "subprocess.run('ls', shell=maybe)",
        "from rclpy.executors import MultiThreadedExecutor",
        "rclpy.experimental.EventsExecutor()",
    ],
)
def test_this_test_sees_what_is_unsafe(source: str) -> None:
    assert unsafe(source) != []
    assert unsafe("subprocess.run(['ls'], shell=False)\nmodel.eval()") == []


def test_files_are_short_enough_to_be_read() -> None:
    def most(name: str) -> int:
        return MOST_LINES_OF_A_NODE if name.startswith("nodes/") else MOST_LINES

    lines = {name: len(source.splitlines()) for name, source in SOURCES.items()}
    assert {name: count for name, count in lines.items() if count > most(name)} == {}


def test_names_say_what_is_inside() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}
    assert [name for name in SOURCES if vague & set(name.removesuffix(".py").split("/"))] == []


def test_the_packages_own_init_is_empty() -> None:
    # The generated messages are in a package of the same name; whichever is found, it is the same.
    assert SOURCES["__init__.py"] == ""
