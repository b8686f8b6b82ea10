"""What a reset and enabling motion need, each with its present state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wall_oss_ros.core.observation import JointSample

# A reset or an enable is only accepted from a robot that stands: largest joint speed.
_STANDING_SPEED = 0.05


@dataclass(frozen=True, slots=True)
class Check:
    """One condition for a reset or for enabling motion, and whether it holds now.

    Attributes:
        name: e.g. "standing", or the name of a rule.
        ok: whether it holds.
        reason: why not and what to do, "" where it holds.
    """

    name: str
    ok: bool
    reason: str = ""


def check(name: str, reason: str | None) -> Check:
    """Return the check of this name: it holds where there is no reason against it."""
    return Check(name, reason is None, reason or "")


def blocker(checks: Sequence[Check]) -> str | None:
    """Return the reason of the first check that does not hold, or None."""
    return next((item.reason for item in checks if not item.ok), None)


def standing(measured: JointSample | None, now_ns: int, limit_s: float) -> Check:
    """Return whether the robot stands, as far as its joint states tell.

    Args:
        measured: newest joint states.
        now_ns: now [ns].
        limit_s: the age from which they tell nothing [s].
    """
    if measured is None:
        return check("standing", "no joint states received")
    age_s = (now_ns - measured.stamp_ns) * 1e-9
    if age_s > limit_s:
        return check("standing", f"joint states are {age_s:.2f} s old; is the driver running?")
    fastest = int(np.argmax(np.abs(measured.velocities)))
    speed = abs(float(measured.velocities[fastest]))
    if speed <= _STANDING_SPEED:
        return check("standing", None)
    reason = f"'{measured.names[fastest]}' still moves at {speed:.2f}; wait until the robot stands"
    return check("standing", reason)
