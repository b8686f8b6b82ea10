"""A picture of an open loop: every column of the action space, executed and answered."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np

from wall_oss_ros.core import action_space
from wall_oss_ros.core.errors import DatasetError
from wall_oss_ros.core.open_loop import error_by_row
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.data.norm_stats import dimension_names
from wall_oss_ros.data.open_loop import OpenLoop
from wall_oss_ros.data.recorded_actions import SECOND_NS

mpl.use("Agg")  # before pyplot: no display is needed
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

_ACROSS = 4
# Of an axis [m, 1, rad, m/s].
_LEAST_SPAN = 0.02
_DONE, _FOLLOWED, _REST = "black", "tab:orange", "tab:blue"


def plot_open_loop(found: OpenLoop, file: Path) -> None:
    """Draw an episode.

    Black is what was executed. Of each chunk the rows that count as followed are orange, the rest
    is blue. The last panel shows how the error of the tools' places grows with the row.

    Args:
        found: the episode.
        file: a PNG.

    Raises:
        DatasetError: if the file cannot be written.
    """
    names = dimension_names()
    columns = [c for c in range(action_space.ACTION_DIM) if _answered(found, c)]
    down = -(-(len(columns) + 1) // _ACROSS)
    figure, axes = plt.subplots(
        down, _ACROSS, figsize=(4.5 * _ACROSS, 2.2 * down), squeeze=False, layout="constrained"
    )
    places = axes.ravel()
    for place, column in zip(places, columns, strict=False):
        _column(place, found, column)
        place.set_title(f"{names[column]} [{_unit(column)}]", fontsize=8)
    _growth(places[len(columns)], found)
    for place in places[len(columns) + 1 :]:
        place.set_axis_off()
    for place in places:
        place.tick_params(labelsize=7)
    figure.suptitle(
        f"{found.name}: executed (black), answered and followed (orange), rest of each chunk (blue)"
        "; time in s",
        fontsize=10,
    )
    try:
        figure.savefig(file, dpi=100)
    except OSError as error:
        raise DatasetError(f"cannot write {file}: {error.strerror or error}") from None
    finally:
        plt.close(figure)


def _column(place: Axes, found: OpenLoop, column: int) -> None:
    begin_ns = found.actions.stamps_ns[0]
    done_s = (np.array(found.actions.stamps_ns) - begin_ns) / SECOND_NS
    for chunk, absolute in zip(found.answered, found.absolute, strict=True):
        start_s = (chunk.stamp_ns - begin_ns) / SECOND_NS
        at_s = start_s + found.dt * (1 + np.arange(len(absolute)))
        place.plot(at_s, absolute[:, column], color=_REST, linewidth=0.5, alpha=0.6)
        followed = slice(0, found.rows)
        place.plot(at_s[followed], absolute[followed, column], color=_FOLLOWED, linewidth=1.4)
    place.plot(done_s, found.actions.rows[:, column], color=_DONE, linewidth=0.8)
    place.margins(x=0.01)
    # What stands still is a line, not its noise.
    low, high = place.get_ylim()
    spare = 0.5 * max(0.0, _LEAST_SPAN - (high - low))
    place.set_ylim(low - spare, high + spare)
    place.ticklabel_format(useOffset=False)


def _growth(place: Axes, found: OpenLoop) -> None:
    for side in action_space.SIDES:
        error: Array = 1e3 * error_by_row(side, found.answered)
        if np.isfinite(error).any():
            place.plot(1 + np.arange(len(error)), error, label=f"{side} tool")
    place.axvline(found.rows, color="grey", linewidth=0.6, linestyle=":")
    place.set_title("mean error by row [mm]", fontsize=8)
    place.set_ylim(bottom=0.0)
    place.legend(fontsize=7)


def _answered(found: OpenLoop, column: int) -> bool:
    return any(np.isfinite(rows[:, column]).any() for rows in found.absolute)


def _unit(column: int) -> str:
    for field in action_space.FIELDS:
        if field.columns.start <= column < field.columns.stop:
            units = field.unit.split(", ")
            return units[(column - field.start) % len(units)]
    raise AssertionError(column)
