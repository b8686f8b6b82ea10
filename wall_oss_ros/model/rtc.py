"""Real-time chunking: a new chunk that goes on from the rows the robot is already following.

Ways to tell a flow what its first rows are, each made from a `Continuation`. `pull` is for
`pulled`, which draws every step towards the old rows, hard where they are committed and ever softer
behind (Black et al., "Real-Time Execution of Action Chunking Flow Policies", arXiv 2506.07339;
pseudo-inverse guidance of flows, Pokle et al., arXiv 2310.04432). That costs a backward pass
through the action rows in every step; `Guidance.gradient` off leaves it out (`replaced`). `hold` is
for `flow.sliding`, which takes the committed rows straight from noise to what they are while the
rest is generated in sight of them, as in arXiv 2512.05964 but for a model that was not trained for
it: the rows arrive with the flow, as noisy as rows should be at that time, not clean from the
start. After any, `with_prefix` sets the committed rows exactly.

Rows are normalised and relative to the new observation's state (`core.committed` makes them so);
t = 0 is noise and t = 1 the action, as in `flow`. Without rows to go on from all give the chunk
that the model gives by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from wall_oss_ros.core.errors import ModelError, choices
from wall_oss_ros.model.flow import Velocity

# Weight of an overlapping row by how early in the overlap it is, from near 1 to near 0.
SCHEDULES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "exp": lambda early: early * torch.expm1(early) / (math.e - 1.0),
    "linear": lambda early: early,
    "ones": torch.ones_like,
    "zeros": torch.zeros_like,
}


@dataclass(frozen=True, slots=True)
class Guidance:
    """How a new chunk is pulled towards the old one.

    Attributes:
        schedule: how the pull fades over the overlap behind the committed rows: "exp" (equation 5
            of the paper), "linear", "ones" (not at all), "zeros" (at once).
        max_weight: largest weight of the correction. One Euler step of length 1 / n closes w / n of
            the difference, so more than the number of steps overshoots and less leaves some of it;
            the paper has 5 for its 5 steps, LeRobot 10 for 10.
        spread: standard deviation of the chunks that the model gives for one observation,
            normalised. The paper has 1, all there is of the range; a model that knows what to do
            spreads less, and a pull that is weighted for 1 leaves most of the difference (Soare,
            "Smooth-As-Butter Robot Policies", 2025, has 0.2).
        overlap_end: first row that is free; None for as far as the old chunk reaches.
        gradient: whether the correction is taken back through the network, as in the paper. Off,
            every number is corrected by itself and `spread` is not read, see `replaced`.
    """

    schedule: str = "exp"
    max_weight: float = 10.0
    spread: float = 0.2
    overlap_end: int | None = None
    gradient: bool = True

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ModelError: naming the one that is wrong.
        """
        if self.schedule not in SCHEDULES:
            raise ModelError(f"guidance schedule '{self.schedule}'; one of {choices(SCHEDULES)}")
        if not 0.0 <= self.max_weight < math.inf:
            raise ModelError(f"guidance max_weight is {self.max_weight}; expected 0 or more")
        if not 0.0 < self.spread < math.inf:
            raise ModelError(f"guidance spread is {self.spread}; expected more than 0")
        if self.overlap_end is not None and self.overlap_end < 0:
            raise ModelError(f"guidance overlap_end is {self.overlap_end}; expected 0 or more rows")

    def weights(self, delay: int, valid_rows: int, horizon: int) -> Tensor:
        """Return the weight of each row (horizon,), 0 where the old chunk has none.

        Args:
            delay: rows that are committed, not to be chosen any more.
            valid_rows: rows that the old chunk still has.
            horizon: rows of the new chunk.

        Raises:
            ModelError: for more committed rows than there are.
        """
        if not 0 <= delay <= valid_rows:
            raise ModelError(f"{delay} rows are committed, the old chunk has {valid_rows} left")
        end = valid_rows if self.overlap_end is None else min(self.overlap_end, valid_rows)
        return prefix_weights(min(delay, horizon), max(delay, end), horizon, self.schedule)


