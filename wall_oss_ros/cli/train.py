"""``wall-oss train``: a small model from scratch, or a checkpoint further, on a dataset."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

from wall_oss_ros.core.errors import DatasetError, ModelError
from wall_oss_ros.data.dataset_reader import open_dataset
from wall_oss_ros.data.dataset_writer import TRAIN
from wall_oss_ros.data.export import VALIDATION

try:
    import torch
    from accelerate import Accelerator, DistributedDataParallelKwargs
except ImportError as error:
    raise ModelError(f"{error}; pip install 'wall_oss_ros[model,train]'") from None

from wall_oss_ros.cli.train_inputs import batches_of, splits_of, starting_model, tokenize
from wall_oss_ros.model.layers import call
from wall_oss_ros.training.loop import LOG_FILE, Trainer, state_of
from wall_oss_ros.training.objective import Objective, ObjectiveSettings, compiled
from wall_oss_ros.training.settings import TrainSettings

CACHE = "samples"  # in the output folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add, usual = parser.add_argument, TrainSettings()
    add("dataset", help="folder of a LeRobot v3.0 dataset, of wall-oss collect or wall-oss export")
    add("--output", required=True, metavar="FOLDER", help="folder of the checkpoint")
    add("--size", default="small", help="of a model from scratch")
    add("--checkpoint", default="", help="train this one further instead")
    add("--cameras", default="", help="names of the pictures it sees, with commas; else all")
    add("--robot", default="tiago_pro_sim", help="contract by name, or a YAML file: its key")
    add("--steps", type=int, default=usual.steps, help="updates of the weights")
    add("--minutes", type=float, default=0.0, help="end by the clock, if that is earlier")
    add("--batch", type=int, default=usual.batch, help="observations per update and process")
    add("--accumulate", type=int, default=1, help="batches per update")
    add("--draws", type=int, default=4, help="noises and times per observation")
    add("--rate", type=float, default=usual.rate, help="highest learning rate")
    add("--jitter", type=float, default=usual.jitter, help="brightness and contrast, as a share")
    add("--truth", type=float, default=0.1, help="weight of the named object's place; 0: without")
    add(
        "--place",
        type=float,
        default=0.0,
        help="weight of the place of every image token in its picture; 0: without",
    )
    add(
        "--discrete",
        type=float,
        default=0.0,
        help="weight of discrete action tokens, whose tokenizer is trained first; 0: without",
    )
    add(
        "--align",
        type=float,
        default=0.0,
        help="weight, in that tokenizer, of alignment with what changes in the pictures",
    )
    add(
        "--next-frame",
        type=float,
        default=0.0,
        help="weight, in that tokenizer, of the pictures behind a chunk",
    )
    add(
        "--text",
        type=float,
        default=0.0,
        help="weight of the next step in words, where the dataset says it; 0: without",
    )
    add(
        "--beginnings",
        type=float,
        default=0.25,
        help="share of observations from the first half second of episodes",
    )
    add(
        "--glances",
        type=float,
        default=0.25,
        help="share of observations that are only looked at, where the dataset has some",
    )
    add(
        "--insulate",
        action="store_true",
        help="what acts learns from the flow loss, what sees and reads only from the others",
    )
    add("--plain-rows", action="store_true", help="squared errors as they are, far rows the most")
    add("--freeze", action="append", default=[], metavar="NAME", help="e.g. visual. or model.")
    add("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    add("--seed", type=int, default=0)
    add("--validate-every", type=int, default=usual.validate_every)
    add("--save-every", type=int, default=usual.save_every)
    add("--threads", type=int, default=0, help="of the processor; 0: as many as torch thinks")
    add("--compile", action="store_true", help="compile blocks first: half a minute, then faster")
    add("--resume", action="store_true", help="go on from the state in the output folder")


def run(options: argparse.Namespace) -> int:
    """Train; print a line at every look at the validation split.

    Raises:
        WallOssError: if dataset, checkpoint or an option cannot be used.
    """
    settings = TrainSettings(
        steps=options.steps,
        minutes=options.minutes,
        batch=options.batch,
        accumulate=options.accumulate,
        rate=options.rate,
        jitter=options.jitter,
        frozen=tuple(options.freeze),
        validate_every=options.validate_every,
        save_every=options.save_every,
        seed=options.seed,
    )
    if not 0.0 <= options.beginnings <= 1.0:
        raise ModelError(f"--beginnings: got {options.beginnings:g}; expected 0 to 1")
    if not 0.0 <= options.glances < 1.0:
        raise ModelError(f"--glances: got {options.glances:g}; expected 0 to below 1")
    if options.threads:
        torch.set_num_threads(options.threads)
    mixed = options.precision == "bfloat16" or (
        options.precision == "auto" and not options.checkpoint
    )
    # Where only some losses are wanted, parts of the model learn nothing, and that is meant so.
    parts = DistributedDataParallelKwargs(find_unused_parameters=True)
    accelerator = Accelerator(mixed_precision="bf16" if mixed else "no", kwargs_handlers=[parts])
    output = Path(options.output).expanduser().resolve()
    dataset = open_dataset(Path(options.dataset).expanduser())
    if options.text and not dataset.subtasks:
        raise DatasetError(
            f"--text: got {options.text:g}, but {dataset.root} does not say what is to be done "
            "next; collect it anew, or leave --text out"
        )
    if options.resume:
        state_of(output)  # said before anything is read
    # What the first process writes the others read.
    with accelerator.main_process_first():
        first = accelerator.is_main_process
        start = starting_model(options, dataset, output, first)
        found = batches_of(options, dataset, start, output / CACHE)
        if options.discrete:
            tokenize(options, found, start, output, first)
    objective = Objective(
        start.model,
        ObjectiveSettings(
            draws=options.draws,
            truth=options.truth,
            truth_dim=found[TRAIN].truth_dim,
            place=options.place,
            discrete=options.discrete,
            text=options.text,
            insulate=options.insulate,
        ),
        compiled() if options.compile else call,
        None if options.plain_rows else found[TRAIN].row_weights(),
    )
    trainer = Trainer(
        start,
        objective,
        found[TRAIN],
        found.get(VALIDATION),
        settings,
        output,
        accelerator,
        options.resume,
    )
    if accelerator.is_main_process:
        count = sum(value.numel() for value in start.model.parameters())
        print(
            f"{count / 1e6:.2f} million parameters, {len(found[TRAIN].samples)} frames of "
            f"{len(splits_of(dataset)[TRAIN])} episodes; log: {output / LOG_FILE}",
            flush=True,
        )
    trainer.run(time.monotonic, _show)
    return 0


def _show(row: Mapping[str, float]) -> None:
    words = [f"{name} {value:.4g}" for name, value in row.items()]
    print("  ".join(words), flush=True)
