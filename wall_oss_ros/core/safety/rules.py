"""The rules of a robot, in the order they are folded."""

from __future__ import annotations

from dataclasses import dataclass

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.kinematics import ForwardKinematics
from wall_oss_ros.core.safety.base_speed import BaseSpeed
from wall_oss_ros.core.safety.freshness import CommandAge, HeartbeatAge, StateAge
from wall_oss_ros.core.safety.joint_limits import JointLimits
from wall_oss_ros.core.safety.rule import Rule
from wall_oss_ros.core.safety.tracking import TrackingError
from wall_oss_ros.core.safety.well_formed import WellFormed
from wall_oss_ros.core.safety.workspace import Workspace


@dataclass(frozen=True, slots=True)
class SafetySettings:
    """Thresholds that are not the robot's but the installation's.

    Attributes:
        command_max_age_s: oldest command [s].
        state_max_age_s: oldest measured joints [s].
        heartbeat_max_age_s: oldest heartbeat [s].
        heartbeat_nodes: nodes that must be alive.
        workspace_margin_m: distance to a workspace face at which steps begin to shrink [m].
        tracking_limit: largest distance of a joint from where it was sent [rad] or [m].
    """

    command_max_age_s: float = 0.15
    state_max_age_s: float = 0.15
    heartbeat_max_age_s: float = 0.6
    heartbeat_nodes: tuple[str, ...] = ("camera_sync", "policy", "chunk_executor")
    workspace_margin_m: float = 0.03
    tracking_limit: float = 0.35

    def __post_init__(self) -> None:
        for name in (
            "command_max_age_s",
            "state_max_age_s",
            "heartbeat_max_age_s",
            "workspace_margin_m",
            "tracking_limit",
        ):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name}: got {getattr(self, name)}; expected above 0")


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules that judge every command, and those that must pass before motion is enabled."""

    rules: tuple[Rule, ...]
    preconditions: tuple[Rule, ...]


def rule_set(
    contract: RobotContract, kinematics: ForwardKinematics, settings: SafetySettings
) -> RuleSet:
    """Return the rules for a robot.

    Order matters: form and freshness first, since the others may then rely on finite, present
    numbers; the joint limits last, so that what the other rules changed is bounded too.
    """
    fresh: tuple[Rule, ...] = (
        WellFormed(contract),
        CommandAge(settings.command_max_age_s),
        StateAge(settings.state_max_age_s),
        HeartbeatAge(settings.heartbeat_nodes, settings.heartbeat_max_age_s),
    )
    moving: tuple[Rule, ...] = (
        TrackingError(contract, settings.tracking_limit),
        Workspace(contract, kinematics, settings.workspace_margin_m),
        *((BaseSpeed(contract.base),) if contract.base is not None else ()),
        JointLimits(contract),
    )
    return RuleSet(rules=(*fresh, *moving), preconditions=fresh)
