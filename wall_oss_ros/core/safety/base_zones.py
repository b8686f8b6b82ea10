"""The base keeps in or out of the contract's zones: slower near a border, not across it.

Where the base would come to rest is predicted: it goes on at the commanded twist for a reaction
time and then brakes with the contract's decelerations, planar motion and turning each by itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import Base, Zone
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.core.safety.base_speed import BaseRamp
from wall_oss_ros.core.safety.boundaries import Boundaries
from wall_oss_ros.core.safety.freshness import out_of_time
from wall_oss_ros.core.safety.rule import Situation, passed
from wall_oss_ros.core.safety.verdict import Severity, Verdict

# Length between the points of the predicted path that are judged [m]; what lies between two of
# them is no further than half of it from one.
_SPACING_M = 0.01
# Rounding of distances [m].
_ROUNDING_M = 1e-9


class BaseZones:
    """Judges the twist that the speed limits left, so it comes after `BaseSpeed`.

    Motion that leads away from a border is free, also from beyond it.
    """

    name = "base_zones"

    def __init__(
        self, base: Base, boundaries: Boundaries, reaction_s: float, pose_max_age_s: float
    ) -> None:
        """Create the rule.

        Args:
            base: the contract's.
            boundaries: holds the zones in force.
            reaction_s: from a command to the base's own braking: odometry, loops, driver [s].
            pose_max_age_s: oldest odometry [s].
        """
        self._base = base
        self._boundaries = boundaries
        self._ramp = BaseRamp(base)
        self._reaction_s = reaction_s
        self._pose_max_age_s = pose_max_age_s

    def check(self, command: RobotCommand, situation: Situation) -> Verdict:
        """Slow the base down, or bring it to rest, where a zone is near."""
        zones = self._boundaries.base_zones
        twist = command.base_twist
        if not zones or "base" not in command.parts or not twist.any():
            return passed(self.name, command)
        share, reason = 0.0, self._blind(situation)
        if reason is None:
            assert situation.base_pose is not None
            share, reason = self._share(situation.base_pose, twist, zones)
            if share >= 1.0:
                return passed(self.name, command)
        slower = self._ramp.toward(share * twist, situation.sent.base_twist, situation.dt)
        return Verdict(Severity.LIMIT, self.name, reason, replace(command, base_twist=slower))

    def _blind(self, situation: Situation) -> str | None:
        """Return why it is not known where the base is, or None."""
        if situation.base_pose is None:
            return "no odometry received, but there are zones of the base; it stands"
        return out_of_time(
            "base must keep to its zones, but its odometry is",
            situation.base_pose_ns,
            situation.now_ns,
            self._pose_max_age_s,
        )

    def _share(self, pose: Pose, twist: Array, zones: Mapping[str, Zone]) -> tuple[float, str]:
        """Return the share of the twist that all zones allow, and why it is less than 1."""
        base = self._base
        path = list(braking_path(pose, twist, base, self._reaction_s))
        worst, reason = 1.0, ""
        for name, zone in zones.items():
            left = [zone.distance(point) - base.radius - _SPACING_M / 2 for point in path]
            nearest = min(left)
            if nearest >= zone.margin or nearest >= left[0] - _ROUNDING_M:
                continue
            share = max(nearest, 0.0) / zone.margin
            if share < worst:
                worst = share
                does = "brakes" if share == 0.0 else "slows down"
                reason = (
                    f"base {left[0]:.3f} m from zone '{name}', would come to {nearest:.3f} m "
                    f"before it stands, margin {zone.margin:.3f} m; it {does}"
                )
        return worst, reason


def braking_path(
    pose: Pose, twist: Array, base: Base, reaction_s: float
) -> Iterator[tuple[float, float]]:
    """Yield points (x, y) [m] of the way until the base stands, at most `_SPACING_M` apart.

    Args:
        pose: of the base now, in the odometry's frame.
        twist: (3,) vx, vy [m/s], wz [rad/s] in the base frame, held for `reaction_s` [s].
        base: its accelerations are those it brakes with.
        reaction_s: before it begins to brake [s].
    """
    x, y, _ = pose.position.tolist()
    yield x, y
    vx, vy, turning = twist.tolist()
    speed = math.hypot(vx, vy)
    even = speed * reaction_s
    length = even + speed * speed / (2.0 * base.linear_acceleration)
    count = math.ceil(length / _SPACING_M)
    # The base may stand on a ramp; its heading is that of its x axis seen from above.
    heading = math.atan2(pose.rotation[1, 0], pose.rotation[0, 0]) + math.atan2(vy, vx)
    for index in range(count):
        middle = (index + 0.5) * length / count
        if middle <= even:
            time_s = middle / speed
        else:
            rest = max(speed * speed - 2.0 * base.linear_acceleration * (middle - even), 0.0)
            time_s = reaction_s + (speed - math.sqrt(rest)) / base.linear_acceleration
        turned = _turned(turning, base.angular_acceleration, reaction_s, time_s)
        x += length / count * math.cos(heading + turned)
        y += length / count * math.sin(heading + turned)
        yield x, y


def _turned(turning: float, deceleration: float, reaction_s: float, time_s: float) -> float:
    """Return how far the base has turned [rad] at a time of its braking."""
    braking_s = min(max(time_s - reaction_s, 0.0), abs(turning) / deceleration)
    lost = math.copysign(deceleration, turning) * braking_s * braking_s / 2.0
    return turning * (min(time_s, reaction_s) + braking_s) - lost
