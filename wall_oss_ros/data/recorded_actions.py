"""What a robot really did: the executed commands of an episode as rows of the action space."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core import action_space
from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import EpisodeError, MessageError
from wall_oss_ros.core.recorded_topics import EXECUTED
from wall_oss_ros.core.rotation import Array, rot6d_from_matrix
from wall_oss_ros.data.episode_reader import RecordedEpisode
from wall_oss_ros.messages.commands import command_from

SECOND_NS = 1_000_000_000
# A column moves when it changes by more than this [m], [rad], [1], [m/s].
_STILL = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class RecordedActions:
    """Absolute rows in time.

    Attributes:
        stamps_ns: (n,) when each was due, rising [ns].
        rows: (n, 26) in the layout of `core.action_space`; columns of parts that a command left
            alone are NaN.
    """

    stamps_ns: tuple[int, ...]
    rows: Array

    def at(self, time_ns: int, oldest_ns: int) -> Array | None:
        """Return the newest row (26,) not later than a time, None if there is none so new.

        Args:
            time_ns: the time [ns].
            oldest_ns: how old it may be [ns].
        """
        place = bisect.bisect_right(self.stamps_ns, time_ns) - 1
        if place < 0 or time_ns - self.stamps_ns[place] > oldest_ns:
            return None
        row: Array = self.rows[place]
        return row

    @property
    def parts(self) -> frozenset[str]:
        """Parts that were commanded at any time."""
        given: NDArray[np.bool_] = np.isfinite(self.rows)  # a command gives a part whole or not
        return frozenset(
            part for part in action_space.PARTS if given[:, action_space.part_columns(part)].any()
        )

    def motion_ns(self) -> tuple[int, int] | None:
        """Return when the first change begins and the last one ends [ns]; None without any."""
        rows = np.nan_to_num(self.rows)
        changed = np.flatnonzero(np.abs(np.diff(rows, axis=0)).max(axis=1) > 0.0)
        if not len(changed):
            return None
        first = np.flatnonzero(np.abs(rows - rows[0]).max(axis=1) > _STILL)
        last = np.flatnonzero(np.abs(rows - rows[-1]).max(axis=1) > _STILL)
        if not len(first):
            return None
        return self.stamps_ns[max(int(first[0]) - 1, 0)], self.stamps_ns[int(last[-1]) + 1]


def read_actions(episode: RecordedEpisode) -> RecordedActions:
    """Return what was executed.

    Raises:
        EpisodeError: if nothing was, the bag is damaged, a command makes no sense, or the clock
            went back.
    """
    return recorded_actions(
        (received.message for received in episode.messages([EXECUTED])),
        episode.contract,
        str(episode.path),
    )


def recorded_actions(
    messages: Iterable[object], contract: RobotContract, where: str
) -> RecordedActions:
    """Return RobotCommand messages as rows; see `read_actions`."""
    stamps: list[int] = []
    rows: list[Array] = []
    for message in messages:
        try:
            command = command_from(message)
        except MessageError as error:
            raise EpisodeError(f"{where}: an executed command cannot be read: {error}") from None
        if stamps and command.stamp_ns < stamps[-1]:
            back_s = (stamps[-1] - command.stamp_ns) / SECOND_NS
            raise EpisodeError(
                f"{where}: the clock goes back by {back_s:.2f} s between two executed commands; an "
                "episode has one clock"
            )
        stamps.append(command.stamp_ns)
        rows.append(action_row(command, contract))
    if not rows:
        raise EpisodeError(
            f"{where}: nothing was executed (no message of {EXECUTED}): motion was never enabled, "
            "or it was recorded without the supervisor"
        )
    return RecordedActions(tuple(stamps), np.stack(rows))


def action_row(command: RobotCommand, contract: RobotContract) -> Array:
    """Return (26,) absolute values of a command, NaN where it leaves a part alone."""
    row = np.full(action_space.ACTION_DIM, np.nan)
    for side in action_space.SIDES:
        if f"{side}_arm" in command.parts:
            row[action_space.POSITION[side]] = command.tools[side].position
            row[action_space.ROTATION[side]] = rot6d_from_matrix(command.tools[side].rotation)
        if f"{side}_gripper" in command.parts:
            opening = command.grippers[side]
            row[action_space.GRIPPER[side]] = contract.grippers[side].model_from_opening(opening)
    if "base" in command.parts:
        row[action_space.BASE] = command.base_twist
    if "lift" in command.parts and contract.lift is not None:
        row[action_space.LIFT] = command.positions[next(iter(contract.lift.joints))]
    if "head" in command.parts and contract.head is not None:
        row[action_space.HEAD] = [command.positions[name] for name in contract.head.joints]
    return row