@dataclass(frozen=True, slots=True, eq=False)
class Continuation:
    """What a new chunk goes on from.

    Attributes:
        rows: (B, V, D) normalised rows of the old chunk, the first V of the new one.
        delay: rows that are committed, at most V.
        guidance: how it is pulled towards them; None to hold the committed rows and nothing else.
    """

    rows: Tensor
    delay: int
    guidance: Guidance | None = None

    def pull(self, dof_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return target and weight of each number, (B, H, D), for `pulled`.

        What stands in a row of weight 0 is not read.

        Raises:
            ModelError: for shapes that do not fit, rows that are missing or not finite.
        """
        horizon, valid = dof_mask.shape[1], self.rows.shape[1]
        weights = (self.guidance or Guidance()).weights(self.delay, valid, horizon).to(dof_mask)
        bound = weights > 0
        needed = int(bound.nonzero().max()) + 1 if bool(bound.any()) else 0
        target, pull = _rows(self.rows, dof_mask, needed), weights[:, None] * dof_mask
        _check_finite(target, pull)
        return target, pull

    def hold(self, free: Tensor, target: Tensor, dof_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return `free` and `target` (B, H, D) of `flow.sliding` with the committed rows held.

        Only active dimensions are; the others stay as given. Where the times end before 1 the held
        rows do too: `with_prefix` sets them afterwards.

        Raises:
            ModelError: for shapes that do not fit, rows that are missing or not finite.
        """
        free, target = free.expand(dof_mask.shape), target.expand(dof_mask.shape)
        if self.delay == 0:
            return free, target
        rows, held = _held(self.rows, self.delay, dof_mask)
        return torch.where(held, 0.0, free), torch.where(held, rows, target)


def prefix_weights(delay: int, overlap_end: int, horizon: int, schedule: str) -> Tensor:
    """Return how much each row of a chunk is bound to the old one, (horizon,) float32.

    Args:
        delay: rows from the start that are committed: 1.
        overlap_end: first row that is free: 0 from there on.
        horizon: rows of the chunk.
        schedule: how it falls in between, see `Guidance`.

    Raises:
        ModelError: if the rows are out of order or the schedule is unknown.
    """
    if schedule not in SCHEDULES:
        raise ModelError(f"guidance schedule '{schedule}'; expected one of {choices(SCHEDULES)}")
    if not 0 <= delay <= overlap_end or delay > horizon:
        raise ModelError(
            f"{delay} committed rows in an overlap of {overlap_end} and a chunk of {horizon}; "
            "expected 0 <= committed <= overlap, and no more than the chunk"
        )
    row = torch.arange(horizon, dtype=torch.float32)
    early = ((overlap_end - row) / (overlap_end - delay + 1)).clamp(0.0, 1.0)
    fading = torch.where(row < overlap_end, SCHEDULES[schedule](early), 0.0)
    return torch.where(row < delay, 1.0, fading)


def guidance_weight(time: Tensor, guidance: Guidance) -> Tensor:
    """Return the weight of the correction at times (...): min(max, (1 - t) / (t r^2)).

    r^2 = s^2 (1 - t)^2 / (s^2 t^2 + (1 - t)^2) is how uncertain the estimate of the end is: the
    variance of a, given x(t) = (1 - t) noise + t a, for data of spread s. The weight has no bound
    at either end, hence the largest one.
    """
    rest, spread = 1.0 - time, guidance.spread * guidance.spread
    inverse = spread * time * time + rest * rest
    weight = inverse / (spread * time * rest).clamp(min=0.0)
    return weight.clamp(max=guidance.max_weight)


def replaced(
    speed: Tensor, x: Tensor, time: Tensor, target: Tensor, pull: Tensor, guidance: Guidance
) -> Tensor:
    """Return a velocity (B, H, D) that heads for the rows of the old chunk where it is bound.

    The action that x(t) is heading for is moved to the old row by as much as it is bound to it. For
    numbers that are independent and normal it is what `pulled` does, whatever their spread s: the
    gradient of that action is s^2 t / (s^2 t^2 + (1 - t)^2), which `guidance_weight` divides by to
    leave 1 / (1 - t). Rows that are not bound follow as the network sees the bound ones move.

    Args:
        speed: (B, H, D) the network's velocity.
        x: (B, H, D) where it was taken.
        time: () when.
        target: (B, H, D) where the rows should end; not read where `pull` is 0.
        pull: (B, H, D) weight of each number.
        guidance: bounds the correction.
    """
    rest = 1.0 - time
    missing = torch.where(pull > 0, target - (x + rest * speed), 0.0) * pull
    return speed + (1.0 / rest).clamp(max=guidance.max_weight) * missing


def pulled(
    velocity: Velocity, target: Tensor, pull: Tensor, dof_mask: Tensor, guidance: Guidance
) -> Velocity:
    """Return a velocity that is pulled towards the rows of the old chunk.

    The action that x(t) is heading for is x + (1 - t) v(x, t). Its weighted distance to the old
    rows is taken back through the network to x, which says how x has to change, in every row and
    not only in the bound ones, for the end to come nearer.

    Args:
        velocity: of all dimensions; differentiable in x, for a guidance with gradient.
        target: (B, H, D) where the rows should end, from `Continuation.pull`, which checks it;
            not read where `pull` is 0.
        pull: (B, H, D) weight of each number.
        dof_mask: (B, H, D), 1 for active dimensions; the others are left to `flow.sliding`.
        guidance: how strong the pull is.

    Raises:
        ModelError: when a gradient is taken under ``torch.inference_mode``, which allows none.
    """
    if not guidance.gradient:
        return lambda x, time: replaced(velocity(x, time), x, time, target, pull, guidance)

    def changed(x: Tensor, time: Tensor) -> Tensor:
        if torch.is_inference_mode_enabled():
            raise ModelError(
                "guidance takes a gradient, which torch.inference_mode forbids; use torch.no_grad"
            )
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            speed = velocity(x, time)
            end = x + (1.0 - time) * speed
            missing = torch.where(pull > 0, target - end.detach(), 0.0) * pull
            (correction,) = torch.autograd.grad(end, x, missing)
        return speed.detach() + guidance_weight(time, guidance) * correction * dof_mask

    return changed


def with_prefix(actions: Tensor, committed: Tensor, delay: int, dof_mask: Tensor) -> Tensor:
    """Return a finished chunk (B, H, D) with its first rows exactly as they were committed.

    Raises:
        ModelError: as `Continuation.hold`.
    """
    if delay == 0:
        return actions
    target, held = _held(committed, delay, dof_mask)
    return torch.where(held, target, actions)


def _held(committed: Tensor, delay: int, dof_mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return the target (B, H, D) and where it counts."""
    if delay < 0:
        raise ModelError(f"{delay} committed rows; expected 0 or more")
    target = _rows(committed, dof_mask, delay)
    first = torch.arange(dof_mask.shape[1], device=dof_mask.device) < delay
    held = first[:, None] & (dof_mask > 0)
    _check_finite(target, held)
    return target, held


def _rows(committed: Tensor, dof_mask: Tensor, needed: int) -> Tensor:
    """Return the rows in the shape of the chunk; what is filled up is read by nobody."""
    batch, horizon, width = dof_mask.shape
    shape = tuple(committed.shape)
    if len(shape) != 3 or (shape[0], shape[2]) != (batch, width) or shape[1] > horizon:
        raise ModelError(
            f"committed rows are {shape}; expected ({batch}, up to {horizon}, {width})"
        )
    if needed > shape[1]:
        raise ModelError(f"{needed} rows are bound to the old chunk, which has {shape[1]} left")
    return functional.pad(committed.to(dof_mask), (0, 0, 0, horizon - shape[1]), value=math.nan)


def _check_finite(target: Tensor, read: Tensor) -> None:
    wrong = (~torch.isfinite(target) & (read > 0)).nonzero()
    if len(wrong):
        _, row, column = wrong[0].tolist()
        raise ModelError(f"committed row {row} is not finite in dimension {column}")
