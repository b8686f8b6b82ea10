"""What the robot really did, from the simulator's truth: whether it rests, how far it moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.cli.bench.monitor import Arrival
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.ros.sim_outputs import BASE_NAMES

Array = NDArray[np.float64]

# Slower than this is standing: measured joints of a held robot still shiver [rad/s] and [m/s].
_STANDING_TURN, _STANDING_SLIDE = 0.02, 0.004
# For so long it must stand to be at rest [ns]: an axis that turns round stands for a moment, too.
_REST_NS = 150_000_000
# So many moving axes are named.
_NAMED = 3


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Motion over a time.

    Attributes:
        ns: (n,) when each sample arrived [ns, monotonic].
        positions: (n, j) [rad] or [m], in the order of `Axes.names`.
        speeds: (n, j) [rad/s] or [m/s], not negative.
    """

    ns: NDArray[np.int64]
    positions: Array
    speeds: Array


@dataclass(frozen=True, slots=True)
class Movement:
    """The largest movement of anything: turning [mrad] and sliding [mm], with the axis's name."""

    turn_mrad: float
    turned: str
    slide_mm: float
    slid: str


class Axes:
    """The joints of a robot and the three of its base."""

    def __init__(self, contract: RobotContract) -> None:
        self.names = (*contract.joint_names, *BASE_NAMES)
        sliding = {name for name, each in contract.limited_joints.items() if _slides(each)}
        sliding |= {each.joint for each in contract.grippers.values() if _slides(each)}
        sliding |= set(BASE_NAMES[:2])
        self._slides = np.array([name in sliding for name in self.names])
        self._standing = np.where(self._slides, _STANDING_SLIDE, _STANDING_TURN)
        self._columns = {
            part: [self.names.index(name) for name in joints]
            for part, joints in {**contract.part_joints, "base": BASE_NAMES}.items()
        }

    def track(self, arrivals: Sequence[Arrival]) -> Track:
        """Return the motion that messages of the simulator's truth tell."""
        count = len(self.names)
        positions = np.array([each.message.position for each in arrivals], np.float64)
        velocities = np.array([each.message.velocity for each in arrivals], np.float64)
        return Track(
            np.array([each.ns for each in arrivals], np.int64),
            positions.reshape(-1, count),
            np.abs(velocities.reshape(-1, count)),
        )

    def part_speed(self, track: Track, part: str) -> Array:
        """Return how fast a part's fastest axis was, 1.0 being a speed that counts as standing."""
        columns = self._columns[part]
        share: Array = track.speeds[:, columns] / self._standing[columns]
        return share.max(axis=1)

    def rest_ns(self, track: Track, part: str | None = None) -> int | None:
        """Return since when a part, or everything, is at rest to the end; None while it moves."""
        columns = self._columns[part] if part is not None else list(range(len(self.names)))
        moving = np.any(track.speeds[:, columns] > self._standing[columns], axis=1)
        if len(track.ns) == 0:
            return None
        last = np.flatnonzero(moving)
        first = int(last[-1]) + 1 if len(last) else 0
        if first >= len(track.ns) or track.ns[-1] - track.ns[first] < _REST_NS:
            return None
        return int(track.ns[first])

    def moving(self, track: Track) -> str:
        """Return the axes that move most, and how fast [rad/s] or [m/s], in words."""
        most = track.speeds.max(axis=0, initial=0.0)
        fast = sorted(np.flatnonzero(most > self._standing), key=lambda i: -most[i])
        named = [f"{self.names[i]} at {most[i]:.2f}" for i in fast[:_NAMED]]
        more = f" and {len(fast) - _NAMED} more" if len(fast) > _NAMED else ""
        return ", ".join(named) + more if named else "nothing"

    def movement(self, track: Track) -> Movement:
        """Return the largest distance between any two places of an axis."""
        if len(track.ns) == 0:
            return Movement(0.0, "", 0.0, "")
        ranges = 1e3 * np.ptp(track.positions, axis=0)
        turns, slides = np.where(self._slides, -1.0, ranges), np.where(self._slides, ranges, -1.0)
        turned, slid = int(np.argmax(turns)), int(np.argmax(slides))
        return Movement(
            float(turns[turned]), self.names[turned], float(slides[slid]), self.names[slid]
        )


def _slides(joint: object) -> bool:
    return getattr(joint, "type", "revolute") == "prismatic"
