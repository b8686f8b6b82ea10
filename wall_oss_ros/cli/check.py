"""``wall-oss check``: is this checkpoint complete, what is it, and does it give a sane chunk?

The first thing to do with a checkpoint, before a robot. Needs no ROS.
"""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from wall_oss_ros.cli.pictures import Pixels, made_up_picture, read_pictures
from wall_oss_ros.core import action_space
from wall_oss_ros.core.contract import RobotContract, load_contract
from wall_oss_ros.core.errors import CheckpointError, ModelError, choices

if TYPE_CHECKING:  # --help needs no torch
    from wall_oss_ros.model import WallOssModel
    from wall_oss_ros.model.trial import Trial

# Without a contract: the cameras of the base model.
_CAMERAS = ("face_view", "left_wrist_view", "right_wrist_view")
_FILES = (
    "config.json",
    "model.safetensors",
    "normalizer_action.pth",
    "normalizer_propri.pth",
    "tokenizer.json",
)
_INDENT = 15


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    add("checkpoint", help="folder with config.json, weights, normalisers and tokenizer")
    add("--robot", help="contract (a YAML file): its cameras, key, horizon and ranges are used")
    add(
        "--image",
        action="append",
        default=[],
        metavar="LABEL=PATH",
        help="picture of a camera, e.g. face_view=front.jpg; once per camera, in the model's order "
        "(made-up pictures without)",
    )
    add("--instruction", help="what to do")
    add("--normalizer-key", help="of the statistics; needed where the checkpoint has several")
    add("--steps", type=int, default=10, help="Euler steps")
    add("--seed", type=int, default=0, help="of the noise")
    add(
        "--resolution",
        type=int,
        default=0,
        help="long side of the pictures [px]; -1: as is, 0: as the checkpoint says",
    )
    add("--state-bins", type=int, default=256, help="steps of the state in the prompt")
    add("--raw-camera-names", action="store_true", help="'face_view', not 'front view'")
    add(
        "--camera-label",
        action="append",
        default=[],
        metavar="LABEL=WORDS",
        help="other words for a camera, e.g. 'face_view=top view'; for each or for none",
    )
    add("--system-prompt", help="text of the first turn, in place of the published one")
    add("--device", default="auto", help="cuda, cuda:1, cpu (CUDA where there is one)")
    add("--dtype", choices=("bf16", "fp32"), help="of the weights (bf16 on CUDA)")


def run(options: argparse.Namespace) -> int:
    """Print what the checkpoint is and one line per check; return 0 if all of them pass."""
    folder = _folder(options.checkpoint)
    contract = load_contract(options.robot) if options.robot else None
    if options.steps < 1:  # not only after minutes of loading
        raise ModelError(f"--steps: got {options.steps}; expected 1 or more")
    try:
        from wall_oss_ros.model import WallOssModel
        from wall_oss_ros.model.config_file import config_from, read_config
        from wall_oss_ros.model.description import describe_model, describe_prompt
        from wall_oss_ros.model.device import pick_device, pick_dtype
        from wall_oss_ros.model.engine import Engine
        from wall_oss_ros.model.processor import Processor, ProcessorSettings
        from wall_oss_ros.model.prompt import SYSTEM_PROMPT
        from wall_oss_ros.model.tokenizer import Tokenizer
        from wall_oss_ros.model.trial import try_out
    except ImportError as error:
        raise ModelError(f"{error}; pip install 'wall_oss_ros[model]'") from None
    stated = config_from(read_config(folder / "config.json"))
    settings = ProcessorSettings(
        resolution=options.resolution or stated.resolution,
        state_bins=options.state_bins,
        raw_camera_names=options.raw_camera_names,
        camera_labels=_words(options.camera_label),
        system_prompt=options.system_prompt or SYSTEM_PROMPT,
    )
    # A resolution is checked by now.
    images = _images(options, contract, settings.resolution, stated.cameras)
    device = pick_device(options.device)
    dtype = pick_dtype(options.dtype or "auto", device)
    model = WallOssModel.from_pretrained(folder, dtype=dtype, device=device)
    _print_line("checkpoint", f"{folder} on {device}")
    for name, text in describe_model(model):
        _print_line(name, text)
    trial = _trial(options, model, contract)
    _print_line("in use", f"'{trial.key}'")
    tokenizer = Tokenizer.load(folder)
    for name, text in describe_prompt(tokenizer, model.config, settings, tuple(images)):
        _print_line(name, text)
    _print_line("asked for", f"{trial.horizon} rows in {options.steps} steps, seed {trial.seed}")
    _print_line("looking at", ", ".join(options.image) or "made-up pictures")
    _print_line("instruction", trial.instruction)
    print(flush=True)
    engine = Engine(model, "eager", steps=options.steps)
    findings = try_out(engine, Processor(tokenizer, model.config, settings), images, trial)
    for finding in findings:
        print(f"{'ok  ' if finding.ok else 'FAIL'} {finding.name:20} {finding.detail}")
    failed = [finding.name for finding in findings if not finding.ok]
    print()
    if failed:
        print(f"{len(failed)} of {len(findings)} checks failed: {', '.join(failed)}")
        return 1
    robot = f" for {contract.name}" if contract else ""
    print(f"all {len(findings)} checks passed{robot}: the numbers are sane, not proven to be right")
    return 0


