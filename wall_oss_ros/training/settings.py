"""How training goes, in one table."""

from __future__ import annotations

import math
from dataclasses import dataclass

from wall_oss_ros.core.errors import ModelError


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Numbers of a training.

    Attributes:
        steps: updates of the weights.
        minutes: ends by the clock instead, the learning rate with it; 0: never.
        batch: observations per update and process.
        accumulate: batches whose gradients are summed up for an update.
        rate: highest learning rate.
        warm_up: updates until it is reached.
        decay: weight decay of matrices.
        clip: largest norm of the gradients.
        average: decay of the running average of the weights, which is what is saved.
        jitter: brightness and contrast of pictures, as a share.
        frozen: parameters whose names begin with one of these do not change, e.g. "visual.".
        validate_every: updates between two looks at the validation split.
        measured: frames of it at each look.
        save_every: updates between two checkpoints.
        seed: of weights, order, noise and times.
    """

    steps: int = 20_000
    minutes: float = 0.0
    batch: int = 32
    accumulate: int = 1
    rate: float = 1e-3
    warm_up: int = 200
    decay: float = 0.02
    clip: float = 1.0
    average: float = 0.998
    jitter: float = 0.1
    frozen: tuple[str, ...] = ()
    validate_every: int = 500
    measured: int = 256
    save_every: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ModelError: naming the setting.
        """
        for name in ("steps", "batch", "accumulate", "validate_every", "measured", "save_every"):
            if getattr(self, name) < 1:
                raise ModelError(f"{name} is {getattr(self, name)}; expected 1 or more")
        for name in ("minutes", "decay", "jitter", "warm_up", "seed"):
            if getattr(self, name) < 0:
                raise ModelError(f"{name} is {getattr(self, name)}; expected 0 or more")
        if self.rate <= 0 or self.clip <= 0 or not 0 <= self.average < 1:
            raise ModelError(
                f"rate {self.rate}, clip {self.clip}, average {self.average}; expected above 0, "
                "above 0, and 0 to below 1"
            )

    def rate_at(self, step: int, progress: float) -> float:
        """Return the learning rate: a linear start, then half a cosine down to a hundredth.

        Args:
            step: updates so far.
            progress: of the whole training, 0 to 1.
        """
        start = min(1.0, (step + 1) / max(self.warm_up, 1))
        down = 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))
        return self.rate * start * down
