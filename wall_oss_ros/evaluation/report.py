"""What an evaluation found: a table for people, every episode for others, a picture."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np

from wall_oss_ros.core.errors import DatasetError
from wall_oss_ros.evaluation.episode import Outcome
from wall_oss_ros.evaluation.interval import bootstrap, wilson

mpl.use("Agg")  # before pyplot: no display is needed
from matplotlib import pyplot as plt

_HEAD = (
    f"{'task':11} {'control':19} {'speed':>5} {'success':>8} {'95 %':>11} {'progress':>8} "
    f"{'95 %':>11} {'time':>7} {'ms p50':>7} {'p95':>5} {'cut':>5} {'limited':>7} {'stops':>5}"
)


@dataclass(frozen=True, slots=True)
class Row:
    """Episodes of one task, control and speed.

    Attributes:
        task: of the simulator.
        control: what the policy was told.
        speed: part of the speed that the policy meant.
        episodes: how many.
        successes: how many of them.
        success_range: 95 % interval of their share, 0 to 1.
        progress: mean, 0 to 100.
        progress_range: its 95 % interval.
        seconds: median time of the successes [s], or None.
        thinking_ms: median of the episodes' medians, and their largest 95th percentile [ms].
        cut: share of chunks that look-ahead cut, 0 to 1.
        limited: commands per episode that a rule changed.
        stops: episodes in which motion was revoked.
    """

    task: str
    control: str
    speed: float
    episodes: int
    successes: int
    success_range: tuple[float, float]
    progress: float
    progress_range: tuple[float, float]
    seconds: float | None
    thinking_ms: tuple[float, float]
    cut: float
    limited: float
    stops: int


def rows(outcomes: Sequence[Outcome], rng: np.random.Generator) -> tuple[Row, ...]:
    """Return the table's rows, sorted; the generator resamples for intervals."""
    groups: dict[tuple[str, str, float], list[Outcome]] = {}
    for outcome in sorted(outcomes, key=lambda each: each.case.seed):
        case = outcome.case
        groups.setdefault((case.task, case.control, case.speed), []).append(outcome)
    return tuple(_row(key, group, rng) for key, group in sorted(groups.items()))


def _row(key: tuple[str, str, float], group: Sequence[Outcome], rng: np.random.Generator) -> Row:
    progress = [outcome.progress for outcome in group]
    successes = [outcome for outcome in group if outcome.success]
    chunks = sum(outcome.chunks for outcome in group)
    return Row(
        *key,
        episodes=len(group),
        successes=len(successes),
        success_range=wilson(len(successes), len(group)),
        progress=float(np.mean(progress)),
        progress_range=bootstrap(progress, rng),
        seconds=float(np.median([each.seconds for each in successes])) if successes else None,
        thinking_ms=(
            float(np.median([outcome.thinking_ms[0] for outcome in group])),
            max(outcome.thinking_ms[1] for outcome in group),
        ),
        cut=sum(outcome.cut for outcome in group) / max(chunks, 1),
        limited=float(np.mean([outcome.limited + outcome.held for outcome in group])),
        stops=sum(bool(outcome.revoked) for outcome in group),
    )


def table(found: Sequence[Row]) -> str:
    """Return the rows as text."""
    return "\n".join([_HEAD, *map(_line, found)])


def _line(row: Row) -> str:
    low, high = (100 * bound for bound in row.success_range)
    seconds = "-" if row.seconds is None else f"{row.seconds:.1f} s"
    return (
        f"{row.task:11} {row.control:19} {row.speed:5.2g} {row.successes:4}/{row.episodes:<3} "
        f"{low:4.0f}-{high:.0f} %".ljust(59)
        + f"{row.progress:8.1f} {row.progress_range[0]:5.1f}-{row.progress_range[1]:<5.1f} "
        f"{seconds:>7} {row.thinking_ms[0]:7.1f} {row.thinking_ms[1]:5.0f} {row.cut:5.1%} "
        f"{row.limited:7.1f} {row.stops:5}"
    )


def write_episodes(outcomes: Sequence[Outcome], file: Path) -> None:
    """Write a CSV with a line per episode.

    Raises:
        DatasetError: if it cannot be written.
    """
    lines = [_columns(outcome) for outcome in sorted(outcomes, key=_order)]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.DictWriter(opened, list(lines[0]))
            writer.writeheader()
            writer.writerows(lines)
    except OSError as error:
        raise DatasetError(f"cannot write {file}: {error.strerror or error}") from None


def _order(outcome: Outcome) -> tuple[str, str, int]:
    return outcome.case.task, outcome.case.control, outcome.case.seed


def _columns(outcome: Outcome) -> Mapping[str, object]:
    case = outcome.case
    return {
        "task": case.task,
        "control": case.control,
        "speed": case.speed,
        "seed": case.seed,
        "instruction": outcome.instruction,
        "success": int(outcome.success),
        "progress": f"{outcome.progress:g}",
        "milestones": "; ".join(outcome.milestones),
        "seconds": f"{outcome.seconds:.2f}",
        "chunks": outcome.chunks,
        "thinking_ms_p50": f"{outcome.thinking_ms[0]:.2f}",
        "thinking_ms_p95": f"{outcome.thinking_ms[1]:.2f}",
        "chunks_cut": outcome.cut,
        "commands_limited": outcome.limited,
        "commands_held": outcome.held,
        "revoked": outcome.revoked,
        "unanswered": outcome.failures,
    }


def plot(found: Sequence[Row], file: Path) -> None:
    """Draw progress and success of every row with their intervals.

    Raises:
        DatasetError: if it cannot be written.
    """
    figure, axis = plt.subplots(figsize=(8, 1.2 + 0.55 * len(found)), layout="constrained")
    for place, row in enumerate(reversed(found)):
        shares = tuple(100 * bound for bound in row.success_range)
        share = 100 * row.successes / row.episodes
        for height, value, bounds, colour, label in (
            (place + 0.15, row.progress, row.progress_range, "tab:blue", "task progress"),
            (place - 0.15, share, shares, "tab:orange", "success"),
        ):
            axis.barh(height, value, 0.28, color=colour, label=label if not place else None)
            axis.plot(bounds, (height, height), color="black", linewidth=1.2)
    names = [f"{row.task}, {row.control}\nspeed {row.speed:g}" for row in reversed(found)]
    axis.set_yticks(range(len(found)), names)
    axis.set_xlim(0, 100)
    axis.set_xlabel("of 100; lines: 95 % interval")
    axis.legend(loc="lower right")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=110)
    except OSError as error:
        raise DatasetError(f"cannot write {file}: {error.strerror or error}") from None
    finally:
        plt.close(figure)
