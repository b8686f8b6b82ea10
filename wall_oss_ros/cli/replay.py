"""``wall-oss replay``: recorded observations through a policy, without a robot (open loop).

The second layer of evaluation: after `wall-oss check`, before anything moves. It tells whether a
policy does what was demonstrated, at the right scale, and whether it would be stopped.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from pathlib import Path
from typing import NoReturn

import numpy as np
from tqdm import tqdm

from wall_oss_ros.cli.bench.table import markdown
from wall_oss_ros.cli.policy_settings import add_settings, chosen_settings
from wall_oss_ros.core import action_space
from wall_oss_ros.core.errors import DatasetError, PolicyError
from wall_oss_ros.core.open_loop import DimensionFigures, column_figures, tool_figures
from wall_oss_ros.core.policy import Policy
from wall_oss_ros.data.chosen_bags import chosen_bags
from wall_oss_ros.data.episode_reader import RecordedEpisode, open_episode
from wall_oss_ros.data.norm_stats import dimension_names
from wall_oss_ros.data.open_loop import OpenLoop, run_open_loop
from wall_oss_ros.data.open_loop_plot import plot_open_loop
from wall_oss_ros.data.reasons import grouped
from wall_oss_ros.data.recorded_actions import SECOND_NS
from wall_oss_ros.policies.registry import make_policy

CSV_FILE = "open_loop.csv"
# Lines with less than this in them are not worth printing [m, 1, rad, m/s].
_STILL = 1e-4
_HEAD = ("", "rows", "mean", "p95", "max", "standing still", "scale", "at limits", "(executed)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    add("bags", nargs="+", help="recorded episodes, or folders of them")
    add("--policy", default="wall_oss", help="policy back end")
    add("--checkpoint", default="", help="what the policy loads")
    add_settings(parser)
    add("--rows", type=int, default=0, help="rows of each chunk that count as followed; 0: half")
    add("--instruction", default="", help="another one than the recorded")
    add(
        "--output",
        default="replay",
        metavar="FOLDER",
        help=f"for a picture per episode (PNG) and {CSV_FILE}",
    )
    add("--quiet", action="store_true", help="no progress bar")


def run(options: argparse.Namespace) -> int:
    """Print the table; write pictures and the table as CSV.

    Raises:
        WallOssError: if an episode or the policy cannot be used, or the target not be written.
    """
    episodes = [
        open_episode(bag)
        for bag in chosen_bags([Path(bag).expanduser() for bag in options.bags], [])
    ]
    output = _folder(options.output)
    policy = _policy(options, episodes)
    found = []
    for episode in episodes:
        rows = options.rows or max(1, episode.contract.action.horizon // 2)
        seconds = (episode.record.end_ns - episode.record.begin_ns) / SECOND_NS
        with tqdm(total=round(seconds, 1), unit=" s", disable=options.quiet, leave=False) as bar:

            def show(at_s: float, bar: tqdm[NoReturn] = bar) -> None:
                bar.update(round(at_s, 1) - bar.n)

            found.append(
                run_open_loop(
                    episode, policy, rows=rows, instruction=options.instruction, progress=show
                )
            )
        plot_open_loop(found[-1], output / f"{episode.path.name}.png")
    figures = _figures(found)
    print(markdown(_HEAD, [_cells(line) for line in figures if _moves(line)]))
    moving = {line.name for line in figures if _moves(line)}
    still = [
        part
        for part in action_space.PARTS
        if moving.isdisjoint(
            dimension_names()[column] for column in action_space.part_columns(part)
        )
    ]
    print(f"\nno motion, neither executed nor answered: {', '.join(still) or 'none'}")
    _write(figures, output / CSV_FILE)
    _report(found)
    print(f"pictures and {CSV_FILE}: {output}")
    return 0


def _folder(given: str) -> Path:
    folder = Path(given).expanduser().resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"--output: cannot make {folder}: {error.strerror}") from None
    return folder


def _policy(options: argparse.Namespace, episodes: list[RecordedEpisode]) -> Policy:
    contract = episodes[0].contract
    for episode in episodes:
        if episode.contract.schema_hash != contract.schema_hash:
            raise PolicyError(
                f"{episode.path} was recorded with another robot contract than "
                f"{episodes[0].path}; replay them one after the other"
            )
    policy = make_policy(
        options.policy, contract, options.checkpoint, chosen_settings(options.policy, options.set)
    )
    if hasattr(policy, "observe_task"):
        raise PolicyError(
            f"policy '{options.policy}' looks at the simulation itself, which is in no recording"
        )
    policy.load()
    return policy


def _figures(found: list[OpenLoop]) -> list[DimensionFigures]:
    chunks = [chunk for one in found for chunk in one.answered]
    tools = [line for side in action_space.SIDES for line in tool_figures(side, chunks)]
    names = dimension_names()
    columns = [column_figures(names[c], c, chunks) for c in range(action_space.ACTION_DIM)]
    return tools + [line for line in columns if line.count]


def _moves(line: DimensionFigures) -> bool:
    return max(line.largest, line.still) > _STILL


def _cells(line: DimensionFigures) -> list[str]:
    return [
        line.name,
        str(line.count),
        *(_number(value) for value in (line.mean, line.p95, line.largest, line.still)),
        *(_number(value, "{:.2f}") for value in (line.scale,)),
        *(_number(value, "{:.0%}") for value in (line.at_limits, line.done_at_limits)),
    ]


def _number(value: float, form: str = "{:.4f}") -> str:
    return form.format(value) if np.isfinite(value) else "-"


def _write(figures: list[DimensionFigures], file: Path) -> None:
    try:
        with file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(DimensionFigures.__dataclass_fields__)
            for line in figures:
                writer.writerow(
                    getattr(line, name) for name in DimensionFigures.__dataclass_fields__
                )
    except OSError as error:
        raise DatasetError(f"cannot write {file}: {error.strerror or error}") from None


def _report(found: list[OpenLoop]) -> None:
    answered = [chunk for one in found for chunk in one.answered]
    took = np.array([chunk.took_ms for chunk in answered])
    print(
        f"\n{len(found)} episodes, {len(answered)} chunks, inference p50 "
        f"{np.percentile(took, 50):.1f} ms, p95 {np.percentile(took, 95):.1f} ms"
    )
    for side in action_space.SIDES:
        pairs = [pair for one in found for pair in one.seams(side)]
        if not pairs:
            continue
        given, done = zip(*pairs, strict=True)
        position = np.concatenate([seams.position for seams in given])
        if not len(position):
            continue
        velocity = np.concatenate([seams.velocity for seams in given])
        was = np.concatenate([seams.position for seams in done])
        print(
            f"{side} tool, {len(position)} seams: jumps of {1e3 * position.mean():.1f} mm and "
            f"{1e3 * velocity.mean():.0f} mm/s in the mean, {1e3 * position.max():.1f} mm at most "
            f"(executed: {1e3 * was.max():.1f} mm); RMS jerk "
            f"{np.mean([seams.rms_jerk for seams in given]):.0f} m/s^3 (executed: "
            f"{np.mean([seams.rms_jerk for seams in done]):.0f})"
        )
    rows = sum(len(chunk.rows) for chunk in answered)
    safe = sum(sum(one.safe_rows) for one in found)
    cut: Counter[str] = sum((one.cut for one in found), Counter())
    reasons = ", ".join(f"{count} chunks by '{rule}'" for rule, count in cut.most_common())
    print(f"look-ahead lets {safe / rows:.1%} of the rows pass{f'; cut: {reasons}' if cut else ''}")
    failed: Counter[str] = sum((one.failed for one in found), Counter())
    for count, reason in grouped(failed):
        print(f"left out: {count} x {reason}")
