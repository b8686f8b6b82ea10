"""The one table of the 26-D state and action vector of Wall-OSS-0.5.

Layout: dof configuration of the published checkpoint (fields 20 to 25 as a third-party port of it
states them). Everything else (composition, messages, markers, documentation) derives from FIELDS.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIDES = ("left", "right")


@dataclass(frozen=True, slots=True)
class Field:
    """A run of columns with one meaning.

    Attributes:
        name: key of the training configuration without its ``_relative`` suffix.
        part: robot part, one of PARTS.
        start: first column.
        size: number of columns.
        unit: SI unit of one column, "1" for dimensionless.
        relative: whether the model gives it relative to the observation's state.
    """

    name: str
    part: str
    start: int
    size: int
    unit: str
    relative: bool

    @property
    def columns(self) -> slice:
        """Columns of this field."""
        return slice(self.start, self.start + self.size)

    @property
    def action_key(self) -> str:
        """Key of this field in the model's action configuration."""
        return f"{self.name}_relative" if self.relative else self.name


FIELDS: tuple[Field, ...] = (
    Field("follow_left_ee_cartesian_pos", "left_arm", 0, 3, "m", True),
    Field("follow_left_ee_rotation_6D", "left_arm", 3, 6, "1", True),
    Field("follow_left_gripper", "left_gripper", 9, 1, "1", False),
    Field("follow_right_ee_cartesian_pos", "right_arm", 10, 3, "m", True),
    Field("follow_right_ee_rotation_6D", "right_arm", 13, 6, "1", True),
    Field("follow_right_gripper", "right_gripper", 19, 1, "1", False),
    Field("velocity_decomposed", "base", 20, 3, "m/s, m/s, rad/s", False),
    Field("height", "lift", 23, 1, "m", False),
    Field("head_actions", "head", 24, 2, "rad", False),
)

ACTION_DIM = sum(field.size for field in FIELDS)
DEFAULT_HORIZON = 32
PARTS: tuple[str, ...] = tuple(dict.fromkeys(field.part for field in FIELDS))

POSITION = {"left": FIELDS[0].columns, "right": FIELDS[3].columns}
ROTATION = {"left": FIELDS[1].columns, "right": FIELDS[4].columns}
GRIPPER = {"left": FIELDS[2].start, "right": FIELDS[5].start}
BASE = FIELDS[6].columns
LIFT = FIELDS[7].start
HEAD = FIELDS[8].columns


_COLUMNS = {
    part: [
        column
        for field in FIELDS
        if field.part == part
        for column in range(field.start, field.start + field.size)
    ]
    for part in PARTS
}


def part_columns(part: str) -> list[int]:
    """Return the columns that belong to a part, e.g. 9 of them for ``left_arm``."""
    return _COLUMNS.get(part, []).copy()


def part_mask(parts: Iterable[str]) -> NDArray[np.bool_]:
    """Return (26,) bool, true in every column that belongs to one of the parts."""
    mask = np.zeros(ACTION_DIM, dtype=np.bool_)
    for part in parts:
        mask[part_columns(part)] = True
    return mask
