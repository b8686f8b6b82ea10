"""The Python side of the package: version, entry points and requirements, each declared once.

`pip install -e .` runs this file; `cmake/write_executables.py` imports it and installs the same
entry points as ROS executables; `make lock` reads the requirements from it. The version is the one
of package.xml.
"""

from glob import glob
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent
NAME = "wall_oss_ros"
VERSION = ElementTree.parse(ROOT / "package.xml").findtext("version")

# The group wall_oss_ros.nodes is ours: `ros2 run wall_oss_ros <name>` finds these in
# lib/wall_oss_ros. They are no console scripts, because names such as `policy` are too greedy for
# everyone's PATH.
NODES = (
    "camera_sync",
    "policy",
    "chunk_executor",
    "safety_supervisor",
    "sim_robot",
    "episode_recorder",
    "chunk_visualizer",
    "web_view",
    "lifecycle_manager",
)
ENTRY_POINTS = {
    "console_scripts": ["wall-oss = wall_oss_ros.cli.main:main"],
    "wall_oss_ros.nodes": [f"{name} = wall_oss_ros.nodes.{name}:main" for name in NODES],
}

# What every robot needs: kinematics (mujoco, mink, daqp), motion within velocity, acceleration and
# jerk (ruckig) and JPEG decoding (simplejpeg).
REQUIRES = [
    "numpy",
    "pyyaml",
    "mujoco",
    "mink",
    "daqp",
    "ruckig",
    "simplejpeg",
]
# Light by default: none of these is needed to drive a robot with the scripted or replayed policy.
EXTRAS = {
    # 6.0.0 is the release whose TIAGo Pro files the simulation was tuned on.
    "sim": ["example-robot-data==6.0.0", "pillow"],
    # Unusual image encodings where there is no cv_bridge.
    "images": ["rosbags-image[opencv-headless]"],
    # Episodes: recording (rosbags, mcap), datasets (av, pyarrow), the plots of a replay.
    "data": ["rosbags", "mcap", "av", "pyarrow", "matplotlib", "tqdm"],
    "model": ["torch", "transformers", "tokenizers", "safetensors"],
    # Training, beside `model` and `data`: several devices are its business.
    "train": ["accelerate", "vector-quantize-pytorch"],
    "view": ["viser"],
    "dev": [
        "pytest",
        "hypothesis",
        "ruff",
        "mypy",
        "types-PyYAML",
        "types-tqdm",
        "pillow",
        "rosbags-image[opencv-headless]",
    ],
}


def share_files() -> list[tuple[str, list[str]]]:
    """What colcon installs to share/, for `pip install .` as well: (folder, files) pairs."""
    share = f"share/{NAME}"
    folders = {
        "share/ament_index/resource_index/packages": ["resource/wall_oss_ros"],
        share: ["package.xml"],
    }
    for top in ("launch", "config"):
        for path in sorted(glob(f"{top}/**/*", recursive=True)):
            if Path(path).is_file() and "__pycache__" not in path:
                folders.setdefault(f"{share}/{Path(path).parent}", []).append(path)
    return list(folders.items())


if __name__ == "__main__":
    # Here and not at the top, so that reading the tables above needs the standard library only.
    from setuptools import find_packages, setup

    setup(
        name=NAME,
        version=VERSION,
        description="ROS 2 nodes that run the Wall-OSS-0.5 model on a bimanual mobile manipulator",
        license="Apache-2.0",
        python_requires=">=3.10",
        packages=find_packages(include=[NAME, f"{NAME}.*"]),
        package_data={NAME: ["py.typed", "**/*.yaml", "**/*.xml"]},
        data_files=share_files(),
        install_requires=REQUIRES,
        extras_require=EXTRAS,
        entry_points=ENTRY_POINTS,
        zip_safe=False,
    )
