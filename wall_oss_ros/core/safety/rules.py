"""The rules of a robot, in the order they are folded."""

from __future__ import annotations

from dataclasses import dataclass

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.kinematics import ForwardKinematics
from wall_oss_ros.core.safety.barrier import Barrier
from wall_oss_ros.core.safety.base_speed import BaseSpeed
from wall_oss_ros.core.safety.freshness import CommandAge, HeartbeatAge, StateAge
from wall_oss_ros.core.safety.joint_limits import JointLimits
from wall_oss_ros.core.safety.rule import Pace, Rule
from wall_oss_ros.core.safety.tracking import TrackingError
from wall_oss_ros.core.safety.well_formed import WellFormed
from wall_oss_ros.core.safety.workspace import Workspace
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
        0.03, "distance to a workspace face at which steps begin to shrink [m]", low=0.001, high=0.5
    )
    shadow: bool = setting(False, "judge and report, but send nothing to the controllers")
    tracking_limit: float = setting(
        0.35, "largest distance of a joint from where it was sent [rad] or [m]", low=0.01, high=3.0
    )


@dataclass(frozen=True, slots=True)
class RuleSet:
    """What is judged.

    Attributes:
        rules: fold over every command.
        preconditions: those that must pass before motion is enabled.
        barriers: what neither the commanded posture nor the one it can brake to may touch.
        paces: how fast a step between two postures may be.
    """

    rules: tuple[Rule, ...]
    preconditions: tuple[Rule, ...]
    barriers: tuple[Barrier, ...] = ()
    paces: tuple[Pace, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the counters."""
        rules = [rule.name for rule in self.rules]
        paces = [pace.name for pace in self.paces]
        return tuple(dict.fromkeys([*rules, *paces, *(item.name for item in self.barriers)]))

    @property
    def links(self) -> tuple[str, ...]:
        """Links that the barriers ask about."""
        return tuple(dict.fromkeys(link for barrier in self.barriers for link in barrier.links))


def rule_set(
    contract: RobotContract, kinematics: ForwardKinematics, settings: SafetySettings
) -> RuleSet:
    """Return the rules for a robot.

    Order matters: form and freshness first, since the others may then rely on finite, present
    numbers; then the joint limits, because the workspace must judge the step that will be made and
    not its far end. The workspace only shortens steps, so what it gives is within the limits too.
    """
    fresh: tuple[Rule, ...] = (
        WellFormed(contract),
        CommandAge(settings.command_max_age_s),
        StateAge(settings.state_max_age_s),
        HeartbeatAge(settings.heartbeat_nodes, settings.heartbeat_max_age_s),
    )
    moving: tuple[Rule, ...] = (
        TrackingError(contract, settings.tracking_limit),
        *((BaseSpeed(contract.base),) if contract.base is not None else ()),
        JointLimits(contract),
        Workspace(contract, kinematics, settings.workspace_margin_m),
    )
    return RuleSet(rules=(*fresh, *moving), preconditions=fresh, barriers=())
