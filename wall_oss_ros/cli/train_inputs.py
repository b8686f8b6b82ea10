"""What a training takes its model, its batches and its action tokens from, as the options say."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from wall_oss_ros.cli.names import names_in
from wall_oss_ros.core.contract import find_contract, load_contract
from wall_oss_ros.core.errors import CheckpointError
from wall_oss_ros.data.dataset_reader import Dataset
from wall_oss_ros.data.dataset_writer import TRAIN
from wall_oss_ros.data.export import VALIDATION
from wall_oss_ros.model.processor import Processor, ProcessorSettings
from wall_oss_ros.ros.locations import robots_folder
from wall_oss_ros.training.action_tokenizer import (
    TOKENIZER_FILE,
    ActionTokenizer,
    ActionTokenizerSettings,
    train_action_tokenizer,
)
from wall_oss_ros.training.batches import Batches
from wall_oss_ros.training.sample_cache import cached_samples
from wall_oss_ros.training.start import Start, from_checkpoint, from_scratch

_TEXTS = 0.25  # share of observations that are asked for words, too


def starting_model(
    options: argparse.Namespace, dataset: Dataset, output: Path, first: bool
) -> Start:
    """Return what training starts from.

    Args:
        options: of the command.
        dataset: to learn from.
        output: folder of the checkpoint.
        first: whether this process is the first, which writes what belongs to the model.

    Raises:
        WallOssError: if checkpoint, statistics or a camera are missing.
    """
    cameras = names_in(options.cameras)
    key = load_contract(find_contract(options.robot, robots_folder())).model.normalizer_key
    key = key or "dataset"
    if options.checkpoint:
        dtype = torch.float32 if options.precision == "float32" else torch.bfloat16
        folder = Path(options.checkpoint).expanduser()
        return from_checkpoint(dataset, folder, key, dtype, cameras)
    return from_scratch(
        dataset,
        options.size,
        cameras,
        output,
        key,
        options.seed,
        ActionTokenizerSettings().vocabulary if options.discrete else 0,
        has_words=options.resume or not first,
    )


def splits_of(dataset: Dataset) -> Mapping[str, range]:
    """Return the numbers of the episodes of every split; without splits all are learnt from."""
    return dataset.splits or {TRAIN: range(len(dataset.episodes))}


def batches_of(
    options: argparse.Namespace, dataset: Dataset, start: Start, cache: Path
) -> dict[str, Batches]:
    """Return the batches of every split that has episodes.

    Args:
        options: of the command.
        dataset: to learn from.
        start: the model and its words.
        cache: folder for the pictures once they are read.

    Raises:
        DatasetError: if the dataset lacks something.
    """
    model, config = start.model, start.model.config
    processor = Processor(
        start.tokenizer, config, ProcessorSettings(resolution=config.resolution, max_length=8192)
    )
    action, state = (s[start.key] for s in (model.normalizers.action, model.normalizers.state))
    glances = options.glances if options.truth else 0.0
    texts = _TEXTS if options.text else 0.0
    found: dict[str, Batches] = {}
    for name in (TRAIN, VALIDATION):
        episodes = splits_of(dataset).get(name, range(0))
        if not len(episodes):
            continue
        total = sum(dataset.episodes[number].length for number in episodes)
        with tqdm(total=total, unit=" frames", desc=name, leave=False) as bar:

            def advance(frames: int, bar: Any = bar) -> None:
                bar.update(frames)

            samples = cached_samples(cache, dataset, episodes, config, advance)
        shares = (options.jitter, options.beginnings, glances, texts) if name == TRAIN else ()
        found[name] = Batches(samples, processor, config, action, state, *shares)
    return found


def tokenize(
    options: argparse.Namespace,
    found: Mapping[str, Batches],
    start: Start,
    output: Path,
    first: bool,
) -> None:
    """Give all batches discrete action tokens, and keep their tokenizer.

    Args:
        options: of the command.
        found: batches by split.
        start: the model and its words.
        output: folder of the checkpoint.
        first: whether this process is the first, which trains a tokenizer where there is none.

    Raises:
        CheckpointError: if the tokenizer cannot be read, or the model has too few rows for it.
    """
    # A checkpoint's tokens go on meaning what they mean; a model from scratch has none yet.
    known = start.folder if options.checkpoint else None
    if options.resume or not first:
        known = output
    train = found[TRAIN]
    if known is None or not (known / TOKENIZER_FILE).is_file():
        begin = time.monotonic()
        settings = ActionTokenizerSettings(align=options.align, next_frame=options.next_frame)
        looks = bool(options.align or options.next_frame)
        tokenizer = train_action_tokenizer(
            train.whole_chunks(),
            train.columns,
            settings,
            options.seed,
            train.seen_around_chunks() if looks else None,
        )
        print(f"action tokenizer: trained in {time.monotonic() - begin:.0f} s", flush=True)
    else:
        tokenizer = ActionTokenizer.load(known)
    if known != output or not (output / TOKENIZER_FILE).is_file():
        tokenizer.save(output)
    words, rows = start.tokenizer.size, start.model.config.vocab_size
    if words + tokenizer.vocabulary > rows:
        raise CheckpointError(
            f"{tokenizer.vocabulary} action tokens behind {words} words need as many rows; the "
            f"model's embedding has {rows}"
        )
    for batches in found.values():
        batches.tokenize(tokenizer, words)
