"""What the robot must stay clear of, as one object: workspace, clearance, and the zones in force.

Zones can be replaced while the robot moves. All who judge ask here, and each answer is complete and
never changes, so that a thread in the middle of its work goes on with what it began with::

    boundaries = Boundaries(contract, kinematics, margin_m)
    rules = rule_set(contract, settings, boundaries)
    look_ahead = LookAhead(contract, other_kinematics, boundaries, look_ahead_settings)

    boundaries.replace(load_zones(path, contract))    # ContractError: nothing changed
    supervisor.replace_barriers(boundaries.barriers)
    draw(boundaries.outlines)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wall_oss_ros.core.contract import RobotContract, Zone
from wall_oss_ros.core.errors import ContractError
from wall_oss_ros.core.kinematics import ForwardKinematics
from wall_oss_ros.core.safety.barrier import Barrier, Gap
from wall_oss_ros.core.safety.clearance import Clearance
from wall_oss_ros.core.safety.outline import Outline, workspace_outlines, zone_outlines
from wall_oss_ros.core.safety.workspace import Workspace
from wall_oss_ros.core.safety.zones import Zones


@dataclass(frozen=True, slots=True)
class _InForce:
    """One state of everything that is replaced together."""

    zones: Mapping[str, Zone]
    barriers: tuple[Barrier, ...]
    base_zones: Mapping[str, Zone]
    outlines: tuple[Outline, ...]


class Boundaries:
    """Holds the zones in force. Any thread may read; one at a time may replace.

    Attributes:
        workspace_margin_m: distance to a workspace face at which slowing down begins [m].
    """

    def __init__(
        self, contract: RobotContract, kinematics: ForwardKinematics, workspace_margin_m: float
    ) -> None:
        """Begin with the contract's zones.

        Args:
            contract: the robot.
            kinematics: asked in `replace` whether it knows the links that zones name; whoever
                shares it with a thread calls `replace` under the lock that guards it.
            workspace_margin_m: distance to a workspace face at which slowing down begins [m].

        Raises:
            ContractError: if a zone names a link that the robot has not.
        """
        self.workspace_margin_m = workspace_margin_m
        self._contract = contract
        self._kinematics = kinematics
        self._always: tuple[Barrier, ...] = (Workspace(contract, workspace_margin_m),)
        if contract.clearance is not None:
            self._always += (Clearance(contract.clearance),)
        self._in_force = self._made(contract.zones)

    @property
    def zones(self) -> Mapping[str, Zone]:
        """All zones in force, by name."""
        return self._in_force.zones

    @property
    def barriers(self) -> tuple[Barrier, ...]:
        """What the joints must not run into: workspace, clearance where there is one, zones."""
        return self._in_force.barriers

    @property
    def base_zones(self) -> Mapping[str, Zone]:
        """Zones of the base, by name."""
        return self._in_force.base_zones

    @property
    def outlines(self) -> tuple[Outline, ...]:
        """Workspaces and zones as they are drawn."""
        return self._in_force.outlines

    def replace(self, zones: Mapping[str, Zone]) -> None:
        """Put other zones in force, all at once.

        Raises:
            ContractError: if one does not fit the robot; those in force stay.
        """
        self._contract.check_zones(zones)
        self._in_force = self._made(zones)

    def beyond_at_home(self) -> tuple[Gap, ...]:
        """Return the gaps that the home posture violates; a robot at home could not move on."""
        return tuple(
            gap
            for barrier in self.barriers
            for gap in barrier.gaps(self._kinematics.survey(self._contract.home, barrier.links))
            if gap.distance < 0.0
        )

    def _made(self, zones: Mapping[str, Zone]) -> _InForce:
        base_frame = self._contract.base_frame
        for name, zone in zones.items():
            links = Zones({name: zone}, base_frame).links
            try:
                self._kinematics.survey(self._contract.home, links)
            except ValueError as error:
                raise ContractError(f"zones.{name}: {error}") from None
        return _InForce(
            zones=zones,
            barriers=(*self._always, Zones(zones, base_frame)),
            base_zones={name: zone for name, zone in zones.items() if "base" in zone.parts},
            outlines=(*workspace_outlines(self._contract), *zone_outlines(zones)),
        )
