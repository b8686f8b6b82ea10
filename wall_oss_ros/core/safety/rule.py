"""The seam of the supervisor: a rule is a name and one method. A new rule is a new file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.kinematics import Survey
from wall_oss_ros.core.observation import JointSample
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.safety.verdict import Severity, Verdict


@dataclass(frozen=True, slots=True, eq=False)
class Situation:
    """What the rules judge a command against.

    Attributes:
        now_ns: this tick [ns].
        dt: time since the last tick [s].
        measured: newest measured joints, or None before the first.
        sent: the last command that went to the controllers, or the measured pose at enabling.
        heartbeats: newest heartbeat stamp of each node [ns].
        base_pose: base in the odometry's frame, or None before the first odometry.
        base_pose_ns: its stamp [ns].
        dead_man_ns: when the dead-man input last said "held" [ns]; None for never, or released.
        strangers: publishers of controller topics that are not this supervisor, in words.
        deaf: controller topics that nobody subscribes to.
        clock_jump_s: how much more the clock advanced than a steady one since the last tick [s].
    """

    now_ns: int
    dt: float
    measured: JointSample | None
    sent: RobotCommand
    heartbeats: Mapping[str, int]
    base_pose: Pose | None = None
    base_pose_ns: int = 0
    dead_man_ns: int | None = None
    strangers: tuple[str, ...] = ()
    deaf: tuple[str, ...] = ()
    clock_jump_s: float = 0.0


class Rule(Protocol):
    """One thing that must hold."""

    @property
    def name(self) -> str:
        """Name in verdicts and counters."""

    def check(self, command: RobotCommand, situation: Situation) -> Verdict:
        """Judge a command; up to LIMIT the verdict's command replaces it."""


class Pace(Protocol):
    """How fast a step between two postures may be, e.g. the speed of a tool."""

    @property
    def name(self) -> str:
        """Name in verdicts and counters."""

    def share(self, before: Survey, after: Survey, dt: float) -> tuple[float, str]:
        """Return the share of the step's speed that is allowed, at most 1, and why it is less.

        Args:
            before: posture commanded at the last tick.
            after: posture that is about to be commanded.
            dt: time between them [s].
        """


def passed(rule: str, command: RobotCommand) -> Verdict:
    """Return the verdict of a rule that has nothing to say."""
    return Verdict(Severity.PASS, rule, "", command)