def _folder(name: str) -> Path:
    """Return the checkpoint's folder if it can be one."""
    folder = Path(name).expanduser()
    if (folder / "config.json").is_file():
        return folder
    found = "does not exist"
    if folder.is_file():
        found = "is a file"
    elif folder.is_dir():
        held = sorted(path.name for path in folder.iterdir())
        shown = ", ".join(held[:5]) + (" and more" if len(held) > 5 else "")
        found = f"holds {shown}, but no config.json" if held else "is empty"
    raise CheckpointError(f"{folder} {found}; expected a folder as published: {', '.join(_FILES)}")


def _images(
    options: argparse.Namespace,
    contract: RobotContract | None,
    resolution: int,
    cameras: tuple[str, ...],
) -> dict[str, Pixels]:
    """Return a picture for every camera that the model sees, in its order."""
    given = read_pictures(options.image)
    if contract is None and given:
        return given
    labels: tuple[str, ...] = cameras or _CAMERAS
    if contract is not None and not cameras:
        labels = tuple(camera.label for camera in contract.cameras.values())
    if not given:
        edge = resolution if resolution > 0 else 448
        return {label: made_up_picture(index, edge) for index, label in enumerate(labels)}
    if set(given) != set(labels):
        raise ModelError(
            f"--image: got {choices(given)}; the contract's cameras are {choices(labels)}: "
            "give a picture for each, or none at all"
        )
    return {label: given[label] for label in labels}


def _words(given: list[str]) -> dict[str, str] | None:
    """Return the words for cameras, None for the published ones."""
    pairs = [item.partition("=") for item in given]
    for item, (label, separator, words) in zip(given, pairs, strict=True):
        if not (label and separator and words):
            raise ModelError(f"--camera-label: got '{item}'; expected label=words")
    return {label: words for label, _, words in pairs} or None


def _trial(
    options: argparse.Namespace, model: WallOssModel, contract: RobotContract | None
) -> Trial:
    """Return what is asked of the model, by the options first, then the contract."""
    from wall_oss_ros.model.sanity import Limits
    from wall_oss_ros.model.trial import INSTRUCTION, Trial, check_statistics

    wanted = options.normalizer_key or (contract.model.normalizer_key if contract else None)
    try:
        key = check_statistics(model, wanted, options.checkpoint)
    except CheckpointError as error:
        known = model.normalizers.action and model.normalizers.state
        hint = " Here: --normalizer-key KEY." if known else ""
        raise CheckpointError(f"{error}{hint}") from None
    limits, parts, horizon = Limits(), None, model.config.horizon
    if contract is not None:
        limits, horizon = Limits.of(contract), contract.action.horizon
        parts = action_space.part_mask(contract.commanded_parts)
    return Trial(
        key=key,
        horizon=horizon,
        instruction=INSTRUCTION if options.instruction is None else options.instruction,
        seed=options.seed,
        parts=parts,
        limits=limits,
    )


def _print_line(name: str, text: str) -> None:
    lines = textwrap.wrap(text, 100 - _INDENT, break_long_words=False, break_on_hyphens=False)
    print(f"{name:{_INDENT}}" + f"\n{' ' * _INDENT}".join(lines))
