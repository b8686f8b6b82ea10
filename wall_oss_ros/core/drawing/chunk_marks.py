"""A chunk as paths of the tools and of the base: what the policy intends, and what safety cut.

Colours go from yellow, soon, to blue, the end of the chunk (the ends of the map "plasma", which
also people who do not see red and green tell apart). Red is what may not be followed.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import ActionChunk
from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.drawing.marks import Colour, Mark, MarkKind, by_time, one_colour
from wall_oss_ros.core.driven import driven
from wall_oss_ros.core.pose import frozen_array
from wall_oss_ros.core.rotation import Array, matrix_from_rot6d

_SOON: Colour = (0.95, 0.85, 0.15, 1.0)
_LATE: Colour = (0.15, 0.15, 0.65, 0.8)
_CUT: Colour = (0.95, 0.1, 0.1, 0.9)
_PLAN: Colour = (1.0, 0.55, 0.1, 0.4)
_OPEN: Colour = (0.2, 0.8, 0.3, 0.9)
_CLOSED: Colour = (0.6, 0.2, 0.7, 0.9)
_TEXT: Colour = (1.0, 1.0, 1.0, 0.9)
_RED, _GREEN, _BLUE = (1.0, 0.2, 0.2, 1.0), (0.2, 1.0, 0.2, 1.0), (0.3, 0.4, 1.0, 1.0)

# [m]
_PATH, _PLAN_WIDTH, _AXIS_WIDTH, _AXIS = 0.006, 0.014, 0.003, 0.04
_BALL, _LETTERS, _ARROW, _ABOVE = 0.018, 0.05, 0.12, 0.3
# Rows between two crosses of axes.
_EVERY = 8
# A base that goes less far, a lift or head that moves less, is not worth a mark [m], [rad].
_STILL_M, _STILL_RAD = 0.005, 0.02


def chunk_marks(
    chunk: ActionChunk, contract: RobotContract, safe_rows: int | None = None, why: str = ""
) -> list[Mark]:
    """Return what a chunk intends.

    Args:
        chunk: any that was read.
        contract: the robot.
        safe_rows: rows that look-ahead lets pass; None if it said nothing yet.
        why: its reason where it cut the chunk.
    """
    safe = chunk.horizon if safe_rows is None else min(max(safe_rows, 0), chunk.horizon)
    marks: list[Mark] = []
    sides = [side for side in action_space.SIDES if chunk.commands(f"{side}_arm")]
    shown = np.arange(_EVERY - 1, chunk.horizon, _EVERY)
    if len(shown) == 0:
        shown = np.array([chunk.horizon - 1])
    for side, turns in zip(sides, _turns(chunk.actions[shown], sides), strict=True):
        marks += _tool(chunk, contract.arms[side].frame, side, (shown, turns), (safe, why))
    if chunk.commands("base"):
        marks += _base(chunk, contract.base_frame)
    words = "\n".join(_intents(chunk))
    if words:
        # Above a hand nothing of the robot hides them.
        frame = contract.arms[sides[0]].frame if sides else contract.base_frame
        end = chunk.actions[-1, action_space.POSITION[sides[0]]] if sides else np.zeros(3)
        place = (end + [0.0, 0.0, _ABOVE])[None]
        marks.append(
            Mark("intent", 0, MarkKind.TEXT, frame, place, one_colour(_TEXT), _LETTERS, words)
        )
    return marks


def plan_marks(plan: CommittedPlan, contract: RobotContract) -> list[Mark]:
    """Return the motion that the executor follows now, thicker than a chunk's path."""
    begin = max(0, math.floor(plan.place))
    rows = plan.actions[begin:]
    if not plan.following or len(rows) < 2:
        return []
    return [
        Mark(
            f"{side}/committed",
            0,
            MarkKind.STRIP,
            contract.arms[side].frame,
            rows[:, action_space.POSITION[side]],
            one_colour(_PLAN),
            _PLAN_WIDTH,
        )
        for side in action_space.SIDES
        if f"{side}_arm" in contract.commanded_parts
    ]


def _turns(rows: Array, sides: list[str]) -> Iterable[Array]:
    """Return rotations, (N, 3, 3) for each side; one call for all costs what one for each does."""
    if not sides:
        return ()
    return matrix_from_rot6d(np.stack([rows[:, action_space.ROTATION[side]] for side in sides]))


