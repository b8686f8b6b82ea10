"""What is judged for a robot, in the order it is folded."""

from __future__ import annotations

from dataclasses import dataclass

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.safety.barrier import Barrier
from wall_oss_ros.core.safety.base_speed import BaseSpeed
from wall_oss_ros.core.safety.base_zones import BaseZones
from wall_oss_ros.core.safety.boundaries import Boundaries
from wall_oss_ros.core.safety.clock_jump import ClockJump
from wall_oss_ros.core.safety.command_line import ControllersListen, SoleCommander
from wall_oss_ros.core.safety.dead_man import DeadMan
from wall_oss_ros.core.safety.freshness import CommandAge, HeartbeatAge, StateAge
from wall_oss_ros.core.safety.gripper_range import GripperRange
from wall_oss_ros.core.safety.motion_guard import JOINT_LIMITS, STAND_AT_ONCE
from wall_oss_ros.core.safety.rule import Pace, Rule
from wall_oss_ros.core.safety.source_epoch import SourceEpoch
from wall_oss_ros.core.safety.tool_speed import ToolPace
from wall_oss_ros.core.safety.tracking import TrackingError
from wall_oss_ros.core.safety.well_formed import WellFormed
from wall_oss_ros.core.settings import Settings, setting


@dataclass(frozen=True, slots=True)
class SafetySettings(Settings):
    """Thresholds that are not the robot's but the installation's."""

    command_max_age_s: float = setting(0.2, "oldest command [s]", low=0.01, high=2.0)
    state_max_age_s: float = setting(0.25, "oldest measured joints [s]", low=0.01, high=2.0)
    heartbeat_max_age_s: float = setting(0.6, "oldest heartbeat [s]", low=0.05, high=10.0)
    heartbeat_nodes: tuple[str, ...] = setting(
        ("camera_sync", "policy", "chunk_executor"), "names of the nodes that must be alive"
    )
    workspace_margin_m: float = setting(
        0.03, "distance to a workspace face at which motion slows down [m]", low=0.001, high=0.5
    )
    base_reaction_s: float = setting(
        0.15, "from a command to the base's own braking [s]", low=0.0, high=1.0
    )
    base_pose_max_age_s: float = setting(
        0.3, "oldest odometry near a zone of the base [s]", low=0.02, high=2.0
    )
    pause_max_s: float = setting(
        0.3,
        "longest time between two ticks over which motion goes on; the controllers brake by "
        "themselves 0.15 s after the last one [s]",
        low=0.05,
        high=5.0,
    )
    clock_jump_s: float = setting(
        0.5, "largest jump of the clock against a steady one [s]", low=0.05, high=10.0
    )
    dead_man_required: bool = setting(False, "motion only while the dead-man input says held")
    dead_man_max_age_s: float = setting(
        0.5, "oldest word of the dead-man input [s]", low=0.02, high=5.0
    )
    shadow: bool = setting(False, "judge and report, but send nothing to the controllers")
    tracking_limit: float = setting(
        0.35, "largest distance of a joint from where it was sent [rad] or [m]", low=0.01, high=3.0
    )


@dataclass(frozen=True, slots=True)
class RuleSet:
    """What is judged.

    Attributes:
        form: whether the command is one at all; judged first.
        rules: judge everything but the command's numbers, whatever the others say.
        shaping: compute with the command's numbers and may change them, each what the one before
            it left; not asked about a command that has no form.
        preconditions: of the above, those that must pass before motion is enabled.
        barriers: what neither the commanded posture nor the one it can brake to may touch.
        paces: how fast a step between two postures may be.
    """

    form: Rule
    rules: tuple[Rule, ...]
    shaping: tuple[Rule, ...]
    preconditions: tuple[Rule, ...]
    barriers: tuple[Barrier, ...] = ()
    paces: tuple[Pace, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the counters."""
        judges = (self.form, *self.rules, *self.shaping)
        names = [rule.name for rule in judges] + [pace.name for pace in self.paces]
        barriers = [barrier.name for barrier in self.barriers]
        return tuple(dict.fromkeys([*names, JOINT_LIMITS, *barriers, STAND_AT_ONCE]))

    @property
    def links(self) -> tuple[str, ...]:
        """Links that the barriers ask about."""
        return tuple(dict.fromkeys(link for barrier in self.barriers for link in barrier.links))


def rule_set(contract: RobotContract, settings: SafetySettings, boundaries: Boundaries) -> RuleSet:
    """Return what is judged for a robot.

    The first of equally severe verdicts speaks, so causes come before what follows from them: a
    clock that jumped also makes everything look old. In shadow mode others drive the robot: it
    follows them, and they command its controllers.
    """
    form = WellFormed(contract)
    fresh: tuple[Rule, ...] = (
        CommandAge(settings.command_max_age_s),
        StateAge(settings.state_max_age_s),
        HeartbeatAge(settings.heartbeat_nodes, settings.heartbeat_max_age_s),
    )
    held: tuple[Rule, ...] = ()
    if settings.dead_man_required:
        held = (DeadMan(settings.dead_man_max_age_s),)
    alone: tuple[Rule, ...] = ()
    following: tuple[Rule, ...] = ()
    if not settings.shadow:
        alone = (SoleCommander(), ControllersListen())
        following = (TrackingError(contract, settings.tracking_limit),)
    before = (*fresh, *held, *alone)
    driving: tuple[Rule, ...] = ()
    if contract.base is not None:
        ages = settings.base_reaction_s, settings.base_pose_max_age_s
        driving = (BaseSpeed(contract.base), BaseZones(contract.base, boundaries, *ages))
    return RuleSet(
        form=form,
        rules=(ClockJump(settings.clock_jump_s), *before, SourceEpoch(), *following),
        shaping=(GripperRange(contract), *driving),
        preconditions=(form, *before),
        barriers=boundaries.barriers,
        paces=(ToolPace(contract),),
    )
