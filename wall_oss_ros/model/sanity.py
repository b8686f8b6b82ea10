"""Is this chunk one that a working model makes? Judged before a robot ever sees it.

The wrong normalisation statistics, camera order or layout give numbers that look like actions and
move the robot by wrong amounts. No single check finds all of it; together they find what has been
seen to go wrong: a wrong key leaves the range of the data, a wrong layout gives rotations that are
none, a network that did not load gives noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core import action_space, rotation
from wall_oss_ros.core.rotation import Array

if TYPE_CHECKING:  # reading a contract needs yaml, judging a chunk does not
    from wall_oss_ros.core.contract import RobotContract

Mask = NDArray[np.bool_]

# Numbers of the training data lie outside [-1, 1] in 2 of 100 cases (1 % and 99 % quantiles are its
# bounds); of normal noise that no network has touched, 32 of 100.
MOST_OUTSIDE = 0.2
# How far past closed and open a gripper's number may be, as a share of the way between them.
GRIPPER_MARGIN = 0.25
# Length of a row of a rotation, and how parallel two may be (cosine), before it is none: a network
# gives each of the six numbers by itself, so they are never exactly orthonormal.
ROW_LENGTH = (0.5, 1.5)
MOST_PARALLEL = 0.5


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: its name, whether it passed, and the numbers it was judged by."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What a chunk of one robot stays within.

    Attributes:
        reach: by side, the largest distance of a tool from where it is along x, y and z [m].
        gripper: by side, the model's numbers for closed and open; empty where nobody said them.
    """

    reach: Mapping[str, Sequence[float]] = field(
        default_factory=lambda: dict.fromkeys(action_space.SIDES, (1.0, 1.0, 1.0))
    )
    gripper: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, contract: RobotContract) -> Limits:
        """Return those of a robot: no tool moves further than its workspace is wide."""
        boxes = {side: contract.arms[side].workspace for side in action_space.SIDES}
        grippers = {side: contract.grippers[side] for side in action_space.SIDES}
        return cls(
            reach={
                side: tuple(high - low for low, high in zip(box.min, box.max, strict=True))
                for side, box in boxes.items()
            },
            gripper={side: (g.model_closed, g.model_open) for side, g in grippers.items()},
        )


def default_columns() -> dict[str, slice]:
    """Return the columns of every action key in the order of `core.action_space`."""
    return {field.action_key: field.columns for field in action_space.FIELDS}


def examine(
    actions: Any,
    normalized: Any,
    dof_mask: Any,
    horizon: int,
    *,
    limits: Limits | None = None,
    columns: Mapping[str, slice] | None = None,
) -> tuple[Finding, ...]:
    """Judge one chunk.

    Args:
        actions: (H, D) in the robot's units, poses relative to the state they were made from.
        normalized: (H, D) as the network gave them.
        dof_mask: (D,) 1 or True for the dimensions that are commanded; the others carry no meaning.
        horizon: rows that were asked for.
        limits: of the robot; None for what holds for any.
        columns: where each action key is; None for the order of `core.action_space`. Keys that are
            not there are not judged.

    Returns:
        One finding per check, in the order of what builds on what: after a wrong shape or a number
        that is not finite there are no more.
    """
    actions, normalized = np.asarray(actions, np.float64), np.asarray(normalized, np.float64)
    mask = np.asarray(dof_mask, np.float64) > 0.5
    limits = limits or Limits()
    columns = default_columns() if columns is None else columns
    findings = [_shape(actions, normalized, mask, horizon)]
    if findings[-1].ok:
        findings.append(_finite(actions, normalized, mask))
    if findings[-1].ok:
        # A field of which any dimension is masked is no field.
        told = {key: place for key, place in columns.items() if mask[place].all()}
        for side in action_space.SIDES:
            findings += _of_side(actions, told, side, limits)
        findings.append(_saturation(normalized, mask))
    return tuple(findings)


def compare_runs(first: Any, second: Any, tolerance: float = 0.0) -> Finding:
    """Judge whether two runs from the same noise gave the same chunk.

    Args:
        first: (H, D).
        second: (H, D).
        tolerance: how much a number may differ; some kernels of a GPU sum in any order.
    """
    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != two.shape:
        return Finding("repeatable", False, f"{one.shape} in one run, {two.shape} in the next")
    largest = float(np.max(np.abs(one - two), initial=0.0))
    return Finding(
        "repeatable", largest <= tolerance, f"same seed twice: largest difference {largest:g}"
    )