def _tool(
    chunk: ActionChunk,
    frame: str,
    side: str,
    crosses: tuple[NDArray[np.int_], Array],
    cut: tuple[int, str],
) -> Iterator[Mark]:
    """Yield the path of a tool.

    Args:
        chunk: any that was read.
        frame: of the arm.
        side: of the arm.
        crosses: rows that get a cross of axes, and how the tool is turned there.
        cut: how many rows may be followed, and why no more.
    """
    (shown, turns), (safe, why) = crosses, cut
    columns = action_space.POSITION[side]
    # From where it was seen: row 0 is due one dt later.
    points = np.concatenate([chunk.anchor[None, columns], chunk.actions[:, columns]])
    colours = by_time(len(points), _SOON, _LATE)
    path = points[: safe + 1]
    if len(path) >= 2:
        yield Mark(f"{side}/path", 0, MarkKind.STRIP, frame, path, colours[: safe + 1], _PATH)
    if safe < chunk.horizon:
        yield Mark(f"{side}/cut", 0, MarkKind.STRIP, frame, points[safe:], one_colour(_CUT), _PATH)
        if why:
            yield Mark(
                f"{side}/cut", 1, MarkKind.TEXT, frame, points[safe][None], one_colour(_CUT),
                _LETTERS, why,
            )  # fmt: skip
    places = chunk.actions[shown][:, columns]
    yield Mark(
        f"{side}/axes",
        0,
        MarkKind.LINES,
        frame,
        _crosses(places, turns),
        _cross_colours(len(shown)),
        _AXIS_WIDTH,
    )
    if chunk.commands(f"{side}_gripper"):
        opening = np.clip(chunk.actions[shown, action_space.GRIPPER[side]], 0.0, 1.0)[:, None]
        colours = opening * np.array(_OPEN) + (1.0 - opening) * np.array(_CLOSED)
        yield Mark(f"{side}/gripper", 0, MarkKind.SPHERES, frame, places, colours, _BALL)


@functools.cache
def _cross_colours(count: int) -> Array:
    """Return a colour for both ends of each axis of so many crosses: (6 count, 4), read-only."""
    return frozen_array(np.tile(np.repeat([_RED, _GREEN, _BLUE], 2, axis=0), (count, 1)))


def _crosses(places: Array, turns: Array) -> Array:
    """Return ends of the x, y and z axes at each place: (6 N, 3)."""
    # Columns of a rotation are the axes.
    tips = places[:, None, :] + _AXIS * np.swapaxes(turns, 1, 2)
    ends = np.stack([np.broadcast_to(places[:, None, :], tips.shape), tips], axis=2)
    return ends.reshape(-1, 3)


def _base(chunk: ActionChunk, frame: str) -> Iterator[Mark]:
    """Yield where the base drives, in its own frame of now, and where it looks at the end."""
    path = driven(chunk.actions[:, action_space.BASE], chunk.dt)
    yaw = float(path[-1, 2])
    path[:, 2] = 0.0  # on the floor
    if np.linalg.norm(path, axis=1).max() < _STILL_M and abs(yaw) < _STILL_RAD:
        return
    colours = by_time(len(path), _SOON, _LATE)
    yield Mark("base/path", 0, MarkKind.STRIP, frame, path, colours, _PATH)
    nose = path[-1] + _ARROW * np.array([math.cos(yaw), math.sin(yaw), 0.0])
    ends = np.stack([path[-1], nose])
    yield Mark("base/heading", 0, MarkKind.LINES, frame, ends, one_colour(_LATE), _PLAN_WIDTH)


def _intents(chunk: ActionChunk) -> Iterator[str]:
    """Yield in words where lift and head go, which have no path to draw."""
    now, end = chunk.anchor, chunk.actions[-1]
    lift = action_space.LIFT
    if chunk.commands("lift") and abs(end[lift] - now[lift]) > _STILL_M:
        yield f"lift {now[lift]:.2f} to {end[lift]:.2f} m"
    head = action_space.HEAD
    if chunk.commands("head") and np.abs(end[head] - now[head]).max() > _STILL_RAD:
        was, will = np.degrees(now[head]), np.degrees(end[head])
        yield f"head {was[0]:.0f}, {was[1]:.0f} to {will[0]:.0f}, {will[1]:.0f} deg"
