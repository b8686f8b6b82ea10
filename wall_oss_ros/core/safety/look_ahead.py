"""Screens a whole chunk before it is followed, and cuts it to its safe prefix.

Every row is brought to a posture by inverse kinematics, and judged as the supervisor will judge the
command that comes of it. What is between two rows, braking, and the base's way through its zones
are left to the supervisor, which judges every tick; this lets the robot stop in good time, and says
why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import ActionChunk
from wall_oss_ros.core.chunk_targets import chunk_targets
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.kinematics import ForwardKinematics, Reached, Survey
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.safety.barrier import Barrier, Gap
from wall_oss_ros.core.safety.boundaries import Boundaries
from wall_oss_ros.core.safety.chunk_rows import BadRow, chunk_fault, first_bad_row
from wall_oss_ros.core.safety.chunk_verdict import ChunkVerdict
from wall_oss_ros.core.safety.look_ahead_settings import LookAheadSettings

# A robot beyond a border may come back; its rows may go this much further out on the way, for they
# are not met more exactly [m].
_COMING_BACK_M = 1e-3


class LookAhead:
    """Judges chunks. Used by one thread at a time."""

    def __init__(
        self,
        contract: RobotContract,
        kinematics: ForwardKinematics,
        boundaries: Boundaries,
        settings: LookAheadSettings,
    ) -> None:
        """Create a look-ahead.

        Args:
            contract: the robot.
            kinematics: its own, so that its thread disturbs no other.
            boundaries: those of the supervisor; the barriers in force when a chunk comes count.
            settings: tolerances.
        """
        self._contract = contract
        self._kinematics = kinematics
        self._boundaries = boundaries
        self._settings = settings
        self._joints = {
            name: joint
            for side in action_space.SIDES
            for name, joint in contract.arms[side].joints.items()
        }

    def judge(
        self, chunk: ActionChunk, start: Mapping[str, float], now_place: float | None = None
    ) -> ChunkVerdict:
        """Return how many rows from the start may be followed, and why not more.

        Args:
            chunk: any; nothing about it is taken for granted.
            start: joint positions by name where the robot is now, commanded or measured
                [rad] or [m]; every joint of the contract.
            now_place: row coordinate of the motion (row i is reached at i); rows up to there are
                over and not judged. None where it is not known, as with motion slower than the
                rows' time: all rows are judged, and the robot may be near any of them.

        Raises:
            ValueError: if `start` lacks a joint or is not finite.
        """
        fault = chunk_fault(chunk, self._contract)
        if fault is not None:
            return self._cut(chunk, BadRow(0, "well_formed", fault), named=False)
        first = 0 if now_place is None else max(0, math.floor(now_place) + 1)
        if first >= chunk.horizon:
            return self._cut(chunk, None)
        bad = first_bad_row(chunk, self._contract, self._settings, first)
        end = chunk.horizon if bad is None else bad.row
        return self._cut(chunk, self._first_bad_posture(chunk, start, now_place, first, end) or bad)

    def _cut(self, chunk: ActionChunk, bad: BadRow | None, *, named: bool = True) -> ChunkVerdict:
        rows = chunk.horizon
        if bad is None:
            return ChunkVerdict(chunk.seq, chunk.epoch, rows, rows)
        reason = f"row {bad.row}: {bad.reason}" if named else bad.reason
        return ChunkVerdict(chunk.seq, chunk.epoch, rows, bad.row, bad.rule, reason)

    def _first_bad_posture(
        self,
        chunk: ActionChunk,
        start: Mapping[str, float],
        now_place: float | None,
        first: int,
        end: int,
    ) -> BadRow | None:
        """Return the first of the rows first .. end - 1 whose posture must not be taken."""
        if end <= first:
            return None
        barriers = self._boundaries.barriers
        links = tuple(dict.fromkeys(link for barrier in barriers for link in barrier.links))
        here = self._kinematics.survey(start, links)
        targets, direct = chunk_targets(chunk, self._contract, first, end)
        # The motion is at the first row, or, where its place is not known, somewhere on its way.
        jumps = [self._jump(here, row) for row in (targets if now_place is None else targets[:1])]
        if None not in jumps:
            return BadRow(first, "jump", str(jumps[0]))
        best = [gap.distance for _, gap in _gaps(barriers, here)]
        before: Reached | None = None
        rows = self._kinematics.reach(start, targets, direct, links)
        for row, reached in enumerate(rows, start=first):
            reason = self._unreached(reached, targets[row - first])
            if reason is not None:
                return BadRow(row, "reach", reason)
            for index, (barrier, gap) in enumerate(_gaps(barriers, reached.survey)):
                if _entered(gap.distance, best[index]):
                    return BadRow(row, barrier.name, _violation(gap, barrier, reached.survey))
                best[index] = max(best[index], gap.distance)
            reason = self._too_fast(before, reached, chunk.dt)
            if reason is not None:
                return BadRow(row, "joint_limits", reason)
            before = reached
        return None

    def _jump(self, here: Survey, targets: Mapping[str, Pose]) -> str | None:
        """Return why the first row is too far from where the robot is, or None."""
        most, widest = self._settings.jump_position, self._settings.jump_rotation
        for side, target in targets.items():
            distance, angle = here.tools[side].distance(target)
            if distance > most:
                return f"{side} tool {distance:.3f} m from where it is now, limit {most:.3f} m"
            if angle > widest:
                return f"{side} tool turned {angle:.3f} rad from now, limit {widest:.3f} rad"
        return None

    def _unreached(self, reached: Reached, targets: Mapping[str, Pose]) -> str | None:
        """Return why a row cannot be met, or None."""
        near, like = self._settings.reach_position, self._settings.reach_rotation
        if reached.position_error <= near and reached.rotation_error <= like:
            return None
        for side, target in targets.items():
            distance, angle = reached.survey.tools[side].distance(target)
            if distance > near or angle > like:
                return (
                    f"the {side} arm cannot bring its tool to {_shown(target)} m: it stays "
                    f"{distance:.3f} m and {angle:.3f} rad away, limits {near:.3f} m and "
                    f"{like:.3f} rad"
                )
        return f"no posture meets it: {reached.position_error:.3f} m away, limit {near:.3f} m"

    def _too_fast(self, before: Reached | None, reached: Reached, dt: float) -> str | None:
        """Return which joint would have to move too fast between two rows, or None."""
        if before is None:
            return None
        for name, joint in self._joints.items():
            speed = abs(reached.positions[name] - before.positions[name]) / dt
            if speed > self._settings.joint_speed_factor * joint.velocity:
                unit = "rad/s" if joint.type == "revolute" else "m/s"
                return f"'{name}' at {speed:.2f} {unit}, limit {joint.velocity:.2f} {unit}"
        return None


def _gaps(barriers: Sequence[Barrier], survey: Survey) -> list[tuple[Barrier, Gap]]:
    return [(barrier, gap) for barrier in barriers for gap in barrier.gaps(survey)]


def _entered(distance: float, best: float) -> bool:
    """Return whether a border is crossed; who was beyond it before may come back.

    Args:
        distance: of this row [m].
        best: largest distance of the rows before it and of the start [m].
    """
    return distance < 0.0 and (best >= 0.0 or distance < best - _COMING_BACK_M)


def _violation(gap: Gap, barrier: Barrier, survey: Survey) -> str:
    where = ", ".join(f"{side} tool at {_shown(tool)} m" for side, tool in survey.tools.items())
    if barrier.name == "clearance" and survey.nearest:
        where = f"between {' and '.join(survey.nearest)}; {where}"
    return f"{gap.what} would be {gap.distance:.3f} m, limit 0 m ({where})"


def _shown(pose: Pose) -> list[float]:
    shown: list[float] = np.round(pose.position, 3).tolist()
    return shown
