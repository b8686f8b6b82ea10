"""``wall-oss doctor``: is this machine, and this robot, ready? One line each: ok, or what to do."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from wall_oss_ros.cli.machine_check import check_machine
from wall_oss_ros.core.contract import RobotContract, find_contract, load_contract
from wall_oss_ros.core.errors import BringUpError, ContractError, WallOssError
from wall_oss_ros.core.finding import Finding, Health
from wall_oss_ros.core.stream_check import (
    check_camera,
    check_controllers,
    check_joints,
    check_odometry,
)

_FILES = ("config.json", "tokenizer.json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    add("--robot", default="", help="contract by name or file: is it sound, is its URDF there?")
    add(
        "--live",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="listen to the robot so long, and compare its topics with the contract",
    )
    add("--namespace", default="", help="of the robot's topics (--live)")
    add("--checkpoint", default="", help="folder of a model: is all there that loading needs?")


def run(options: argparse.Namespace) -> int:
    """Print what was found; return 1 if anything is bad.

    Raises:
        BringUpError: for options that do not fit together.
    """
    if options.live < 0.0 or (options.live and not options.robot):
        raise BringUpError("--live SECONDS needs --robot, and more than 0 seconds")
    counts: Counter[Health] = Counter()

    def tell(title: str, findings: Iterable[Finding]) -> None:
        print(f"{title}", flush=True)
        for finding in findings:
            counts[finding.health] += 1
            print(f"  {finding}", flush=True)

    tell("machine", check_machine())
    if options.checkpoint:
        tell("checkpoint", [_checkpoint(Path(options.checkpoint).expanduser())])
    if options.robot:
        contract, findings = _contract(options.robot)
        tell("contract", findings)
        if options.live and contract is not None:
            tell(f"robot, {options.live:g} s", _live(contract, options.live, options.namespace))
    print(
        f"{counts[Health.OK]} ok, {counts[Health.NOTE]} notes, {counts[Health.BAD]} bad", flush=True
    )
    return 1 if counts[Health.BAD] else 0


def _contract(robot: str) -> tuple[RobotContract | None, list[Finding]]:
    from wall_oss_ros.kinematics import MinkKinematics
    from wall_oss_ros.ros.locations import robots_folder

    try:
        file = find_contract(robot, robots_folder())
        contract = load_contract(file)
    except (ContractError, BringUpError) as error:
        return None, [Finding(robot, Health.BAD, str(error), "docs/contract.md has every key")]
    said = f"{contract.name}, {len(contract.cameras)} cameras, {len(contract.joint_names)} joints"
    found = [Finding(str(file), Health.OK, said)]
    try:
        tools = MinkKinematics(contract).tool_poses(contract.home)
    except WallOssError as error:
        found.append(Finding("kinematics", Health.BAD, str(error), "correct description or names"))
    else:
        places = ", ".join(
            f"{side} tool at ({', '.join(f'{value:.2f}' for value in pose.position)}) m"
            for side, pose in tools.items()
        )
        found.append(Finding("kinematics", Health.OK, f"at home: {places}"))
    return contract, found


def _checkpoint(folder: Path) -> Finding:
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if not folder.is_dir() or missing or not [*folder.glob("*.safetensors")]:
        wanted = ", ".join([*missing, *([] if [*folder.glob("*.safetensors")] else ["weights"])])
        return Finding(
            str(folder),
            Health.BAD,
            f"no {wanted}" if folder.is_dir() else "no such folder",
            "download it whole; `wall-oss check` then loads it",
        )
    size_gb = sum(file.stat().st_size for file in folder.glob("*.safetensors")) / 1e9
    return Finding(
        str(folder),
        Health.OK,
        f"configuration, tokenizer, {size_gb:.1f} GB of weights; `wall-oss check` tries them",
    )


def _live(contract: RobotContract, seconds: float, namespace: str) -> Iterator[Finding]:
    from wall_oss_ros.ros.robot_listener import listening

    with listening(contract, namespace) as (listener, executor):
        listener.listen(executor, seconds)
        for name, camera in contract.cameras.items():
            yield check_camera(name, camera, listener.cameras[name])
        yield check_joints(contract, listener.joints)
        odometry = check_odometry(contract, listener.odometry)
        if odometry is not None:
            yield odometry
        yield from check_controllers(*listener.controllers())