def _shape(actions: Array, normalized: Array, mask: Mask, horizon: int) -> Finding:
    expected = (horizon, mask.size)
    ok = actions.shape == expected and normalized.shape == expected and bool(mask.any())
    detail = f"{actions.shape[0] if actions.ndim else 0} rows x {mask.size} dimensions, "
    detail += f"{int(mask.sum())} of them commanded"
    if not ok:
        detail = f"actions {actions.shape}, normalised {normalized.shape}; expected {expected}"
        detail += "" if mask.any() else ", and at least one commanded dimension"
    return Finding("shape", ok, detail)


def _finite(actions: Array, normalized: Array, mask: Mask) -> Finding:
    bad = ~(np.isfinite(actions) & np.isfinite(normalized))[:, mask]
    if not bad.any():
        return Finding("finite", True, f"all {bad.size} numbers")
    row, column = (int(number) for number in np.argwhere(bad)[0])
    column = int(np.flatnonzero(mask)[column])
    return Finding(
        "finite",
        False,
        f"{int(bad.sum())} of {bad.size} numbers are not, first in row {row}, column {column}",
    )


def _of_side(
    actions: Array, columns: Mapping[str, slice], side: str, limits: Limits
) -> list[Finding]:
    """Judge position, rotation and gripper of one arm, as far as they are commanded."""
    keys = {field.name: field.action_key for field in action_space.FIELDS}
    position = keys[f"follow_{side}_ee_cartesian_pos"]
    turn = keys[f"follow_{side}_ee_rotation_6D"]
    gripper = keys[f"follow_{side}_gripper"]
    found = []
    if position in columns:
        found.append(_position(actions[:, columns[position]], side, limits.reach[side]))
    if turn in columns:
        found.append(_rotation(actions[:, columns[turn]], side))
    if gripper in columns and side in limits.gripper:
        found.append(_gripper(actions[:, columns[gripper]], side, limits.gripper[side]))
    return found


def _position(moves: Array, side: str, reach: Sequence[float]) -> Finding:
    most = np.abs(moves).max(axis=0)
    ok = bool((most <= np.asarray(reach)).all())
    return Finding(
        f"{side} arm position",
        ok,
        f"moves up to {_list(most)} m along x, y, z; at most {_list(reach)} m",
    )


def _rotation(rows: Array, side: str) -> Finding:
    name = f"{side} arm rotation"
    pairs = rows.reshape(-1, 2, 3)
    lengths = np.linalg.norm(pairs, axis=-1)
    try:
        turns = rotation.matrix_from_rot6d(rows)
    except ValueError:
        return Finding(name, False, "a row of six numbers is no rotation: zero or parallel rows")
    cosine = np.abs((pairs[:, 0] * pairs[:, 1]).sum(-1)) / lengths.prod(-1)
    angle = np.degrees(np.linalg.norm(rotation.rotation_vector_from_matrix(turns), axis=-1).max())
    low, high = ROW_LENGTH
    ok = bool(lengths.min() >= low and lengths.max() <= high and cosine.max() <= MOST_PARALLEL)
    return Finding(
        name,
        ok,
        f"turns up to {angle:.1f} deg; rows {lengths.min():.2f} to {lengths.max():.2f} long, "
        f"cosine between them up to {cosine.max():.2f}; expected {low} to {high}, "
        f"up to {MOST_PARALLEL}",
    )


def _gripper(numbers: Array, side: str, ends: tuple[float, float]) -> Finding:
    low, high = sorted(ends)
    room = GRIPPER_MARGIN * (high - low)
    ok = bool(numbers.min() >= low - room and numbers.max() <= high + room)
    return Finding(
        f"{side} gripper",
        ok,
        f"{numbers.min():.3f} to {numbers.max():.3f}; "
        f"closed {ends[0]:g}, open {ends[1]:g}, {room:g} past either allowed",
    )


def _saturation(normalized: Array, mask: Mask) -> Finding:
    numbers = np.abs(normalized[:, mask])
    share = float((numbers > 1.0).mean())
    return Finding(
        "saturation",
        share <= MOST_OUTSIDE,
        f"{share:.1%} of the normalised numbers outside -1 .. 1 (at most {MOST_OUTSIDE:.0%}), "
        f"the largest {numbers.max():.2f}",
    )


def _list(numbers: Any) -> str:
    return ", ".join(f"{number:.3f}" for number in numbers)
