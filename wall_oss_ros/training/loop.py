"""The loop: batches, gradients, the running average, looks at the validation split, checkpoints.

Several processors and machines are the business of `accelerate`: start with `accelerate launch -m
wall_oss_ros.cli.main train ...`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from wall_oss_ros.core.errors import ModelError
from wall_oss_ros.model.normalizer import Normalizers
from wall_oss_ros.model.save import save
from wall_oss_ros.training.average import WeightAverage
from wall_oss_ros.training.batches import Batches
from wall_oss_ros.training.objective import Objective
from wall_oss_ros.training.settings import TrainSettings
from wall_oss_ros.training.start import Start
from wall_oss_ros.training.validation import measure

LOG_FILE, STATE_FOLDER = "training.csv", "state"
COLUMNS = (
    *("step", "seconds", "rate", "loss", "flow", "truth", "place", "discrete", "text"),
    *("val_near_mm", "val_first_mm", "val_far_mm", "val_still_mm", "val_gripper", "val_truth"),
)


class Progress:
    """How far a training is; saved with it."""

    def __init__(self) -> None:
        self.step, self.seconds = 0, 0.0

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` takes."""
        return {"step": self.step, "seconds": self.seconds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved one."""
        self.step, self.seconds = int(state["step"]), float(state["seconds"])


class Trainer:
    """One training.

    Args:
        start: model and words.
        objective: the loss of that model.
        train: batches to learn from.
        validation: batches to look at, or None.
        settings: see there.
        output: folder of checkpoint, log and state.
        accelerator: of this process.
        resume: go on from the state in the folder.

    Raises:
        ModelError: if there is nothing to go on from, or nothing left to train.
    """

    def __init__(
        self,
        start: Start,
        objective: Objective,
        train: Batches,
        validation: Batches | None,
        settings: TrainSettings,
        output: Path,
        accelerator: Accelerator,
        resume: bool = False,
    ) -> None:
        self._start, self._settings, self._output = start, settings, output
        self._train, self._validation, self._accelerator = train, validation, accelerator
        self._plain = objective
        _freeze(objective, settings.frozen)
        self._optimizer = torch.optim.AdamW(
            _groups(objective, settings.decay), lr=settings.rate, betas=(0.9, 0.95)
        )
        self._objective, self._optimizer = accelerator.prepare(objective, self._optimizer)
        self.average = WeightAverage(objective.model, settings.average)
        self.progress = Progress()
        accelerator.register_for_checkpointing(self.average, self.progress)
        if resume:
            accelerator.load_state(str(state_of(output)))
        elif accelerator.is_main_process:
            output.mkdir(parents=True, exist_ok=True)
            with (output / LOG_FILE).open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerow(COLUMNS)
        # Each process draws for itself, and a resumed training draws anew.
        seed = settings.seed + 1000 * accelerator.process_index + 7919 * self.progress.step
        self._generator = torch.Generator().manual_seed(seed)

    def run(
        self,
        clock: Callable[[], float],
        report: Callable[[Mapping[str, float]], None] = lambda row: None,
    ) -> None:
        """Train to the end, and save.

        Args:
            clock: seconds, for the log and for ``minutes``.
            report: called with every row of the log.
        """
        settings, progress = self._settings, self.progress
        began = clock() - progress.seconds
        sums: dict[str, float] = {}
        counted = 0
        while (done := self._done(clock() - began)) < 1.0:
            rate = settings.rate_at(progress.step, done)
            for group in self._optimizer.param_groups:
                group["lr"] = rate
            for name, value in self._update().items():
                sums[name] = sums.get(name, 0.0) + value
            counted += 1
            progress.step += 1
            progress.seconds = clock() - began
            if progress.step % settings.validate_every == 0:
                row = {name: value / counted for name, value in sums.items()}
                self._log({"rate": rate, **row, **self._look()}, report)
                sums, counted = {}, 0
            if progress.step % settings.save_every == 0:
                self.save()
        if counted:
            row = {name: value / counted for name, value in sums.items()}
            self._log({"rate": rate, **row, **self._look()}, report)
        self.save()

    def save(self) -> None:
        """Write the averaged weights as a checkpoint, and the state to go on from."""
        accelerator = self._accelerator
        if accelerator.is_main_process:
            model = self._plain.model
            save(
                self._output,
                model.config,
                self.average.values,
                Normalizers(model.normalizers.action, model.normalizers.state),
                self._start.folder,
            )
        accelerator.save_state(str(self._output / STATE_FOLDER))

    def _done(self, seconds: float) -> float:
        """Return how much of the training is over, 0 to 1; the same in all processes."""
        done = self.progress.step / self._settings.steps
        if self._settings.minutes:
            done = max(done, seconds / (60.0 * self._settings.minutes))
            # Clocks differ, and a process that ended alone would let the others wait for ever.
            told = torch.tensor([done], device=self._accelerator.device, dtype=torch.float64)
            done = float(self._accelerator.gather(told).max())
        return done

    def _update(self) -> dict[str, float]:
        settings, accelerator = self._settings, self._accelerator
        found: dict[str, float] = {}
        self._optimizer.zero_grad()
        for part in range(settings.accumulate):
            batch = self._train.draw(settings.batch, self._generator).to(accelerator.device)
            draw = self._plain.draw(batch, self._generator)
            last = part == settings.accumulate - 1
            quiet = nullcontext() if last else accelerator.no_sync(self._objective)
            with quiet, _attention(accelerator.device):
                with accelerator.autocast():
                    losses: dict[str, Tensor] = self._objective(batch, draw)
                accelerator.backward(losses["loss"] / settings.accumulate)
            for name, value in losses.items():
                found[name] = found.get(name, 0.0) + float(value.detach()) / settings.accumulate
        accelerator.clip_grad_norm_(self._objective.parameters(), settings.clip)
        self._optimizer.step()
        self.average.update(self._plain.model)
        return found

    def _look(self) -> dict[str, float]:
        """Return the errors of the averaged weights on the validation split."""
        if self._validation is None or not self._accelerator.is_main_process:
            return {}
        model, key = self._plain.model, self._start.key
        size = min(32, self._settings.batch)
        with _as_averaged(model, self.average), self._accelerator.autocast():
            errors = measure(
                model,
                self._validation,
                model.normalizers.action[key],
                count=self._settings.measured,
                size=size,
                generator=torch.Generator().manual_seed(0),
            )
            truth = self._look_for_truth(self._validation, size)
        return {f"val_{name}": value for name, value in (asdict(errors) | truth).items()}

    @torch.no_grad()
    def _look_for_truth(self, validation: Batches, size: int) -> dict[str, float]:
        """Return the loss on where the named object is, of glances and of first frames."""
        generator = torch.Generator().manual_seed(0)
        found = []
        for _ in range(max(1, self._settings.measured // size)):
            batch = validation.draw(size, generator, 1.0, 0.5).to(self._accelerator.device)
            truth = self._plain.truth(batch)
            if truth is not None:
                found.append(float(truth))
        return {"truth": sum(found) / len(found)} if found else {}

    def _log(self, row: Mapping[str, float], report: Callable[[Mapping[str, float]], None]) -> None:
        if not self._accelerator.is_main_process:
            return
        full = {"step": self.progress.step, "seconds": self.progress.seconds, **row}
        with (self._output / LOG_FILE).open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, COLUMNS, restval="", extrasaction="ignore").writerow(
                {name: f"{value:.6g}" for name, value in full.items()}
            )
        report(full)


def state_of(output: Path) -> Path:
    """Return the folder from which a training goes on.

    Raises:
        ModelError: if there is none.
    """
    folder = output / STATE_FOLDER
    if not folder.is_dir():
        raise ModelError(f"no {folder} to go on from; leave --resume out")
    return folder


def _attention(device: torch.device) -> AbstractContextManager[Any]:
    """Return how attention runs: on a processor the fused kernel is the slowest by far.

    Its backward pass took two thirds of a step of the small model.
    """
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def _freeze(objective: nn.Module, beginnings: tuple[str, ...]) -> None:
    free = 0
    for name, parameter in objective.named_parameters():
        if any(name.removeprefix("model.").startswith(each) for each in beginnings):
            parameter.requires_grad_(False)
        free += parameter.requires_grad
    if not free:
        raise ModelError(f"nothing is left to train without {', '.join(beginnings)}")


def _groups(module: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Return matrices with weight decay, and the rest without."""
    free = [parameter for parameter in module.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in free if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in free if p.ndim <= 1], "weight_decay": 0.0},
    ]


@contextmanager
def _as_averaged(model: nn.Module, average: WeightAverage) -> Iterator[None]:
    """Give a model the averaged weights for a while."""
    own = {name: value.detach().clone() for name, value in model.named_parameters()}
    try:
        with torch.no_grad():
            for name, value in model.named_parameters():
                value.copy_(average.values[name])
        yield
    finally:
        with torch.no_grad():
            for name, value in model.named_parameters():
                value.copy_(own[name])
