"""What can be said about the rows of a chunk without kinematics: form, ranges, speeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from wall_oss_ros.core import action_space, rotation
from wall_oss_ros.core.chunk import ActionChunk
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.core.safety.look_ahead_settings import LookAheadSettings

# No number of a row is near this; its square is still a number.
_LARGEST = 1e6


@dataclass(frozen=True, slots=True)
class BadRow:
    """The first row that must not be followed.

    Attributes:
        row: its index.
        rule: what it breaks.
        reason: in words, without the row.
    """

    row: int
    rule: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """One number of each row, and what it may be.

    Attributes:
        rule: broken where a number is not within `low` .. `high`.
        what: e.g. "left tool moves at".
        values: (n,).
        low: smallest, tolerance included.
        high: largest, tolerance included.
        limit: in words, without tolerance.
    """

    rule: str
    what: str
    values: Array
    low: float
    high: float
    limit: str

    def first_bad(self) -> BadRow | None:
        bad = ~((self.values >= self.low) & (self.values <= self.high))  # NaN is bad
        if not bad.any():
            return None
        row = int(np.argmax(bad))
        return BadRow(row, self.rule, f"{self.what} {self.values[row]:.3f}, {self.limit}")


def chunk_fault(chunk: ActionChunk, contract: RobotContract) -> str | None:
    """Return why a chunk as a whole is not for this robot, or None."""
    if chunk.schema != contract.schema_hash:
        return f"made for the contract {chunk.schema}, this robot's is {contract.schema_hash}"
    if chunk.actions.ndim != 2 or chunk.actions.shape[1] != action_space.ACTION_DIM:
        return f"rows of shape {chunk.actions.shape}; expected (rows, {action_space.ACTION_DIM})"
    if chunk.mask.shape != (action_space.ACTION_DIM,):
        return f"mask of shape {chunk.mask.shape}; expected ({action_space.ACTION_DIM},)"
    if not (math.isfinite(chunk.dt) and chunk.dt > 0.0):
        return f"dt {chunk.dt} s; expected above 0"
    for part in action_space.PARTS:
        if part not in contract.commanded_parts and chunk.commands(part):
            return f"commands '{part}', which {contract.name} has not"
    return None


def first_bad_row(
    chunk: ActionChunk, contract: RobotContract, settings: LookAheadSettings, first: int
) -> BadRow | None:
    """Return the first row from `first` on that is not followed whatever the joints are, or None.

    Args:
        chunk: one in which `chunk_fault` finds nothing.
        contract: the robot.
        settings: tolerances.
        first: rows before it are over; what changes from them to it is not judged.
    """
    rows = chunk.actions[first:]
    worst = _earliest([*_numbers(chunk, rows), *_rotations(chunk, rows)])
    # With a row of nonsense, and after it, there is nothing to compute.
    sound = rows if worst is None else rows[: worst.row]
    found = [
        run.first_bad()
        for runs in (
            _ranges(chunk, sound, contract, settings),
            _base_speeds(chunk, sound, contract, settings),
            _tool_speeds(chunk, sound, contract, settings),
        )
        for run in runs
    ]
    worst = _earliest([*found, worst])
    return worst and BadRow(worst.row + first, worst.rule, worst.reason)


def _earliest(found: Iterable[BadRow | None]) -> BadRow | None:
    return min((bad for bad in found if bad), key=lambda bad: bad.row, default=None)


def _numbers(chunk: ActionChunk, rows: Array) -> Iterator[BadRow | None]:
    parts = [part for part in action_space.PARTS if chunk.commands(part)]
    columns = np.flatnonzero(action_space.part_mask(parts))
    if np.abs(rows[:, columns]).max(initial=0.0) <= _LARGEST:  # not so where any is NaN
        return
    for column in columns:
        field = next(f for f in action_space.FIELDS if column < f.start + f.size)
        limit = f"expected a number within {_LARGEST:.0e}"
        what = f"'{field.name}' is"
        yield _Run("well_formed", what, rows[:, column], -_LARGEST, _LARGEST, limit).first_bad()


def _rotations(chunk: ActionChunk, rows: Array) -> Iterator[BadRow | None]:
    for side in action_space.SIDES:
        if not chunk.commands(f"{side}_arm"):
            continue
        turns = rows[:, action_space.ROTATION[side]]
        if _is_rotation(turns):
            continue
        row = next(index for index, turn in enumerate(turns) if not _is_rotation(turn))
        yield BadRow(row, "well_formed", f"the {side} tool's rotation has zero or parallel rows")


def _is_rotation(rot6d: Array) -> bool:
    try:
        rotation.matrix_from_rot6d(rot6d)
    except ValueError:
        return False
    return True


def _ranges(
    chunk: ActionChunk, rows: Array, contract: RobotContract, settings: LookAheadSettings
) -> Iterator[_Run]:
    columns = [
        (f"{side}_gripper", action_space.GRIPPER[side], f"{side} gripper at", 0.0, 1.0)
        for side in action_space.SIDES
    ]
    bodies = (
        ("lift", contract.lift, action_space.LIFT),
        ("head", contract.head, action_space.HEAD.start),
    )
    for part, body, start in bodies:
        if body is not None:
            for index, (name, joint) in enumerate(body.joints.items()):
                columns.append((part, start + index, f"'{name}' at", *joint.position))
    for part, column, what, low, high in columns:
        if chunk.commands(part):
            more = settings.range_tolerance * (high - low)
            limit = f"range {low:.3f} .. {high:.3f}"
            yield _Run("joint_limits", what, rows[:, column], low - more, high + more, limit)


def _base_speeds(
    chunk: ActionChunk, rows: Array, contract: RobotContract, settings: LookAheadSettings
) -> Iterator[_Run]:
    base = contract.base
    if base is None or not chunk.commands("base"):
        return
    vx, vy, turning = rows[:, action_space.BASE].T
    for does, unit, speeds, limit in (
        ("drives", "m/s", np.hypot(vx, vy), base.linear_velocity),
        ("turns", "rad/s", np.abs(turning), base.angular_velocity),
    ):
        high, words = settings.speed_factor * limit, f"limit {limit:.3f} {unit}"
        yield _Run("base_speed", f"base {does} at", speeds, 0.0, high, words)


def _tool_speeds(
    chunk: ActionChunk, rows: Array, contract: RobotContract, settings: LookAheadSettings
) -> Iterator[_Run]:
    for side in action_space.SIDES:
        if not chunk.commands(f"{side}_arm") or len(rows) < 2:
            continue
        limits = contract.arms[side].speed
        positions = rows[:, action_space.POSITION[side]]
        turns = rotation.matrix_from_rot6d(rows[:, action_space.ROTATION[side]])
        moved = np.linalg.norm(np.diff(positions, axis=0), axis=1)
        # The Frobenius norm of the difference of two rotations is 2 sqrt(2) sin(angle / 2).
        chords = np.linalg.norm(np.diff(turns, axis=0), axis=(1, 2)) / math.sqrt(8.0)
        turned = 2.0 * np.arcsin(np.minimum(chords, 1.0))
        for does, unit, steps, limit in (
            ("moves", "m/s", moved, limits.linear),
            ("turns", "rad/s", turned, limits.angular),
        ):
            speeds = np.concatenate([[0.0], steps / chunk.dt])
            high, words = settings.speed_factor * limit, f"limit {limit:.3f} {unit}"
            yield _Run("tool_speed", f"{side} tool {does} at", speeds, 0.0, high, words)
